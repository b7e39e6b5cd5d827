"""Puts the parts together, and runs what goes on in the background, for as long as the process serves."""

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import AsyncIterator, Coroutine
from dataclasses import dataclass
from typing import Any

from mljob.kube.client import KubeClient
from mljob.kube.config import Connection
from mljob.server.cancellation import Cancellations
from mljob.server.cluster import Cluster
from mljob.server.creation import Creator
from mljob.server.definitions import Definitions
from mljob.server.health import Health
from mljob.server.jobs import Jobs
from mljob.server.ledger import Ledger
from mljob.server.metrics import Metrics
from mljob.server.names import Moments
from mljob.server.podlogs import Logs
from mljob.server.problems import StoreAway
from mljob.server.settings import Auth, Settings
from mljob.server.submission import Submissions
from mljob.store import Store, StoreError

log = logging.getLogger(__name__)

KUBE_TIMEOUT_SECONDS = 5.0
"""A caller waits: better a second try, or an honest 503, than the client's own 15 s."""
MIGRATION_PAUSE_SECONDS = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """Everything a route may ask for."""

    default_namespace: str
    kube: KubeClient
    creator: Creator
    definitions: Definitions
    health: Health
    jobs: Jobs
    ledger: Ledger
    submissions: Submissions
    cancellations: Cancellations
    logs: Logs
    metrics: Metrics


def build(
    settings: Settings, kube: KubeClient, store: Store, metrics: Metrics, default_namespace: str
) -> Services:
    """The parts, not yet running."""
    namespaces = settings.watch_namespaces
    cluster = Cluster(kube, settings.cluster_id)
    definitions = Definitions(kube, namespaces)
    metrics.definitions.set_function(lambda: len(definitions))
    ledger = Ledger(store, metrics)
    jobs = Jobs(kube, cluster, definitions, ledger, namespaces)
    creator = Creator(kube)
    submissions = Submissions(
        cluster=cluster,
        definitions=definitions,
        creator=creator,
        ledger=ledger,
        moments=Moments(lambda: time.time_ns() // 1_000_000, random.SystemRandom().randrange),
        metrics=metrics,
        namespaces=namespaces,
        record_finalizer=settings.record_finalizer,
    )
    return Services(
        default_namespace=default_namespace,
        kube=kube,
        creator=creator,
        definitions=definitions,
        health=Health(cluster, definitions, ledger),
        jobs=jobs,
        ledger=ledger,
        submissions=submissions,
        cancellations=Cancellations(kube, jobs),
        logs=Logs(kube, jobs),
        metrics=metrics,
    )


@contextlib.asynccontextmanager
async def running(
    settings: Settings, connection: Connection, store: Store, metrics: Metrics
) -> AsyncIterator[Services]:
    """All of it, at work."""
    if settings.auth is Auth.NONE:
        log.warning(
            "MLJOB_AUTH is none: whoever reaches %s:%d may submit, read and cancel every job",
            settings.listen_host,
            settings.listen_port,
        )
    async with KubeClient(
        connection, user_agent="mljob-server", request_timeout_seconds=KUBE_TIMEOUT_SECONDS
    ) as kube:
        services = build(settings, kube, store, metrics, settings.namespace or connection.namespace)
        async with _in_background(services):
            yield services
        await services.creator.close()
    store.close()


@contextlib.asynccontextmanager
async def _in_background(services: Services) -> AsyncIterator[None]:
    work = {
        "definitions": services.definitions.follow(),
        "schema": _prepare_schema(services.ledger, services.health),
    }
    tasks = [asyncio.create_task(_watched(name, each, services.health)) for name, each in work.items()]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _watched(name: str, work: Coroutine[Any, Any, None], health: Health) -> None:
    """An error that ends background work must not go unnoticed: liveness fails, and the pod is restarted."""
    try:
        await work
    except Exception:
        log.exception("%s ended by an error", name)
        health.failed.append(name)


async def _prepare_schema(ledger: Ledger, health: Health) -> None:
    """Migrate, as the operator does: whoever starts first. Until it is done nothing is ready."""
    while True:
        try:
            await ledger.migrate()
        except (StoreAway, StoreError) as error:
            log.warning("store: %s", error)
            await asyncio.sleep(MIGRATION_PAUSE_SECONDS)
        else:
            health.schema_ready = True
            return
