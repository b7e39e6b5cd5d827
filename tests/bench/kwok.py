"""Many no-op jobs on nodes that kwok plays: what the operator adds to raw Jobs."""

import asyncio
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import httpx
from mljob.kube.client import KubeClient
from mljob.kube.config import load_connection
from mljob.kube.resources import JOBS, MLJOBS, NAMESPACES

from tests.bench import creating, manifests, measure
from tests.bench.ends import ends_of
from tests.bench.figures import CannotMeasureError, Comparison, Findings
from tests.bench.operator_process import RunningOperator, running_operator
from tests.control_plane import EVERYTHING, ControlPlane
from tests.control_plane.manifests import install_crds

Say = Callable[[str], None]

JOBS_PER_ROUND = 1_000
ROUNDS = 3
WARM_UP_JOBS = 60
SETTLE_SECONDS = 1.0
RAW = "raw"


@dataclass(frozen=True, slots=True)
class Plan:
    """`caps`: maxWorkers of the definition; each is one subject next to raw Jobs."""

    jobs: int = JOBS_PER_ROUND
    rounds: int = ROUNDS
    caps: Sequence[int] = (100, 1_000)
    nodes: int = 10


@dataclass(slots=True)
class Round:
    """So many jobs of one kind, from the first creation to the last end."""

    subject: str
    jobs: int
    seconds: float
    created_seconds: float
    cpu_ms_per_job: dict[str, float]
    operator_megabytes: float
    watches_lost: int
    load_average: float
    requests_per_job: dict[str, float] = field(default_factory=dict)

    @property
    def jobs_per_second(self) -> float:
        return self.jobs / self.seconds


def run(say: Say, plan: Plan) -> Findings:
    """Starts a control plane of its own. Raises CannotMeasureError where its binaries are missing."""
    try:
        plane = ControlPlane.start(components=EVERYTHING, nodes=plan.nodes, prepare=install_crds)
    except FileNotFoundError as error:
        raise CannotMeasureError(str(error)) from error
    with plane, tempfile.TemporaryDirectory(prefix="mljob-bench-") as name:
        with running_operator(plane.kubeconfig, Path(name)) as operator:
            rounds = asyncio.run(_rounds(say, plan, plane, operator))
        return _findings(plan, rounds, operator.sql())


async def _rounds(say: Say, plan: Plan, plane: ControlPlane, operator: RunningOperator) -> list[Round]:
    subjects = [RAW, *(f"cap {cap}" for cap in plan.caps)]
    pids = {name: process.pid for name, process in plane.processes.items()} | {"operator": operator.pid}
    done: list[Round] = []
    async with KubeClient(load_connection(str(plane.kubeconfig))) as client:
        for subject in subjects:
            say(f"kwok: warming up, {WARM_UP_JOBS} of {subject}")
            await _one_round(client, plane.api, pids, subject, WARM_UP_JOBS, f"warm-{_slug(subject)}")
        for number in range(plan.rounds):
            # There and back: whatever drifts, drifts for all.
            for subject in subjects if number % 2 == 0 else reversed(subjects):
                found = await _one_round(
                    client, plane.api, pids, subject, plan.jobs, f"round-{number}-{_slug(subject)}"
                )
                done.append(found)
                say(
                    f"kwok: round {number + 1} of {plan.rounds}, {subject}: "
                    f"{found.jobs_per_second:.1f} jobs/s, "
                    f"operator {found.cpu_ms_per_job['operator']:.1f} ms of CPU per job"
                )
    return done


async def _one_round(
    client: KubeClient, api: httpx.Client, pids: dict[str, int], subject: str, jobs: int, namespace: str
) -> Round:
    await client.create(NAMESPACES, None, manifests.namespace(namespace))
    resource, bodies = JOBS, [manifests.raw_job(f"job-{n}") for n in range(jobs)]
    if subject != RAW:
        cap = int(subject.removeprefix("cap "))
        await creating.define(client, namespace, manifests.definition("work", cap))
        resource, bodies = MLJOBS, [manifests.mljob(f"job-{n}", "work") for n in range(jobs)]
    await asyncio.sleep(SETTLE_SECONDS)  # what the round before has left behind
    requests, cpu = measure.requests(api), measure.cpu_of(pids)
    async with ends_of(client, namespace, resource) as ends:
        started = time.monotonic()
        await creating.create_all(client, resource, namespace, bodies)
        created = time.monotonic()
        ended = await ends.wait_count(jobs)
    await asyncio.sleep(SETTLE_SECONDS)  # the last rows and events are part of the price
    spent = {name: after - cpu[name] for name, after in measure.cpu_of(pids).items()}
    return Round(
        subject,
        jobs,
        seconds=ended - started,
        created_seconds=created - started,
        cpu_ms_per_job={name: seconds * 1000 / jobs for name, seconds in spent.items()},
        operator_megabytes=measure.resident_megabytes(pids["operator"]),
        watches_lost=ends.watches_lost,
        load_average=measure.load_average(),
        requests_per_job=_per_job(measure.requests(api) - requests, jobs),
    )


def _per_job(requests: Counter[str], jobs: int) -> dict[str, float]:
    return {what: round(count / jobs, 2) for what, count in requests.most_common() if count >= jobs / 100}


def _slug(subject: str) -> str:
    return subject.replace(" ", "-")


def _findings(plan: Plan, rounds: Sequence[Round], sql: dict[str, int]) -> Findings:
    by_subject = {name: [r for r in rounds if r.subject == name] for name in {r.subject for r in rounds}}
    raw = by_subject[RAW]
    subjects = [f"cap {cap}" for cap in plan.caps]
    comparisons = [
        Comparison(
            f"{plan.jobs:,} no-op jobs on kwok, {name}", "jobs/s",
            [r.jobs_per_second for r in by_subject[name]], "raw Jobs", [r.jobs_per_second for r in raw],
        )
        for name in subjects
    ]  # fmt: skip
    comparisons += [
        Comparison(
            f"CPU of all processes, {name}", "ms/job",
            [sum(r.cpu_ms_per_job.values()) for r in by_subject[name]],
            "raw Jobs", [sum(r.cpu_ms_per_job.values()) for r in raw],
        )
        for name in subjects
    ]  # fmt: skip
    jobs = len(plan.caps) * (plan.rounds * plan.jobs + WARM_UP_JOBS)
    details = {
        "rounds": [asdict(r) | {"jobs_per_second": r.jobs_per_second} for r in rounds],
        "cpu_ms_per_job": {
            name: {
                process: statistics.median(r.cpu_ms_per_job[process] for r in found)
                for process in found[0].cpu_ms_per_job
            }
            for name, found in by_subject.items()
        },
        "requests_per_job": {name: found[-1].requests_per_job for name, found in by_subject.items()},
        "operator_megabytes": {"first": rounds[0].operator_megabytes, "last": rounds[-1].operator_megabytes},
        "sql_per_job": {what: count / jobs for what, count in sql.items()},
    }
    return Findings(comparisons, details)
