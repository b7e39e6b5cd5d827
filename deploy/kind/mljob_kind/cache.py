"""The user's cache: a folder per hash of inputs, whole or absent. It never looks inside what it keeps."""

import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from .commands import Cancelled, Commands

KEY_CHARACTERS = 20
LOCK_RETRY_SECONDS = 0.5


def digest(*inputs: str | bytes | Path) -> str:
    """A short key for texts and for files and folders (their names and bytes)."""
    whole = hashlib.sha256()
    for part in inputs:
        for name, content in _entries(part):
            whole.update(f"{len(name)} {len(content)} {name}\n".encode())
            whole.update(content)
    return whole.hexdigest()[:KEY_CHARACTERS]


def _entries(part: str | bytes | Path) -> Iterator[tuple[str, bytes]]:
    if isinstance(part, str):
        yield "", part.encode()
    elif isinstance(part, bytes):
        yield "", part
    elif part.is_dir():
        for file in sorted(part.rglob("*")):
            if file.is_file() and "__pycache__" not in file.parts:
                mode = "x" if os.access(file, os.X_OK) else "-"
                yield f"{mode}{file.relative_to(part)}", file.read_bytes()
    else:
        yield part.name, part.read_bytes()


class Cache:
    """Makes each thing once, also when several checkouts ask for it at the same time."""

    def __init__(self, root: Path, commands: Commands) -> None:
        self._root = root
        self._commands = commands

    def has(self, kind: str, key: str) -> bool:
        return self._place(kind, key).is_dir()

    def get(self, kind: str, key: str, make: Callable[[Path], None]) -> Path:
        """The folder <root>/<kind>/<key>; `make` fills an empty one when there is none yet."""
        place = self._place(kind, key)
        if place.is_dir():
            return place
        with self.lock(kind, key):
            if place.is_dir():
                return place
            making = place.parent / f".{key}.making"
            # We hold the lock, so what lies there is what an interrupted build has left.
            shutil.rmtree(making, ignore_errors=True)
            making.mkdir()
            try:
                make(making)
                making.rename(place)
            finally:
                shutil.rmtree(making, ignore_errors=True)
        return place

    @contextmanager
    def lock(self, kind: str, key: str, say: Callable[[str], None] = lambda text: None) -> Iterator[None]:
        """Held by one process and thread at a time; who has to wait is told so, and Ctrl-C ends it."""
        file = self._root / kind / f".{key}.lock"
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("w") as handle:
            is_told = False
            while not _try_lock(handle.fileno()):
                if not is_told:
                    say(f"waiting for another run that works on {key} in {file.parent} ...")
                    is_told = True
                # The kernel tells nobody when a flock is released, and a blocking call would not see Ctrl-C.
                if self._commands.cancelled.wait(LOCK_RETRY_SECONDS):
                    raise Cancelled
            yield

    def evict(self, kind: str, kept: int) -> list[str]:
        """Drop all of one kind but the newest; the keys that went."""
        folder = self._root / kind
        places = [place for place in folder.glob("[!.]*") if place.is_dir()] if folder.is_dir() else []
        old = sorted(places, key=lambda place: place.stat().st_mtime, reverse=True)[kept:]
        for place in old:
            shutil.rmtree(place, ignore_errors=True)
        return [place.name for place in old]

    def _place(self, kind: str, key: str) -> Path:
        return self._root / kind / key


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
