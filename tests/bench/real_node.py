"""No-op jobs on the node of `make demo`: how long one takes, alone, and how many get through a minute."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import aiohttp
from mljob.api import errors
from mljob.kube.client import KubeClient
from mljob.kube.config import ConfigError, load_connection
from mljob.kube.resources import DEFINITIONS, JOBS, MLJOBS, NAMESPACES, Resource

from deploy.demo.cluster import LocalCluster
from deploy.kind.mljob_kind.errors import CannotProceedError
from tests.bench import creating, manifests
from tests.bench.ends import Ends, ends_of
from tests.bench.figures import CannotMeasureError, Comparison, Findings

Say = Callable[[str], None]
Json = dict[str, Any]
Way = Callable[[], Awaitable[float]]
"""Runs one no-op; how many seconds it took"""

NAMESPACE = "mljob-bench"
REST_NAMESPACE = "default"
"""Where the demo's API server puts what it is sent"""
FUNCTION, COMMAND = "bench-function", "bench-command"
REST_LOOK_SECONDS = 0.002
IMAGE = "python-3.11"
PYTHON_NOOP = ("python3", "-c", "pass")
RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}


@dataclass(frozen=True, slots=True)
class Cluster:
    """The demo's cluster; `rest` is the session of its REST API."""

    kube: KubeClient
    rest: aiohttp.ClientSession
    image: str


@dataclass(frozen=True, slots=True)
class Watched:
    """Ends of both kinds in our namespace, and of MlJobs where REST puts them."""

    mljobs: Ends
    jobs: Ends
    over_rest: Ends


def latency(say: Say, samples: int) -> Findings:
    """One job at a time, each kind in its turn. Raises CannotMeasureError where there is no demo."""
    return asyncio.run(_latency(say, samples))


def throughput(say: Say, jobs: int, rounds: int) -> Findings:
    """All at once, cap equal to their number, next to as many raw Jobs. Raises CannotMeasureError."""
    return asyncio.run(_throughput(say, jobs, rounds))


async def _latency(say: Say, samples: int) -> Findings:
    took: dict[str, list[float]] = {}
    async with _demo(cap=1) as cluster, _watched(cluster) as watched:
        say("latency: warming up")
        ways = await _ways(cluster, watched)
        for number in range(samples):
            # Another one first each time: whatever drifts, drifts for all.
            turn = number % len(ways)
            for name, way in [*ways[turn:], *ways[:turn]]:
                took.setdefault(name, []).append(await way())
            say(
                f"latency: {number + 1} of {samples}: "
                + ", ".join(f"{name} {took[name][-1]:.2f} s" for name, _ in ways)
            )
    pairs = (
        ("function over REST", "raw python Job"),
        ("function, created", "raw python Job"),
        ("function, created", "raw Job, same pod"),
        ("command, created", "raw command Job"),
        ("raw Job, same pod", "raw python Job"),
    )
    found = [Comparison(f"no-op {of}", "s", took[of], peer, took[peer]) for of, peer in pairs]
    return Findings(found, {"samples": took})


async def _ways(cluster: Cluster, watched: Watched) -> list[tuple[str, Way]]:
    """Every way to run a no-op, each run once already: images, ConfigMaps and connections are there."""
    numbers = itertools.count()

    def created(
        resource: Resource, ends: Ends, make: Callable[[str], Json]
    ) -> Callable[[], Awaitable[float]]:
        async def run() -> float:
            body = make(f"latency-{next(numbers)}")
            started = time.monotonic()
            made = await cluster.kube.create(resource, NAMESPACE, body)
            return await ends.wait_uid(made["metadata"]["uid"]) - started

        return run

    function = created(MLJOBS, watched.mljobs, partial(manifests.mljob, job_name=FUNCTION))
    await function()
    pod_of = await _job_of_an_mljob(cluster.kube)
    raw = partial(manifests.raw_job, image=cluster.image)
    ways: list[tuple[str, Way]] = [
        ("function over REST", partial(_over_rest, cluster, watched)),
        ("function, created", function),
        ("raw python Job", created(JOBS, watched.jobs, partial(raw, command=PYTHON_NOOP))),
        ("raw Job, same pod", created(JOBS, watched.jobs, partial(manifests.same_pod, job=pod_of))),
        ("command, created", created(MLJOBS, watched.mljobs, partial(manifests.mljob, job_name=COMMAND))),
        ("raw command Job", created(JOBS, watched.jobs, raw)),
    ]
    for _, way in ways:
        await way()
    return ways


async def _over_rest(cluster: Cluster, watched: Watched) -> float:
    """From the POST to the GET that says SUCCEEDED. The watch says when to begin to ask."""
    started = time.monotonic()
    body = {"job_name": FUNCTION, "params": {}}
    async with cluster.rest.post("/ajax-api/3.0/jobs/", json=body) as answer:
        if answer.status != 200:
            raise CannotMeasureError(f"REST refused the job: {await answer.text()}")
        uid = (await answer.json())["job_id"]
    await watched.over_rest.wait_uid(uid)
    while True:
        async with cluster.rest.get(f"/ajax-api/3.0/jobs/{uid}") as answer:
            if (await answer.json())["status"] == "SUCCEEDED":
                return time.monotonic() - started
        await asyncio.sleep(REST_LOOK_SECONDS)


async def _throughput(say: Say, jobs: int, rounds: int) -> Findings:
    rates: dict[str, list[float]] = {}
    async with _demo(cap=jobs) as cluster:
        crowds = await _crowds(cluster)
        for number in range(rounds):
            # There and back: whatever drifts, drifts for all.
            for kind, resource, make in crowds if number % 2 == 0 else reversed(crowds):
                bodies = [make(f"{kind.replace(' ', '-')}-{number}-{n}") for n in range(jobs)]
                async with ends_of(cluster.kube, NAMESPACE, resource) as ends:
                    started = time.monotonic()
                    await creating.create_all(cluster.kube, resource, NAMESPACE, bodies)
                    seconds = await ends.wait_count(jobs) - started
                rates.setdefault(kind, []).append(jobs / seconds)
                say(f"throughput: round {number + 1} of {rounds}, {jobs} of {kind} in {seconds:.1f} s")
    pairs = (("mljobs", "raw jobs"), ("mljobs", "raw jobs same pod"), ("raw jobs same pod", "raw jobs"))
    lines = [
        Comparison(f"{jobs} no-ops at once, {of}", "jobs/s", rates[of], peer, rates[peer])
        for of, peer in pairs
    ]
    return Findings(lines, {"jobs": jobs})


async def _crowds(cluster: Cluster) -> list[tuple[str, Resource, Callable[[str], Json]]]:
    """The kinds of which many are started at once. One MlJob has run: its Job tells what pod it makes."""
    async with ends_of(cluster.kube, NAMESPACE, MLJOBS) as ends:
        await cluster.kube.create(MLJOBS, NAMESPACE, manifests.mljob("first", FUNCTION))
        await ends.wait_count(1)
    pod_of = await _job_of_an_mljob(cluster.kube)
    return [
        ("raw jobs", JOBS, partial(manifests.raw_job, image=cluster.image, command=PYTHON_NOOP)),
        ("raw jobs same pod", JOBS, partial(manifests.same_pod, job=pod_of)),
        ("mljobs", MLJOBS, partial(manifests.mljob, job_name=FUNCTION)),
    ]


@asynccontextmanager
async def _demo(cap: int) -> AsyncIterator[Cluster]:
    """The cluster with our definitions in it; everything that was made there is removed at the end."""
    local = LocalCluster.of_environment()
    if not local.kubeconfig.exists():
        raise CannotMeasureError("there is no cluster: `make demo` makes one")
    try:
        image = local.images()[IMAGE]
    except CannotProceedError as error:
        raise CannotMeasureError(str(error)) from error
    async with aiohttp.ClientSession(local.address) as rest:
        try:
            async with rest.get("/health"), KubeClient(load_connection(str(local.kubeconfig))) as kube:
                cluster = Cluster(kube, rest, image)
                try:
                    await _prepare(cluster, cap)
                    yield cluster
                finally:
                    await _clean(kube)
        except (ConfigError, aiohttp.ClientError, errors.ApiError) as error:
            raise CannotMeasureError(f"the demo does not answer ({error}): `make demo` starts it") from error


async def _prepare(cluster: Cluster, cap: int) -> None:
    with suppress(errors.AlreadyExists):
        namespace = manifests.namespace(NAMESPACE)
        namespace["metadata"]["labels"] = RESTRICTED
        await cluster.kube.create(NAMESPACES, None, namespace)
    for namespace_name in (NAMESPACE, REST_NAMESPACE):
        for body in (
            manifests.python_definition(FUNCTION, cap, cluster.image),
            manifests.definition(COMMAND, cap, cluster.image),
        ):
            await creating.define(cluster.kube, namespace_name, body)


async def _clean(kube: KubeClient) -> None:
    """MlJobs first: they own their Jobs."""
    async for page in kube.list_pages(MLJOBS, REST_NAMESPACE):
        for body in page["items"]:
            if body["spec"]["jobName"] in (FUNCTION, COMMAND):
                with suppress(errors.NotFound):
                    await kube.delete(MLJOBS, REST_NAMESPACE, body["metadata"]["name"])
    for name in (FUNCTION, COMMAND):
        with suppress(errors.NotFound):
            await kube.delete(DEFINITIONS, REST_NAMESPACE, name)
    with suppress(errors.NotFound):
        await kube.delete(NAMESPACES, None, NAMESPACE)


@asynccontextmanager
async def _watched(cluster: Cluster) -> AsyncIterator[Watched]:
    async with (
        ends_of(cluster.kube, NAMESPACE, MLJOBS) as mljobs,
        ends_of(cluster.kube, NAMESPACE, JOBS) as jobs,
        ends_of(cluster.kube, REST_NAMESPACE, MLJOBS) as over_rest,
    ):
        yield Watched(mljobs, jobs, over_rest)


async def _job_of_an_mljob(kube: KubeClient) -> Json:
    """A Job that the operator made for the function."""
    listed = await kube.request("GET", JOBS.path(NAMESPACE))
    items: Sequence[Json] = listed["items"]
    return next(job for job in items if (job["metadata"].get("ownerReferences") or ()))
