"""The cache: whole or absent, made once, keyed by what goes in."""

import os
import threading
from pathlib import Path

import pytest

from deploy.kind.mljob_kind.cache import Cache, digest
from deploy.kind.mljob_kind.commands import Cancelled, Commands


@pytest.fixture
def commands(tmp_path: Path) -> Commands:
    return Commands(tmp_path / "log")


def test_what_is_made_is_found_again_and_not_made_again(tmp_path: Path, commands: Commands) -> None:
    made: list[Path] = []

    def make(place: Path) -> None:
        made.append(place)
        (place / "thing").write_text("whole")

    cache = Cache(tmp_path, commands)
    assert not cache.has("things", "k")
    for _ in range(2):
        assert (cache.get("things", "k", make) / "thing").read_text() == "whole"
    assert len(made) == 1


def test_what_failed_half_way_is_absent(tmp_path: Path, commands: Commands) -> None:
    def fail(place: Path) -> None:
        (place / "half").write_text("")
        raise OSError("disk full")

    cache = Cache(tmp_path, commands)
    with pytest.raises(OSError, match="disk full"):
        cache.get("things", "k", fail)
    assert not cache.has("things", "k")
    assert [file.name for file in (tmp_path / "things").iterdir()] == [".k.lock"]


def test_what_a_killed_build_has_left_is_not_taken_for_whole(tmp_path: Path, commands: Commands) -> None:
    left = tmp_path / "things" / ".k.making"
    left.mkdir(parents=True)
    (left / "half").write_text("")
    place = Cache(tmp_path, commands).get("things", "k", lambda fresh: (fresh / "thing").touch())
    assert [file.name for file in place.iterdir()] == ["thing"]


def test_two_that_want_the_same_make_it_once(tmp_path: Path, commands: Commands) -> None:
    begun, go_on, made = threading.Event(), threading.Event(), []

    def slow(place: Path) -> None:
        made.append(place)
        begun.set()
        assert go_on.wait(10)

    first = threading.Thread(target=Cache(tmp_path, commands).get, args=("things", "k", slow))
    second = threading.Thread(target=Cache(tmp_path, commands).get, args=("things", "k", slow))
    first.start()
    assert begun.wait(10)
    second.start()
    go_on.set()
    first.join(10)
    second.join(10)
    assert len(made) == 1


def test_who_waits_for_another_can_be_cancelled(tmp_path: Path, commands: Commands) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slow(place: Path) -> None:
        begun.set()
        assert go_on.wait(10)

    first = threading.Thread(target=Cache(tmp_path, commands).get, args=("things", "k", slow))
    first.start()
    assert begun.wait(10)
    other = Commands(tmp_path / "log")
    other.cancel()
    with pytest.raises(Cancelled):
        Cache(tmp_path, other).get("things", "k", slow)
    go_on.set()
    first.join(10)


def test_the_oldest_are_evicted(tmp_path: Path, commands: Commands) -> None:
    cache = Cache(tmp_path, commands)
    for age, key in enumerate(("new", "middle", "old")):
        place = cache.get("things", key, lambda fresh: None)
        os.utime(place, (1000 - age, 1000 - age))
    assert cache.evict("things", 2) == ["old"]
    assert cache.evict("nothing", 2) == []
    assert [cache.has("things", key) for key in ("new", "middle", "old")] == [True, True, False]


def test_a_key_changes_with_content_name_and_mode_and_not_with_time(tmp_path: Path) -> None:
    folder = tmp_path / "inputs"
    folder.mkdir()
    file = folder / "a"
    file.write_text("1")
    keys = [digest(folder)]
    file.touch()
    assert digest(folder) == keys[0]
    file.write_text("2")
    keys.append(digest(folder))
    file.chmod(0o755)
    keys.append(digest(folder))
    file.rename(folder / "b")
    keys.append(digest(folder))
    assert len(set(keys)) == len(keys)


def test_a_key_tells_apart_where_one_input_ends() -> None:
    assert digest("ab", "c") != digest("a", "bc")
