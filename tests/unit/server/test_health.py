"""Probes: what makes a process unready, and what only a restart can help."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from mljob.server import health as health_module
from mljob.server import services
from mljob.server.health import Health
from mljob.server.problems import ClusterAway, StoreAway
from mljob.store import StoreError


@dataclass
class Part:
    """Stands for cluster, definitions and ledger: `error` is raised, None answers, `hangs` never does."""

    error: Exception | None = None
    hangs: bool = False
    listed: bool = True
    migrations: int = 0
    failures: int = 0

    async def check(self) -> None:
        if self.hangs:
            await asyncio.Event().wait()
        if self.error is not None:
            raise self.error

    async def id(self) -> str:
        return "c"

    async def migrate(self) -> None:
        self.migrations += 1
        if self.migrations <= self.failures:
            raise StoreAway("not yet.")


def health(
    cluster: Part | None = None, definitions: Part | None = None, ledger: Part | None = None
) -> Health:
    return Health(cluster or Part(), definitions or Part(), ledger or Part())  # type: ignore[arg-type]


async def test_ready_when_all_answer() -> None:
    assert await health().readiness() == (True, {"store": "ok", "cluster": "ok", "definitions": "ok"})


@pytest.mark.parametrize(
    ("made", "check", "words"),
    [
        (lambda: health(cluster=Part(ClusterAway("no cluster"))), "cluster", "no cluster"),
        (lambda: health(cluster=Part(hangs=True)), "cluster", "no answer in time"),
        (lambda: health(definitions=Part(listed=False)), "definitions", "not listed yet"),
        (lambda: health(ledger=Part(StoreAway("no tables."))), "store", "no tables"),
        (lambda: health(ledger=Part(StoreError("at 10.0.0.5"))), "store", "fails: the log has the cause"),
        (lambda: health(ledger=Part(hangs=True)), "store", "no answer in time"),
    ],
)
async def test_unready_says_which_and_why(
    made: Callable[[], Health], check: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health_module, "CHECK_TIMEOUT_SECONDS", 0.05)
    ready, checks = await made().readiness()
    assert not ready
    assert "10.0.0.5" not in str(checks)
    assert words in checks[check]


async def test_database_that_goes_away_later_leaves_it_ready() -> None:
    ledger = Part()
    probed = health(ledger=ledger)
    await probed.readiness()
    ledger.error = StoreAway("gone.")
    ready, checks = await probed.readiness()
    assert ready
    assert "gone" in checks["store"]


async def test_background_work_that_ends_by_an_error_ends_liveness(caplog: pytest.LogCaptureFixture) -> None:
    probed = health()
    assert probed.liveness() == {"process": "ok"}

    async def work() -> None:
        raise RuntimeError("a fault")

    await services._watched("definitions", work(), probed)
    assert probed.liveness() == {"definitions": "ended by an error, see the log"}
    assert "a fault" in caplog.text


async def test_schema_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "MIGRATION_PAUSE_SECONDS", 0.01)
    ledger = Part(failures=3)
    probed = health(ledger=ledger)
    await services._prepare_schema(ledger, probed)  # type: ignore[arg-type]
    assert ledger.migrations == 4
    assert probed.schema_ready
