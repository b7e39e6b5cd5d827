"""The store as coroutines: what waits while the database is away, and how often it is asked meanwhile."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest
from mljob.core.records import AttemptRecord, JobRecord
from mljob.server import ledger as ledger_module
from mljob.server.ledger import Ledger
from mljob.server.metrics import Metrics
from mljob.server.problems import StoreAway
from mljob.store import JobFilter, Order, Page, StoreError, StoreUnavailable, WriteResult

from tests.unit.server.test_views import ROW


@dataclass
class Clock:
    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Database:
    """Rows by uid; while `error` is set every call costs `seconds` and raises it.

    No call ends while `answers` is not set.
    """

    clock: Clock
    rows: dict[str, JobRecord] = field(default_factory=dict)
    error: Exception | None = None
    seconds: float = 0.0
    calls: int = 0
    answers: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.answers.set()

    def _touch(self) -> None:
        self.calls += 1
        self.answers.wait()
        if self.error is not None:
            self.clock.now += self.seconds
            raise self.error

    def write(self, jobs: Sequence[JobRecord], attempts: Sequence[AttemptRecord] = ()) -> WriteResult:
        self._touch()
        self.rows |= {record.uid: record for record in jobs}
        return WriteResult()

    def get(self, uid: str) -> JobRecord | None:
        self._touch()
        return self.rows.get(uid)

    def list(self, wanted: JobFilter, **_: object) -> Page:
        self._touch()
        return Page(tuple(self.rows.values()), None)


AWAY = StoreUnavailable("connection refused")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def database(clock: Clock) -> Database:
    return Database(clock)


@pytest.fixture
def ledger(database: Database, clock: Clock) -> Ledger:
    return Ledger(database, Metrics(), clock)  # type: ignore[arg-type]


def record(number: int) -> JobRecord:
    return replace(ROW, uid=f"uid-{number}")


async def everything(ledger: Ledger) -> list[str]:
    page = await ledger.page(JobFilter(), Order.OLDEST_FIRST, 100, None)
    return [row.uid for row in page.jobs]


async def test_row_is_stored_before_insert_returns(ledger: Ledger, database: Database) -> None:
    assert await ledger.insert(record(1))
    assert database.rows == {"uid-1": record(1)}


async def test_row_waits_and_is_written_before_the_next_answer_that_reads_rows(
    ledger: Ledger, database: Database
) -> None:
    database.error = AWAY
    assert not await ledger.insert(record(1))
    assert not await ledger.insert(record(2))
    assert ledger.unstored("uid-1") == record(1)
    database.error = None
    assert await everything(ledger) == ["uid-1", "uid-2"]
    assert ledger.unstored("uid-1") is None


async def test_waiting_rows_go_with_the_next_one_that_is_stored(ledger: Ledger, database: Database) -> None:
    database.error = AWAY
    await ledger.insert(record(1))
    database.error = None
    assert await ledger.insert(record(2))
    assert list(database.rows) == ["uid-1", "uid-2"]


async def test_read_says_that_the_store_is_away_and_why(ledger: Ledger, database: Database) -> None:
    database.error = AWAY
    with pytest.raises(StoreAway, match="connection refused"):
        await ledger.get("uid-1")


async def test_words_of_the_database_are_for_the_log_alone(
    ledger: Ledger, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    database.error = StoreUnavailable("PostgreSQL cannot be reached", 'host "10.0.0.5", user "mljob"')
    for _ in range(3):
        with pytest.raises(StoreAway, match="PostgreSQL cannot be reached") as caught:
            await ledger.get("uid-1")
        assert "10.0.0.5" not in caught.value.detail
    assert caplog.text.count("10.0.0.5") == 1, "once per outage"
    database.error = None
    await ledger.get("uid-1")
    assert "the store answers again" in caplog.text


async def test_outage_that_costs_a_timeout_is_not_paid_for_by_every_request(
    ledger: Ledger, database: Database, clock: Clock
) -> None:
    database.error, database.seconds = AWAY, 5.0
    with pytest.raises(StoreAway):
        await ledger.get("uid-1")
    asked = database.calls
    with pytest.raises(StoreAway, match="connection refused"):
        await ledger.get("uid-1")
    assert not await ledger.insert(record(1))
    assert database.calls == asked
    clock.now += ledger_module.PAUSE_AFTER_SLOW_FAILURE_SECONDS
    database.error = None
    assert await ledger.get("uid-1") == record(1)


async def test_submission_does_not_wait_for_a_database_that_neither_answers_nor_fails(
    ledger: Ledger, database: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its caller would give up, and submit it once more."""
    monkeypatch.setattr(ledger_module, "INSERT_PATIENCE_SECONDS", 0.05)
    database.answers.clear()
    try:
        assert not await ledger.insert(record(1))
        assert ledger.unstored("uid-1") == record(1)
        assert not await ledger.insert(record(2))
        assert database.calls == 1, "the second one need not find out for itself"
    finally:
        database.answers.set()
    clock.now += ledger_module.PAUSE_AFTER_SLOW_FAILURE_SECONDS
    assert await everything(ledger) == ["uid-1", "uid-2"]


async def test_outage_that_is_noticed_at_once_is_asked_about_each_time(
    ledger: Ledger, database: Database
) -> None:
    database.error = AWAY
    with pytest.raises(StoreAway):
        await ledger.get("uid-1")
    database.error = None
    assert await ledger.get("uid-1") is None


async def test_row_that_no_database_takes_is_not_in_the_way_of_others(
    ledger: Ledger, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    """Its job is in the cluster, and the operator mirrors it."""
    database.error = StoreError("a newer schema")
    assert not await ledger.insert(record(1))
    assert "rows not stored" in caplog.text
    database.error = None
    assert await everything(ledger) == []


async def test_backlog_is_bounded(
    ledger: Ledger, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger_module, "MAX_UNSTORED_JOBS", 2)
    database.error = AWAY
    for number in range(4):
        await ledger.insert(record(number))
    database.error = None
    assert await everything(ledger) == ["uid-2", "uid-3"]


async def test_long_backlog_is_written_in_batches(
    ledger: Ledger, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger_module, "FLUSH_BATCH_ROWS", 2)
    database.error = AWAY
    for number in range(5):
        await ledger.insert(record(number))
    database.error, database.calls = None, 0
    assert len(await everything(ledger)) == 5
    assert database.calls == 3 + 1
