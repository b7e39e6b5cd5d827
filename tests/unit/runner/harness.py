"""Runs the runner as the pod does: the bundle in a folder, the container's variables, one process.

Never imports what it tests, other than `bundle()`.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mljob.runner.bundle import bundle

# The interpreter behind the virtual environment: like any image's, it does not have `mljob` installed.
PYTHON = str(Path(sys.base_prefix) / "bin" / f"python3.{sys.version_info.minor}")
JOBS = Path(__file__).parent / "jobs"
DEADLINE_SECONDS = 60
_VERSIONS = ("3.8", "3.9", "3.10", "3.11", "3.12", "3.13", "3.14")


@dataclass(frozen=True)
class Ran:
    """How a run of the container's command ended."""

    exit_code: int
    message: bytes
    stdout: str
    stderr: str

    @property
    def report(self) -> dict[str, Any]:
        report = json.loads(self.message.decode("utf-8"))
        assert isinstance(report, dict)
        return report

    def __getitem__(self, field: str) -> Any:
        return self.report[field]


class Container:
    """A started container command; `ready()` waits for the job's first line."""

    def __init__(self, process: subprocess.Popen[str], message: Path) -> None:
        self.process = process
        self._message = message

    def ready(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def wait(self) -> Ran:
        stdout, stderr = self.process.communicate(timeout=DEADLINE_SECONDS)
        written = self._message.read_bytes() if self._message.exists() else b""
        return Ran(self.process.returncode, written, stdout, stderr)


class Pod:
    """The mounted runner, and a folder for what one container reads and writes."""

    def __init__(self, runner: Path, folder: Path) -> None:
        self.runner = runner
        self.folder = folder

    def start(
        self,
        function: str,
        params: object = None,
        *,
        python: str = PYTHON,
        sources: Path = JOBS,
        env: Mapping[str, str] | None = None,
        before: tuple[str, ...] = (),
    ) -> Container:
        """`params` is the exact text of the file, or a value to be written as JSON."""
        text = params if isinstance(params, str) else json.dumps({} if params is None else params)
        params_file = self.folder / "params.json"
        params_file.write_text(text)
        message = self.folder / "termination-log"
        variables = {
            "MLJOB_FUNCTION": function,
            "MLJOB_PARAMS_FILE": str(params_file),
            "MLJOB_SOURCE_DIR": str(sources),
            "MLJOB_TERMINATION_LOG": str(message),
            **(env or {}),
        }
        process = subprocess.Popen(
            [*before, python, str(self.runner / "run.py")],
            env={**_clean_environ(), **variables},
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        return Container(process, message)

    def run(self, function: str, params: object = None, **options: Any) -> Ran:
        return self.start(function, params, **options).wait()


def _clean_environ() -> dict[str, str]:
    """Without what the test runner's own environment would do to other interpreters."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "COV_", "MLJOB"))
    }
    return {**kept, "PYTHONDONTWRITEBYTECODE": "1"}


def mount_runner(folder: Path) -> Path:
    """Lay the bundle out as the ConfigMap volume does."""
    for key, path in bundle().items:
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(bundle().files[key])
    return folder


def interpreters() -> list[str]:
    """One path for every Python from 3.8 on that this machine has: on PATH, of pyenv, and our own."""
    found: dict[str, str] = {}
    for version, path in _candidates():
        found.setdefault(version, path)
    return [found[version] for version in _VERSIONS if version in found]


def _candidates() -> Iterator[tuple[str, str]]:
    yield f"3.{sys.version_info.minor}", PYTHON
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    for path in sorted(root.glob("3.*/bin/python")):
        match = re.match(r"3\.\d+", path.parent.parent.name)
        if match:
            yield match.group(), str(path)
    for version in _VERSIONS:
        on_path = shutil.which(f"python{version}")
        # pyenv's shims are there for versions it does not have.
        if on_path and "shims" not in Path(on_path).parts:
            yield version, on_path


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
