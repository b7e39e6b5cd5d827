"""The demo follows its jobs to their end, also when kubectl's watch does not last that long."""

from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from typing import Any, cast

import pytest
from rich.console import Console

from deploy.demo import follow as following
from deploy.demo.cluster import LocalCluster
from deploy.demo.follow import follow
from deploy.kind.mljob_kind.errors import CannotProceedError

Json = dict[str, Any]


def event(name: str, phase: str) -> Json:
    return {"object": {"metadata": {"name": name}, "spec": {"jobName": name}, "status": {"phase": phase}}}


class Watches:
    """Each watch tells one list of events, and then ends."""

    def __init__(self, *told: list[Json]) -> None:
        self.told = iter(told)

    @contextmanager
    def watch(self, resource: str, timeout_seconds: float) -> Iterator[Iterator[Json]]:
        yield iter(next(self.told, []))


def followed(watches: Watches, *names: str) -> dict[str, str]:
    jobs = follow(Console(file=StringIO()), cast(LocalCluster, watches), names)
    return {name: str(job.status.phase) for name, job in jobs.items()}


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "PAUSE_SECONDS", 0.0)


def test_a_watch_that_ends_early_is_begun_again() -> None:
    watches = Watches(
        [event("a", "Running"), event("b", "Succeeded")],
        [event("a", "Failed"), event("b", "Succeeded")],
    )
    assert followed(watches, "a", "b") == {"a": "Failed", "b": "Succeeded"}


def test_jobs_that_do_not_end_are_named_at_the_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "TIMEOUT_SECONDS", 0.05)
    with pytest.raises(CannotProceedError, match=r"have not ended: b; see `kubectl describe mljob b`"):
        followed(Watches([event("a", "Succeeded"), event("b", "Running")]), "a", "b")
