"""The store's contract on PostgreSQL: the same tests as on SQLite."""

from tests.unit.store.contract.concurrency import ConcurrencyContract
from tests.unit.store.contract.foreign import ForeignRowContract
from tests.unit.store.contract.lives import LifeContract
from tests.unit.store.contract.migrations import MigrationContract, empty_store, engine
from tests.unit.store.contract.reads import ReadContract
from tests.unit.store.contract.retention import RetentionContract
from tests.unit.store.contract.writes import WriteContract

__all__ = ["empty_store", "engine"]


class TestWrites(WriteContract):
    pass


class TestLives(LifeContract):
    pass


class TestConcurrency(ConcurrencyContract):
    pass


class TestReads(ReadContract):
    pass


class TestForeignRows(ForeignRowContract):
    pass


class TestRetention(RetentionContract):
    pass


class TestMigrations(MigrationContract):
    pass
