"""SQLite that is locked, full, read-only or broken: unavailable while it lasts, then the same Store works."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from mljob.core.records import Rank
from mljob.store import JobFilter, Store, StoreError, StoreUnavailable, open_store
from mljob.store import engine as store_engine
from sqlalchemy import Engine, event

from tests.unit.store.builders import a_job, at


@contextmanager
def told_at_connect(sql: str) -> Iterator[None]:
    """New connections of any engine run this first."""

    def run(connection: Any, _record: object) -> None:
        connection.execute(sql)

    event.listen(Engine, "connect", run)
    try:
        yield
    finally:
        event.remove(Engine, "connect", run)


@pytest.fixture
def path(url: str) -> Path:
    return Path(url.removeprefix("sqlite:///"))


def test_locked_by_another_process(store: Store, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_engine, "BUSY_TIMEOUT_MILLIS", 50)
    job = a_job()
    store.write([job])
    store.close()
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable, match="locked by another process"):
            store.write([at(job, 1, Rank.RUNNING)])
        assert store.get(job.uid) == job, "a writer does not keep readers out"
    store.write([at(job, 1, Rank.RUNNING)])
    row = store.get(job.uid)
    assert row is not None
    assert row.rank is Rank.RUNNING


def test_locked_exclusively(store: Store, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_engine, "BUSY_TIMEOUT_MILLIS", 50)
    store.close()
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        for attempt in (lambda: store.write([a_job()]), lambda: store.list(JobFilter()), store.check):
            with pytest.raises(StoreUnavailable, match="locked by another process"):
                attempt()
    store.write([a_job()])
    store.check()


def test_no_room_left(url: str) -> None:
    with closing(open_store(url)) as store, told_at_connect("PRAGMA max_page_count = 1"):
        store.write([a_job(params=None)])
        with pytest.raises(StoreUnavailable, match="no room left"):
            store.write([a_job(params="x" * 100_000) for _ in range(10)])
        assert len(store.list(JobFilter()).jobs) == 1, "nothing half"
    with closing(open_store(url)) as store:
        store.write([a_job(params="x" * 100_000) for _ in range(10)])
        assert len(store.list(JobFilter()).jobs) == 11


def test_read_only(url: str) -> None:
    with closing(open_store(url)) as store, told_at_connect("PRAGMA query_only = ON"):
        store.check()
        with pytest.raises(StoreUnavailable, match="read-only"):
            store.write([a_job()])


def test_a_file_that_cannot_be_opened(tmp_path: Path) -> None:
    (tmp_path / "folder.db").mkdir()
    store = open_store(f"sqlite:///{tmp_path}/folder.db")
    with pytest.raises(StoreUnavailable, match="cannot be opened"):
        store.check()


def test_a_file_that_is_no_database_is_a_fault(tmp_path: Path) -> None:
    path = tmp_path / "letter.db"
    path.write_text("Dear all, " * 1000)
    store = open_store(f"sqlite:///{path}")
    with pytest.raises(StoreError, match="not a database"):
        store.check()


def test_a_killed_process_loses_no_commit(store: Store, path: Path, tmp_path: Path) -> None:
    """What a process leaves behind when it is killed: the file and its log, never checkpointed."""
    job = a_job()
    store.write([job])
    for suffix in ("", "-wal"):
        (tmp_path / f"copy.db{suffix}").write_bytes(Path(f"{path}{suffix}").read_bytes())
    with closing(open_store(f"sqlite:///{tmp_path}/copy.db")) as copy:
        assert copy.get(job.uid) == job


def test_connections_are_set_up_as_the_promises_need(url: str) -> None:
    engine = store_engine.engine_for(url)
    with engine.connect() as connection:
        settings = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    engine.dispose()
    assert settings == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 5000}
