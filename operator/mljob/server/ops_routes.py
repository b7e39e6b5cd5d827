"""What probes and Prometheus ask, and MLflow's own `/health`."""

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.responses import PlainTextResponse, Response

from mljob.server.answers import Json
from mljob.server.dependencies import TheHealth, TheMetrics

router = APIRouter(tags=["operations"])


@router.get("/health", response_class=PlainTextResponse)
async def mlflow_health() -> PlainTextResponse:
    """As MLflow's server answers."""
    return PlainTextResponse("OK")


@router.get("/healthz")
async def liveness(health: TheHealth) -> Response:
    """This process works; if not, only a restart helps."""
    return Json({"checks": health.liveness()}, 500 if health.failed else 200)


@router.get("/readyz")
async def readiness(health: TheHealth) -> Response:
    """Submissions can be taken: the tables are there, the API server answers, definitions are known.

    A database that is away later is told by `checks.store` alone: what needs no rows still works.
    """
    ready, checks = await health.readiness()
    return Json({"ready": ready, "checks": checks}, 200 if ready else 503)


@router.get("/metrics", response_class=Response)
async def metrics(metrics: TheMetrics) -> Response:
    """The text format of Prometheus."""
    return Response(metrics.exposition(), media_type=CONTENT_TYPE_LATEST)
