"""What `Store.migrate` promises: from nothing, twice, by many processes at once, never from the future."""

import multiprocessing
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from mljob.store import Store, StoreError, StoreUnavailable, migrate, open_store
from mljob.store.engine import engine_for
from mljob.store.tables import metadata
from sqlalchemy import Engine, text

from tests.unit.store.builders import a_job


def migrate_in_a_process(url: str) -> None:
    """In a process of its own."""
    store = open_store(url)
    store.migrate()
    store.close()


@pytest.fixture
def engine(empty_url: str) -> Iterator[Engine]:
    engine = engine_for(empty_url)
    yield engine
    engine.dispose()


@pytest.fixture
def empty_store(empty_url: str) -> Iterator[Store]:
    store = open_store(empty_url)
    yield store
    store.close()


class MigrationContract:
    def test_before_the_migration_the_store_is_unavailable(self, empty_store: Store) -> None:
        with pytest.raises(StoreUnavailable, match="tables are not there yet"):
            empty_store.check()
        with pytest.raises(StoreUnavailable, match="tables are not there yet"):
            empty_store.write([a_job()])

    def test_from_nothing_and_twice(self, empty_store: Store) -> None:
        empty_store.migrate()
        job = a_job()
        empty_store.write([job])
        empty_store.migrate()
        empty_store.check()
        assert empty_store.get(job.uid) == job

    def test_the_migrations_make_what_the_tables_say(self, empty_store: Store, engine: Engine) -> None:
        empty_store.migrate()
        with engine.connect() as connection:
            context = MigrationContext.configure(connection, opts={"compare_server_default": True})
            assert compare_metadata(context, metadata) == []

    def test_many_processes_at_once(self, empty_url: str) -> None:
        spawn = multiprocessing.get_context("spawn")
        processes = [spawn.Process(target=migrate_in_a_process, args=(empty_url,)) for _ in range(3)]
        for process in processes:
            process.start()
        for process in processes:
            process.join(60)
        assert [process.exitcode for process in processes] == [0, 0, 0]
        store = open_store(empty_url)
        store.check()
        store.close()

    def test_many_threads_at_once(self, empty_url: str) -> None:
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(migrate_in_a_process, [empty_url] * 4))

    def test_a_database_of_the_future_is_left_alone(self, empty_store: Store, engine: Engine) -> None:
        empty_store.migrate()
        with engine.begin() as connection:
            connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        with pytest.raises(StoreError, match="schema 9999, which is newer than this program's 0001"):
            empty_store.migrate()

    def test_a_database_of_the_past_is_unavailable_until_it_is_migrated(
        self, empty_store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        empty_store.migrate()
        monkeypatch.setattr(migrate, "head", lambda: "0002")
        with pytest.raises(StoreUnavailable, match="schema 0001, this program needs 0002; not migrated yet"):
            empty_store.check()

    def test_a_migration_that_fails_leaves_nothing_behind(self, empty_store: Store, engine: Engine) -> None:
        with engine.begin() as connection:
            connection.execute(text("CREATE TABLE job_params (token INTEGER)"))
        with pytest.raises(StoreError, match="job_params"):
            empty_store.migrate()
        with engine.begin() as connection:
            connection.execute(text("DROP TABLE job_params"))
        empty_store.migrate()
        empty_store.check()
