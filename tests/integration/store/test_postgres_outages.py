"""PostgreSQL that is stopped, killed, full or in the way: unavailable, then the same Store works."""

from collections.abc import Iterator
from contextlib import closing

import psycopg
import pytest
from mljob.core.records import Rank
from mljob.store import JobFilter, Store, StoreError, StoreUnavailable, open_store
from mljob.store import engine as store_engine

from tests.postgres.server import PostgresServer
from tests.unit.store.builders import a_job, at


@pytest.fixture(scope="module")
def mortal() -> Iterator[PostgresServer]:
    """A server that the tests of this module may stop; durable, as in production."""
    with PostgresServer(settings={"max_connections": "12", "superuser_reserved_connections": "0"}) as server:
        yield server


@pytest.fixture
def mortal_url(mortal: PostgresServer) -> Iterator[str]:
    url = mortal.create_database("mortal")
    store = open_store(url)
    store.migrate()
    store.close()
    yield url
    mortal.drop_database("mortal")


@pytest.fixture
def mortal_store(mortal_url: str) -> Iterator[Store]:
    with closing(open_store(mortal_url)) as store:
        yield store


def test_stopped_and_started_again(mortal: PostgresServer, mortal_store: Store) -> None:
    job = a_job()
    mortal_store.write([job])
    mortal.stop()
    try:
        for attempt in (
            lambda: mortal_store.write([at(job, 1, Rank.RUNNING)]),
            lambda: mortal_store.list(JobFilter()),
            mortal_store.check,
        ):
            with pytest.raises(StoreUnavailable, match="PostgreSQL cannot be reached"):
                attempt()
    finally:
        mortal.start()
    mortal_store.check()
    assert mortal_store.get(job.uid) == job
    mortal_store.write([at(job, 1, Rank.RUNNING)])


def test_killed_with_connections_open(mortal: PostgresServer, mortal_store: Store) -> None:
    job = a_job()
    mortal_store.write([job])
    mortal.kill()
    mortal.start()
    assert mortal_store.get(job.uid) == job, "a commit survives, and the dead connection is not handed out"


def test_no_connection_left(mortal_url: str, mortal_store: Store) -> None:
    mortal_store.close()
    others = [psycopg.connect(mortal_url) for _ in range(12)]
    try:
        with pytest.raises(StoreUnavailable, match=r"too many clients|no room, memory or connections"):
            mortal_store.check()
    finally:
        for other in others:
            other.close()
    mortal_store.check()


def test_its_connection_is_ended_by_an_administrator(mortal_url: str, mortal_store: Store) -> None:
    mortal_store.check()
    with psycopg.connect(mortal_url) as admin:
        admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE application_name = 'mljob' AND datname = current_database()"
        )
    mortal_store.check()


def test_a_lock_held_by_another(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_engine, "POSTGRES_LOCK_MILLIS", 50)
    with closing(open_store(url)) as store:
        with psycopg.connect(url) as other:
            other.execute("LOCK TABLE jobs")
            with pytest.raises(StoreUnavailable, match="a lock was not to be had in time"):
                store.write([a_job()])
        store.write([a_job()])


def test_read_only(url: str, store: Store) -> None:
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute(
            "DO $$ BEGIN EXECUTE 'ALTER DATABASE ' || current_database() "
            "|| ' SET default_transaction_read_only = on'; END $$"
        )
    store.close()
    store.check()
    with pytest.raises(StoreUnavailable, match="the server is read-only"):
        store.write([a_job()])


def test_a_server_that_is_nowhere() -> None:
    store = open_store("postgresql://nobody@/none?host=/nowhere")
    with pytest.raises(StoreUnavailable, match="PostgreSQL cannot be reached"):
        store.check()


def test_a_statement_that_is_wrong_is_a_fault(store: Store) -> None:
    with pytest.raises(StoreError, match="PostgreSQL refused a statement of ours \\(22003\\)"):
        store.write([a_job(retry_count=2**40)])
