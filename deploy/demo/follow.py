"""Follows jobs until all of them have ended, and shows each change. It changes nothing."""

import time
from collections.abc import Iterator, Sequence
from typing import Any

from mljob.api.job import MlJob
from rich.console import Console
from rich.live import Live

from deploy.kind.mljob_kind.errors import CannotProceedError

from .cluster import LocalCluster
from .jobs import Jobs, outcome
from .table import jobs_table

TIMEOUT_SECONDS = 300
PAUSE_SECONDS = 1.0
"""Before a watch that was lost is begun again"""


def follow(console: Console, cluster: LocalCluster, names: Sequence[str]) -> dict[str, MlJob]:
    """The jobs as they ended, in the order of `names`. Raises CannotProceedError at the timeout."""
    jobs: dict[str, MlJob] = {}
    changes = _changes(_events(cluster), names, jobs)
    if console.is_terminal:
        _live(console, changes)
    else:
        _line_by_line(console, changes)
    unfinished = [name for name in names if name not in jobs or not jobs[name].status.phase.is_final]
    if unfinished:
        raise CannotProceedError(
            f"After {TIMEOUT_SECONDS} s these jobs have not ended: {', '.join(unfinished)}; see "
            f"`kubectl describe mljob {unfinished[0]}`."
        )
    return {name: jobs[name] for name in names}


def _events(cluster: LocalCluster) -> Iterator[dict[str, Any]]:
    """Events until the timeout. A watch that ends earlier is begun again, with the state as it is then."""
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while (left := deadline - time.monotonic()) > 0:
        with cluster.watch("mljobs", left) as events:
            yield from events
        time.sleep(min(PAUSE_SECONDS, max(0.0, deadline - time.monotonic())))


def _changes(
    events: Iterator[dict[str, Any]], names: Sequence[str], jobs: dict[str, MlJob]
) -> Iterator[tuple[MlJob, Jobs]]:
    """Each job that changed with all that are known; ends when all of `names` have ended."""
    for event in events:
        job = MlJob.model_validate(event["object"])
        name = job.metadata.name or ""
        if name not in names:
            continue
        jobs[name] = job
        yield job, {name: jobs[name] for name in names if name in jobs}
        if len(jobs) == len(names) and all(each.status.phase.is_final for each in jobs.values()):
            return


def _live(console: Console, changes: Iterator[tuple[MlJob, Jobs]]) -> None:
    with Live(console=console, transient=True, auto_refresh=False) as live:
        for _, jobs in changes:
            live.update(jobs_table(jobs, {}, plain=False), refresh=True)


def _line_by_line(console: Console, changes: Iterator[tuple[MlJob, Jobs]]) -> None:
    told: dict[str, tuple[str, int]] = {}
    for job, _ in changes:
        name, state = job.metadata.name or "", (str(job.status.phase), job.status.attempt)
        if told.get(name) != state:
            told[name] = state
            detail = outcome(job) if job.status.phase.is_final else job.status.reason or ""
            line = f"  {name}: {state[0]} {detail}".rstrip()
            console.print(line, markup=False, highlight=False, soft_wrap=True)
