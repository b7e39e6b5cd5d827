"""What the operator asks of the runner: the MLJOB_* environment variables, read and checked once."""

from __future__ import annotations

import json
import math
from typing import Mapping, NamedTuple


class InvalidSetting(Exception):
    """A variable that cannot be used; the text names it, what was found and what was expected."""


class Settings(NamedTuple):
    function: str
    params_file: str
    termination_log: str
    timeout_seconds: float | None
    # Between SIGTERM and SIGKILL to the function; less than the pod's own, for a report has to follow.
    grace_seconds: float
    result_limit_bytes: int
    report_limit_bytes: int
    transient_errors: tuple[str, ...]
    source_dir: str | None


def read_settings(environ: Mapping[str, str]) -> Settings:
    """Raises InvalidSetting. An empty variable counts as absent, as Kubernetes renders absent values."""
    function = environ.get("MLJOB_FUNCTION") or ""
    if not function:
        raise InvalidSetting("MLJOB_FUNCTION is not set; expected 'package.module.function'")
    return Settings(
        function=function,
        params_file=environ.get("MLJOB_PARAMS_FILE") or "/opt/mljob/params/params.json",
        termination_log=termination_log(environ),
        timeout_seconds=_seconds(environ, "MLJOB_TIMEOUT_SECONDS", default=None, least=0.001),
        grace_seconds=_seconds(environ, "MLJOB_GRACE_SECONDS", default=30.0, least=0.0) or 0.0,
        result_limit_bytes=_byte_count(environ, "MLJOB_RESULT_LIMIT_BYTES", default=3000, least=0),
        # A kubelet keeps 4,096 bytes of one container and 12 KiB of one pod, in equal parts: with more
        # than three containers in the pod the operator asks for a smaller report.
        report_limit_bytes=_byte_count(
            environ, "MLJOB_REPORT_LIMIT_BYTES", default=4096, least=1024, most=4096
        ),
        transient_errors=_names(environ, "MLJOB_TRANSIENT_ERRORS"),
        source_dir=environ.get("MLJOB_SOURCE_DIR") or None,
    )


def termination_log(environ: Mapping[str, str]) -> str:
    """Where the report goes; apart, because an unusable setting has to be reported there too."""
    return environ.get("MLJOB_TERMINATION_LOG") or "/dev/termination-log"


def _seconds(environ: Mapping[str, str], name: str, default: float | None, least: float) -> float | None:
    text = environ.get(name)
    if not text:
        return default
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (least <= value < math.inf):
        bound = "greater than 0" if least > 0 else "0 or more"
        raise InvalidSetting(f"{name} is {text!r}; expected a number of seconds, {bound}")
    return value


def _byte_count(environ: Mapping[str, str], name: str, default: int, least: int, most: int = 1 << 30) -> int:
    text = environ.get(name)
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and least <= int(text) <= most):
        raise InvalidSetting(f"{name} is {text!r}; expected a number of bytes from {least} to {most}")
    return int(text)


def _names(environ: Mapping[str, str], name: str) -> tuple[str, ...]:
    text = environ.get(name)
    if not text:
        return ()
    try:
        names = json.loads(text)
    except ValueError:
        names = None
    if not isinstance(names, list) or not all(isinstance(item, str) and item for item in names):
        raise InvalidSetting(f'{name} is {text!r}; expected a JSON list of class names, as ["package.Class"]')
    return tuple(names)
