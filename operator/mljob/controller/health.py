"""Probes and metrics of the operator's process, on a port of their own."""

from aiohttp import web
from prometheus_client import generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from mljob.controller.operator import Operator


def health_app(operator: Operator) -> web.Application:
    """`/healthz` fails when a part of the loop is dead, `/readyz` until the first list is through."""

    async def healthz(_: web.Request) -> web.Response:
        dead = operator.dead_part()
        return web.Response(status=503 if dead else 200, text=f"{dead or 'ok'}\n")

    async def readyz(_: web.Request) -> web.Response:
        ready = operator.started
        return web.Response(status=200 if ready else 503, text="ok\n" if ready else "listing\n")

    async def metrics(_: web.Request) -> web.Response:
        measure(operator)
        body = generate_latest(operator.metrics.registry)
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_LATEST})

    app = web.Application()
    app.router.add_get("/healthz", healthz)
    app.router.add_get("/readyz", readyz)
    app.router.add_get("/metrics", metrics)
    return app


def measure(operator: Operator) -> None:
    """Bring the gauges up to date; they are read, never kept."""
    metrics, view = operator.metrics, operator.view
    metrics.held.set(view.slots.in_all)
    metrics.waiting.set(len(view.waiting))
    metrics.queue_depth.set(len(operator.queue))
    metrics.queue_age.set(operator.queue.oldest_seconds)
    metrics.backlog.set(len(operator.mirror))
    metrics.store_failing.set(0 if operator.mirror.failing_since is None else 1)


async def serve_health(operator: Operator, host: str, port: int) -> web.AppRunner:
    """Listen; call `cleanup()` on what this returns at the end."""
    runner = web.AppRunner(health_app(operator), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, host, port).start()
    return runner
