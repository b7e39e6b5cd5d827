"""Many no-op jobs on nodes that kwok plays: what the operator adds to raw Jobs."""

import asyncio
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import httpx
from mljob.kube.client import KubeClient
from mljob.kube.config import load_connection
from mljob.kube.resources import JOBS, MLJOBS, NAMESPACES, Resource

from tests.bench import creating, manifests, measure
from tests.bench.ends import ends_of
from tests.bench.figures import CannotMeasureError, Comparison, Findings
from tests.bench.operator_process import RunningOperator, running_operator
from tests.control_plane import EVERYTHING, ControlPlane
from tests.control_plane.manifests import install_crds

Json = dict[str, Any]
Say = Callable[[str], None]

JOBS_PER_ROUND = 1_000
ROUNDS = 3
WARM_UP_JOBS = 60
SETTLE_SECONDS = 1.0
RAW = "raw"
SAME_POD = "raw, same pod"


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
    caps = [f"cap {cap}" for cap in plan.caps]
    pids = {name: process.pid for name, process in plane.processes.items()} | {"operator": operator.pid}
    done: list[Round] = []
    async with KubeClient(load_connection(str(plane.kubeconfig))) as client:
        bench = _Bench(client, plane.api, pids)
        for subject in (RAW, *caps):
            say(f"kwok: warming up, {WARM_UP_JOBS} of {subject}")
            await bench.round(subject, WARM_UP_JOBS, f"warm-{_slug(subject)}")
        made = await client.request("GET", JOBS.path(f"warm-{_slug(caps[0])}"), params={"limit": "1"})
        bench.job_of_an_mljob = made["items"][0]
        subjects = [RAW, SAME_POD, *caps]
        for number in range(plan.rounds):
            # There and back: whatever drifts, drifts for all.
            for subject in subjects if number % 2 == 0 else reversed(subjects):
                found = await bench.round(subject, plan.jobs, f"round-{number}-{_slug(subject)}")
                done.append(found)
                say(
                    f"kwok: round {number + 1} of {plan.rounds}, {subject}: "
                    f"{found.jobs_per_second:.1f} jobs/s, "
                    f"operator {found.cpu_ms_per_job['operator']:.1f} ms of CPU per job"
                )
    return done


@dataclass(slots=True)
class _Bench:
    """One control plane on which rounds are run."""

    client: KubeClient
    api: httpx.Client
    pids: dict[str, int]
    job_of_an_mljob: Json | None = None

    async def round(self, subject: str, jobs: int, namespace: str) -> Round:
        """So many jobs of one kind in a namespace of their own."""
        await self.client.create(NAMESPACES, None, manifests.namespace(namespace))
        resource, bodies = await self._bodies(subject, jobs, namespace)
        await asyncio.sleep(SETTLE_SECONDS)  # what the round before has left behind
        requests, cpu = measure.requests(self.api), measure.cpu_of(self.pids)
        async with ends_of(self.client, namespace, resource) as ends:
            started = time.monotonic()
            await creating.create_all(self.client, resource, namespace, bodies)
            created = time.monotonic()
            ended = await ends.wait_count(jobs)
        await asyncio.sleep(SETTLE_SECONDS)  # the last rows and events are part of the price
        spent = {name: after - cpu[name] for name, after in measure.cpu_of(self.pids).items()}
        return Round(
            subject,
            jobs,
            seconds=ended - started,
            created_seconds=created - started,
            cpu_ms_per_job={name: seconds * 1000 / jobs for name, seconds in spent.items()},
            operator_megabytes=measure.resident_megabytes(self.pids["operator"]),
            watches_lost=ends.watches_lost,
            load_average=measure.load_average(),
            requests_per_job=_per_job(measure.requests(self.api) - requests, jobs),
        )

    async def _bodies(self, subject: str, jobs: int, namespace: str) -> tuple[Resource, list[Json]]:
        names = [f"job-{number}" for number in range(jobs)]
        if subject == RAW:
            return JOBS, [manifests.raw_job(name) for name in names]
        if subject == SAME_POD:
            if self.job_of_an_mljob is None:
                raise ValueError("no MlJob has run yet")
            return JOBS, [manifests.same_pod(name, self.job_of_an_mljob) for name in names]
        cap = int(subject.removeprefix("cap "))
        await creating.define(self.client, namespace, manifests.definition("work", cap))
        return MLJOBS, [manifests.mljob(name, "work") for name in names]


def _per_job(requests: Counter[str], jobs: int) -> dict[str, float]:
    return {what: round(count / jobs, 2) for what, count in requests.most_common() if count >= jobs / 100}


def _slug(subject: str) -> str:
    return subject.replace(",", "").replace(" ", "-")


def _findings(plan: Plan, rounds: Sequence[Round], sql: dict[str, int]) -> Findings:
    by_subject = {name: [r for r in rounds if r.subject == name] for name in {r.subject for r in rounds}}
    caps = [f"cap {cap}" for cap in plan.caps]
    pairs = [(SAME_POD, RAW), *((cap, peer) for cap in caps for peer in (RAW, SAME_POD))]
    comparisons = [
        Comparison(
            f"{plan.jobs:,} no-op jobs on kwok, {of}", "jobs/s",
            [r.jobs_per_second for r in by_subject[of]], peer, [r.jobs_per_second for r in by_subject[peer]],
        )
        for of, peer in pairs
    ]  # fmt: skip
    comparisons += [
        Comparison(
            f"CPU of all processes, {of}", "ms/job",
            [sum(r.cpu_ms_per_job.values()) for r in by_subject[of]],
            peer, [sum(r.cpu_ms_per_job.values()) for r in by_subject[peer]],
        )
        for of, peer in pairs
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
