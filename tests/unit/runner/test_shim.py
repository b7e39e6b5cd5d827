"""The `mljob` that a job's module finds in an image without the SDK."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest
from mljob.runner.pod import shim
from mljob.runner.pod.shim import JobStatus, TransientError, job, progress

from tests.unit.runner.harness import Pod, interpreters

DECORATED = """
from mljob import JobStatus, TransientError, get_job, job, progress, submit_job

class TooBusy(TransientError):
    pass

class Careless(TransientError):
    def __init__(self):
        pass

@job("train", max_workers=2, transient_error_classes=[OSError], pip_requirements=["x"], image="i", timeout=5)
def train(x):
    progress(1, 10, "half", unit="epochs")
    progress(message="done")
    return [x, str(JobStatus.RUNNING)]

@job(name="again", max_workers=1)
def again(how):
    origin = ValueError("try later")
    if how == "careless":
        raise Careless()
    raise {"plain": TransientError, "subclass": TooBusy}[how](origin)

def resubmit():
    submit_job(train, {"x": 1})

def where():
    import mljob
    return [mljob.__file__, getattr(mljob, "MARK", None)]
"""


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    folder = tmp_path / "sources"
    folder.mkdir()
    (folder / "decorated.py").write_text(DECORATED)
    return folder


@pytest.mark.parametrize("python", interpreters(), ids=lambda path: path)
def test_decorated_functions_run_in_any_image(pod: Pod, sources: Path, python: str) -> None:
    ran = pod.run("decorated.train", {"x": 1}, sources=sources, python=python)
    assert (ran["outcome"], ran["result"], ran.stderr) == ("succeeded", '[1, "RUNNING"]', "")
    again = pod.run("decorated.again", {"how": "plain"}, sources=sources, python=python)
    assert (again.exit_code, again["outcome"], again["error"]) == (75, "transient", "ValueError('try later')")


@pytest.mark.parametrize(
    ("how", "error", "error_class"),
    [
        ("plain", "ValueError('try later')", "builtins.ValueError"),
        ("subclass", "ValueError('try later')", "builtins.ValueError"),
        ("careless", "Careless()", "decorated.Careless"),
    ],
)
def test_transient_errors_are_reported_with_their_origin(
    pod: Pod, sources: Path, how: str, error: str, error_class: str
) -> None:
    ran = pod.run("decorated.again", {"how": how}, sources=sources)
    assert (ran.exit_code, ran["outcome"]) == (75, "transient")
    assert (ran["error"], ran["errorClass"]) == (error, error_class)
    assert "in again" in ran["traceback"]


def test_functions_of_the_sdk_say_that_it_is_missing(pod: Pod, sources: Path) -> None:
    ran = pod.run("decorated.resubmit", sources=sources)
    assert ran["error"].startswith(
        "RuntimeError('mljob.submit_job needs the mljob SDK, which is not installed"
    )


def test_an_installed_sdk_wins(pod: Pod, sources: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    (site / "mljob").mkdir(parents=True)
    (site / "mljob" / "__init__.py").write_text(
        "def job(*a, **k): return lambda f: f\n"
        "class TransientError(Exception):\n"
        "  origin_error = KeyError('sdk')\n"
        "  def __init__(self, origin): pass\n"
        "JobStatus = get_job = progress = submit_job = None\nMARK = 'sdk'\n"
    )
    env = {"PYTHONPATH": str(site)}
    ran = pod.run("decorated.where", sources=sources, env=env)
    assert json.loads(ran["result"]) == [str(site / "mljob" / "__init__.py"), "sdk"]
    assert json.loads(pod.run("decorated.where", sources=sources)["result"])[0].endswith(
        "/shim/mljob/__init__.py"
    )
    again = pod.run("decorated.again", {"how": "plain"}, sources=sources, env=env)
    assert (again["outcome"], again["error"]) == ("transient", "KeyError('sdk')")


def test_transient_error_carries_its_origin_and_no_text() -> None:
    origin = ValueError("x")
    error = TransientError(origin)
    assert (error.origin_error, str(error)) == (origin, "")
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
    assert (type(copy), repr(copy.origin_error)) == (TransientError, "ValueError('x')")


def test_decorated_function_is_the_same_function() -> None:
    def function() -> int:
        return 1

    assert job("name", 2, [OSError], python_version="3.11", anything="else")(function) is function
    declared = function._job_fn_metadata  # type: ignore[attr-defined]
    assert declared.name == "name"
    assert declared.fn_fullname == f"{__name__}.function"
    assert (declared.max_workers, declared.transient_error_classes) == (2, [OSError])


def test_progress_is_accepted() -> None:
    progress()
    progress(1, 2, "text", "epochs")


def test_unknown_names_are_unknown() -> None:
    with pytest.raises(AttributeError, match="no attribute 'submit_jobz'"):
        _ = shim.submit_jobz
    with pytest.raises(RuntimeError, match=r"mljob\.get_job needs the mljob SDK"):
        shim.get_job("id")


@pytest.mark.parametrize(
    ("name", "integer", "final"),
    [
        ("PENDING", 0, False),
        ("RUNNING", 1, False),
        ("SUCCEEDED", 2, True),
        ("FAILED", 3, True),
        ("TIMEOUT", 4, True),
        ("CANCELED", 10, True),
    ],
)
def test_statuses_are_those_of_mlflow(name: str, integer: int, final: bool) -> None:
    status = JobStatus.from_str(name)
    assert (str(status), status.to_int(), JobStatus.is_finalized(status)) == (name, integer, final)
    assert JobStatus.from_int(integer) is status
    assert json.dumps(status) == f'"{name}"'


@pytest.mark.parametrize("value", [5, 6, -1, 11])
def test_other_integers_are_no_status(value: int) -> None:
    with pytest.raises(
        ValueError, match=rf"^The value {value} can't be converted to JobStatus enum value\.$"
    ):
        JobStatus.from_int(value)


@pytest.mark.parametrize("value", ["ABC", "pending", ""])
def test_other_texts_are_no_status(value: str) -> None:
    with pytest.raises(
        ValueError, match=rf"^The string '{value}' can't be converted to JobStatus enum value\.$"
    ):
        JobStatus.from_str(value)


def test_every_status_has_an_integer() -> None:
    assert sorted(status.to_int() for status in JobStatus) == [0, 1, 2, 3, 4, 10]
