"""kopf as the shell: its watches, its start, its end. Every handler is O(1): it hands the event on.

What kopf does beyond that is switched off (docs/decisions/0006-kopf-as-shell.md has the measurements).
"""

import asyncio
import itertools
import logging
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import kopf

from mljob.api import names
from mljob.controller.operator import WATCHED_KINDS, Operator
from mljob.controller.ports import Kind
from mljob.kube.cluster import RESOURCES
from mljob.kube.config import Connection

LOGIN_LIFETIME_SECONDS = 600.0
"""A rotated service account token is read again at least this often"""


class EndlessBackoffs:
    """Delays between attempts of kopf's own requests. The default gives up after 54 s of errors, and ends
    the process; an API server may be away for longer."""

    def __iter__(self) -> Iterator[float]:
        yield from (1.0, 2.0, 4.0, 8.0)
        yield from itertools.repeat(15.0)


class NullProgress(kopf.StatusProgressStorage):
    """No progress is kept on objects: without it half of the CPU of an event goes into copies."""

    def __init__(self) -> None:
        super().__init__(name="mljob", field="status.none")

    def fetch(self, *, key: Any, body: Any) -> None:
        return None

    def store(self, *, key: Any, record: Any, body: Any, patch: Any) -> None: ...

    def purge(self, *, key: Any, body: Any, patch: Any) -> None: ...

    def touch(self, *, body: Any, patch: Any, value: Any) -> None: ...

    def clear(self, *, essence: Any) -> Any:
        return essence


class NullDiffBase(kopf.AnnotationsDiffBaseStorage):
    """No last-seen state is kept on objects."""

    def build(self, *, body: Any, extra_fields: Any = None) -> Any:
        return {}

    def fetch(self, *, body: Any) -> None:
        return None

    def store(self, *, body: Any, patch: Any, essence: Any) -> None: ...


def configure(settings: kopf.OperatorSettings) -> None:
    """Only the watches, and those for ever."""
    settings.persistence.progress_storage = NullProgress()
    settings.persistence.diffbase_storage = NullDiffBase()
    settings.persistence.finalizer = f"{names.GROUP}/unused"
    settings.posting.enabled = False
    settings.scanning.disabled = True
    settings.queueing.idle_timeout = 0.5
    settings.queueing.worker_limit = None
    settings.watching.chunk_size = 500
    settings.watching.server_timeout = 300
    settings.watching.client_timeout = 310
    settings.watching.connect_timeout = 10
    settings.networking.request_timeout = 15
    settings.networking.connect_timeout = 10
    settings.networking.error_backoffs = EndlessBackoffs()


def build_registry(
    operator: Operator, connection: Connection, shutdown_grace_seconds: float
) -> kopf.OperatorRegistry:
    """The handlers of one operator, in a registry of their own."""
    registry = kopf.OperatorRegistry()

    @kopf.on.login(registry=registry)
    def login(**_: Any) -> kopf.ConnectionInfo:
        configuration = connection.configuration
        return kopf.ConnectionInfo(
            server=connection.server,
            ca_path=configuration.ssl_ca_cert,
            insecure=not configuration.verify_ssl,
            certificate_path=configuration.cert_file,
            private_key_path=configuration.key_file,
            scheme="Bearer" if connection.token() else None,
            token=connection.token(),
            expiration=datetime.fromtimestamp(time.time() + LOGIN_LIFETIME_SECONDS, UTC).replace(tzinfo=None),
        )

    @kopf.on.cleanup(registry=registry)
    async def drain(**_: Any) -> None:
        # Here, because kopf cancels whatever is left in the loop as soon as its own tasks have ended.
        await operator.stop(shutdown_grace_seconds)

    for kind, resource in RESOURCES.items():
        if kind in WATCHED_KINDS:
            continue
        kopf.on.event(resource.group, resource.version, resource.plural, registry=registry)(
            _watcher(operator, kind)
        )
    return registry


def _watcher(operator: Operator, kind: Kind) -> Any:
    async def watch(event: Any, **_: Any) -> None:
        await operator.observe(kind, event["type"], event["object"])

    watch.__name__ = f"watch_{kind.lower()}"
    return watch


async def run_watches(
    operator: Operator,
    connection: Connection,
    namespaces: Sequence[str],
    *,
    shutdown_grace_seconds: float,
    stop: asyncio.Event | None = None,
) -> None:
    """Watch until SIGTERM or `stop`; then drain the operator. Raises what ended the watches otherwise."""
    settings = kopf.OperatorSettings()
    configure(settings)
    # It tells of every event that its handler succeeded.
    logging.getLogger("kopf.objects").setLevel(logging.WARNING)
    await kopf.operator(
        registry=build_registry(operator, connection, shutdown_grace_seconds),
        settings=settings,
        namespaces=list(namespaces),
        clusterwide=not namespaces,
        standalone=True,
        stop_flag=stop,
    )
