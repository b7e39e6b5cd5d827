"""The store's contract on PostgreSQL: the same tests as on SQLite."""

from tests.unit.store.contract.lives import LifeContract
from tests.unit.store.contract.reads import ReadContract
from tests.unit.store.contract.writes import WriteContract


class TestWrites(WriteContract):
    pass


class TestLives(LifeContract):
    pass


class TestReads(ReadContract):
    pass
