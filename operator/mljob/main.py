"""The operator's process: reads the settings, puts the real cluster and store behind the loop, runs it.

Exit codes: 0 ended by a signal, 1 the watches ended by themselves, 2 a configuration that cannot work.
"""

import asyncio
import gc
import logging
import sys
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import TypeVar

import uvloop

from mljob import __version__
from mljob.api import errors
from mljob.api.job import Phase
from mljob.controller.health import serve_health
from mljob.controller.operator import WATCHED_KINDS, Operator
from mljob.core.config import ConfigError
from mljob.core.manifest import RunnerRef
from mljob.core.records import AttemptRecord, JobRecord
from mljob.core.retry import request_delay_seconds
from mljob.handlers import run_watches
from mljob.kube.client import KubeClient
from mljob.kube.cluster import KubeCluster
from mljob.kube.config import ConfigError as ConnectionConfigError
from mljob.kube.config import load_connection
from mljob.logformat import configure_logging
from mljob.runner.bundle import bundle
from mljob.settings import Settings, read_settings
from mljob.store.errors import StoreError, StoreRefused, StoreUnavailable
from mljob.store.query import WriteResult
from mljob.store.store import Store, open_store

log = logging.getLogger("mljob")
T = TypeVar("T")
COLLECT_AFTER_ALLOCATIONS = 50_000
CONNECTIONS = 64
"""To the API server, beside those that watches keep"""


class MigratingStore:
    """The store; whoever uses it first brings its tables up to date. The database may come later than we."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._migrated = False

    def write(self, jobs: Sequence[JobRecord], attempts: Sequence[AttemptRecord]) -> WriteResult:
        return self._ready().write(jobs, attempts)

    def known(self, cluster: str, uids: Iterable[str]) -> Mapping[str, tuple[int, int, Phase]]:
        return self._ready().known(cluster, uids)

    def unfinished(self, cluster: str, after_uid: str = "", limit: int = 500) -> Sequence[JobRecord]:
        return self._ready().unfinished(cluster, after_uid, limit)

    def get(self, uid: str) -> JobRecord | None:
        return self._ready().get(uid)

    def _ready(self) -> Store:
        if not self._migrated:
            self._store.migrate()
            self._migrated = True
        return self._store


def main() -> int:
    """Run the operator until it is told to end."""
    try:
        settings = read_settings()
        configure_logging(settings.log_format, settings.log_level)
        store = open_store(settings.database_url)
    except (ConfigError, StoreRefused) as error:
        print(f"mljob: {error}", file=sys.stderr)
        return 2
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(_run(settings, store))
    except ConnectionConfigError as error:
        print(f"mljob: {error}", file=sys.stderr)
        return 2
    finally:
        store.close()


async def _run(settings: Settings, store: Store) -> int:
    connection = load_connection()
    watches = len(WATCHED_KINDS) * max(1, len(settings.namespaces))
    async with KubeClient(
        connection, user_agent=f"mljob-operator/{__version__}", connections=CONNECTIONS + watches
    ) as client:
        cluster = KubeCluster(client, settings.namespaces)
        cluster_id = settings.cluster_id or await _until_it_works(
            "the cluster's identity", cluster.cluster_id
        )
        found = bundle()
        operator = Operator(
            cluster,
            MigratingStore(store),
            (StoreUnavailable, StoreError),
            settings.config,
            RunnerRef(found.sha256, found.files, found.items),
            cluster_id=cluster_id,
            epoch=settings.epoch,
        )
        health = await serve_health(operator, settings.health_host, settings.health_port)
        try:
            await operator.start()
            _tune_collector()
            await run_watches(
                operator,
                connection,
                settings.namespaces,
                shutdown_grace_seconds=settings.shutdown_grace_seconds,
            )
        finally:
            await health.cleanup()
    return 0


def _tune_collector() -> None:
    """What the loop allocates is parsed JSON, which has no cycles and goes by itself. With the defaults the
    collector took a quarter of the operator's CPU to look at it, and at every object of the view."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER_ALLOCATIONS, 10, 10)


async def _until_it_works(what: str, attempt: Callable[[], Awaitable[T]]) -> T:
    failures = 0
    while True:
        try:
            return await attempt()
        except errors.ApiError as error:
            failures += 1
            delay = request_delay_seconds(failures, error.retry_after_seconds)
            log.warning("%s: %s; again in %.1f s", what, error, delay)
            await asyncio.sleep(delay)
