"""Wheels of a hashed requirements file, fetched here so that image builds need no network. Installs none."""

import platform
import sys
from pathlib import Path

from .cache import Cache, digest
from .commands import Commands

# What runs on Debian 12 and later; pip takes each name by itself and not what is below it.
GLIBC_MINORS = (36, 34, 31, 28, 27, 24, 17, 12, 5)


class Wheels:
    """Folders of wheels by Python version and requirements file, each fetched once."""

    def __init__(self, cache: Cache, commands: Commands) -> None:
        self._cache = cache
        self._commands = commands

    def fetch(self, requirements: Path, python_version: str) -> Path:
        """A folder with the wheel of every line, its hash checked."""
        return self._cache.get(
            "wheels",
            self._key(requirements, python_version),
            lambda place: self._download(requirements, python_version, place),
        )

    def is_fetched(self, requirements: Path, python_version: str) -> bool:
        return self._cache.has("wheels", self._key(requirements, python_version))

    def _key(self, requirements: Path, python_version: str) -> str:
        return digest(requirements.read_bytes(), python_version, platform.machine(), str(GLIBC_MINORS))

    def _download(self, requirements: Path, python_version: str, place: Path) -> None:
        machine = platform.machine()
        platforms = [f"--platform=manylinux_2_{minor}_{machine}" for minor in GLIBC_MINORS]
        platforms += [f"--platform=manylinux2014_{machine}"]
        self._commands.run(
            *(sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"),
            *("--require-hashes", "--no-deps", "--only-binary=:all:", "--implementation=cp"),
            *(f"--python-version={python_version}", *platforms),
            *("--dest", place, "--requirement", requirements),
            log="wheels",
        )
