"""The application: routes, what every request passes, and the services behind them."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from fastapi import FastAPI

from mljob import __version__
from mljob.server import mlflow_routes, ops_routes, page_routes, v1_routes
from mljob.server.answers import install_handlers
from mljob.server.gate import Gate
from mljob.server.metrics import Measure, Metrics
from mljob.server.services import Services

DESCRIPTION = (
    "Submit, find, follow and cancel MlJobs. "
    "Errors are RFC 9457 problem details; on MLflow's routes `{detail: ...}`."
)


def create_app(
    open_services: Callable[[], AbstractAsyncContextManager[Services]],
    metrics: Metrics,
    body_limit_bytes: int,
) -> FastAPI:
    """`open_services` is entered when the server starts and left when it stops."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with open_services() as services:
            app.state.services = services
            yield

    # The framework's documentation pages load their code from other hosts; page_routes.py's does not.
    app = FastAPI(
        title="MlJob",
        version=__version__,
        description=DESCRIPTION,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    for routes in (mlflow_routes, v1_routes, ops_routes, page_routes):
        app.include_router(routes.router)
    install_handlers(app)
    # The last one added is the first to see a request.
    app.add_middleware(Gate, body_limit_bytes=body_limit_bytes)
    app.add_middleware(Measure, metrics=metrics)
    return app
