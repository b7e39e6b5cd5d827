"""The REST API on a real API server and a new SQLite file, called in its own event loop without a socket."""

import logging
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from httpx import ASGITransport, AsyncClient
from mljob.kube.config import load_connection
from mljob.server.app import create_app
from mljob.server.cancellation import Cancellations
from mljob.server.metrics import Metrics
from mljob.server.services import Services, running
from mljob.server.settings import Settings
from mljob.store import open_store

from tests.control_plane import ControlPlane
from tests.integration.server.api import Api

OpenApi = Callable[..., AbstractAsyncContextManager[Api]]


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Migrated once, copied for each test."""
    path = tmp_path_factory.mktemp("template") / "mljob.db"
    store = open_store(f"sqlite:///{path}")
    store.migrate()
    store.close()
    return path


@pytest.fixture
def settings(control_plane: ControlPlane, namespace: str, tmp_path: Path, migrated_file: Path) -> Settings:
    """Of a server whose default namespace is the test's own."""
    shutil.copy(migrated_file, tmp_path / "mljob.db")
    return Settings(
        database_url=f"sqlite:///{tmp_path}/mljob.db",
        namespace=namespace,
        kubeconfig=str(control_plane.kubeconfig),
    )


@pytest.fixture
def open_api(settings: Settings, control_plane: ControlPlane, namespace: str) -> OpenApi:
    """Starts a server; `settle_seconds` as in Cancellations, other keyword arguments replace settings."""

    @asynccontextmanager
    async def start(
        *,
        wrap: Callable[[Services], Services] = lambda services: services,
        settle_seconds: float = 0.05,
        **changes: object,
    ) -> AsyncIterator[Api]:
        chosen = replace(settings, **changes)  # type: ignore[arg-type]
        connection = load_connection(chosen.kubeconfig)
        metrics = Metrics()

        @asynccontextmanager
        async def services() -> AsyncIterator[Services]:
            async with running(chosen, connection, open_store(chosen.database_url), metrics) as made:
                # There is no operator here, so that waiting for it only costs time.
                cancellations = Cancellations(made.kube, made.jobs, settle_seconds)
                yield wrap(replace(made, cancellations=cancellations))

        app = create_app(services, metrics, chosen.body_limit_bytes)
        async with (
            app.router.lifespan_context(app),
            AsyncClient(transport=ASGITransport(app), base_url="http://api", timeout=30) as client,
        ):
            api = Api(client, app.state.services, control_plane, namespace)
            await api.until_ready()
            yield api

    return start


@pytest.fixture
async def api(open_api: OpenApi) -> AsyncIterator[Api]:
    """A ready server."""
    logging.getLogger("mljob.server").setLevel(logging.INFO)
    async with open_api() as started:
        yield started
