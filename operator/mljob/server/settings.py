"""What the environment says about this process. The only module that reads environment variables."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from mljob.logformat import LogFormat

MAX_PORT = 65_535
DEFAULT_BODY_LIMIT_BYTES = 1024 * 1024

T = TypeVar("T")


class SettingsError(Exception):
    """A variable that cannot be used: its name, what was found, what is expected."""


class Auth(StrEnum):
    """How callers are told apart."""

    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Durations in seconds, sizes in bytes."""

    database_url: str
    namespace: str | None = None
    """where submissions go that name none; None: the pod's own, or the kubeconfig's"""
    watch_namespaces: tuple[str, ...] = ()
    """the only namespaces served; empty: all"""
    listen_host: str = "127.0.0.1"
    listen_port: int = 8080
    auth: Auth = Auth.NONE
    kubeconfig: str | None = None
    cluster_id: str | None = None
    """uid of kube-system; None: read from the API server"""
    record_finalizer: bool = True
    """put the finalizer on what is submitted, so that a job deleted at any moment is recorded first"""
    body_limit_bytes: int = DEFAULT_BODY_LIMIT_BYTES
    shutdown_grace_seconds: int = 10
    log_format: LogFormat = LogFormat.JSON
    log_level: str = "INFO"


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Raises SettingsError. An empty variable is an absent one."""
    found = _Variables(environment)
    return Settings(
        database_url=found.required(
            "MLJOB_DATABASE_URL", "sqlite:////var/lib/mljob/mljob.db or postgresql://user:password@host/name"
        ),
        namespace=found.text("MLJOB_NAMESPACE"),
        watch_namespaces=found.names("MLJOB_WATCH_NAMESPACES"),
        listen_host=found.text("MLJOB_LISTEN_HOST") or "127.0.0.1",
        listen_port=found.integer("MLJOB_LISTEN_PORT", 8080, 0, MAX_PORT),
        auth=found.choice("MLJOB_AUTH", Auth, Auth.NONE),
        kubeconfig=found.text("KUBECONFIG"),
        cluster_id=found.text("MLJOB_CLUSTER_ID"),
        record_finalizer=found.boolean("MLJOB_RECORD_FINALIZER", True),
        body_limit_bytes=found.integer("MLJOB_BODY_LIMIT_BYTES", DEFAULT_BODY_LIMIT_BYTES, 1024, 2**30),
        shutdown_grace_seconds=found.integer("MLJOB_SHUTDOWN_GRACE_SECONDS", 10, 0, 3600),
        log_format=found.choice("MLJOB_LOG_FORMAT", LogFormat, LogFormat.JSON),
        log_level=found.one_of("MLJOB_LOG_LEVEL", ("DEBUG", "INFO", "WARNING", "ERROR"), "INFO"),
    )


class _Variables:
    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment

    def text(self, name: str) -> str | None:
        return self._environment.get(name, "").strip() or None

    def required(self, name: str, example: str) -> str:
        value = self.text(name)
        if value is None:
            raise SettingsError(f"{name} is not set: expected e.g. {example}")
        return value

    def names(self, name: str) -> tuple[str, ...]:
        parts = (self.text(name) or "").split(",")
        return tuple(dict.fromkeys(part.strip() for part in parts if part.strip()))

    def integer(self, name: str, default: int, least: int, most: int) -> int:
        def parse(value: str) -> int:
            number = int(value)
            if not least <= number <= most:
                raise ValueError(value)
            return number

        return self._parsed(name, default, parse, f"a whole number from {least} to {most}")

    def boolean(self, name: str, default: bool) -> bool:
        return self._parsed(
            name, default, lambda value: {"true": True, "false": False}[value.lower()], "true or false"
        )

    def choice(self, name: str, kind: type[T], default: T) -> T:
        allowed = ", ".join(str(member) for member in kind)  # type: ignore[attr-defined]
        return self._parsed(name, default, kind, f"one of {allowed}")

    def one_of(self, name: str, allowed: tuple[str, ...], default: str) -> str:
        return self._parsed(
            name, default, lambda value: allowed[allowed.index(value.upper())], f"one of {', '.join(allowed)}"
        )

    def _parsed(self, name: str, default: T, parse: Callable[[str], T], expected: str) -> T:
        value = self.text(name)
        if value is None:
            return default
        try:
            return parse(value)
        except (ValueError, KeyError):
            raise SettingsError(f"{name} is {value!r}: expected {expected}") from None
