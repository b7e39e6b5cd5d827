"""The `mljob` of an image without the SDK: what a job's module needs in order to be imported and to run.

It comes last on the import path: where the SDK is installed, this is not used.
"""

from __future__ import annotations

from typing import Any, Callable, NamedTuple, NoReturn, Sequence, TypeVar

from .status import JobStatus

__all__ = ["JobFunction", "JobStatus", "TransientError", "job", "progress"]

_F = TypeVar("_F", bound=Callable[..., Any])

_ONLY_IN_SDK = frozenset(
    ("Job", "cancel_job", "get_job", "search_jobs", "submit_job", "submit_jobs", "wait_for_job")
)


class TransientError(RuntimeError):
    """Raised by a job function that wants to be tried again: `raise TransientError(error)`."""

    def __init__(self, origin_error: Exception) -> None:
        super().__init__()
        self._origin_error = origin_error

    @property
    def origin_error(self) -> Exception:
        return self._origin_error

    def __reduce__(self) -> tuple[Any, ...]:
        # RuntimeError's own would call __init__ without the origin, in the parent of a process pool.
        return type(self), (self._origin_error,)


class JobFunction(NamedTuple):
    """What `@job` declares; in the pod nobody reads it, the MlJobDefinition counts."""

    name: str
    fn_fullname: str
    max_workers: int
    transient_error_classes: Sequence[type] | None
    python_env: None


def job(
    name: str,
    max_workers: int,
    transient_error_classes: Sequence[type] | None = None,
    python_version: str | None = None,
    pip_requirements: Sequence[str] | None = None,
    **settings: object,
) -> Callable[[_F], _F]:
    """The SDK's decorator: returns the same function, with what was declared beside it."""

    def decorate(function: _F) -> _F:
        fullname = f"{function.__module__}.{function.__name__}"
        declared = JobFunction(name, fullname, max_workers, transient_error_classes, None)
        function._job_fn_metadata = declared  # type: ignore[attr-defined]
        return function

    return decorate


def progress(
    completed: float | None = None,
    total: float | None = None,
    message: str | None = None,
    unit: str | None = None,
) -> None:
    """Accepted, so that a job that tells of its progress runs here; this runner does not pass it on."""


def __getattr__(name: str) -> Callable[..., NoReturn]:
    """A module may import the SDK's other functions; calling them is what takes the SDK."""
    if name not in _ONLY_IN_SDK:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def unavailable(*args: object, **kwargs: object) -> NoReturn:
        raise RuntimeError(
            f"mljob.{name} needs the mljob SDK, which is not installed in this image; "
            "built into every job are only job, TransientError, progress and JobStatus."
        )

    return unavailable
