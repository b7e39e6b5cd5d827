"""What this process tells Prometheus. A registry of its own: nothing global, nothing of another component."""

import time

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LATENCY_BUCKETS_SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)


class Metrics:
    """All series, named `mljob_api_*`."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "mljob_api_requests_total",
            "Requests answered.",
            ("method", "route", "code"),
            registry=self.registry,
        )
        self.latency = Histogram(
            "mljob_api_request_duration_seconds",
            "From the request's first byte to the answer's last.",
            ("method", "route"),
            buckets=LATENCY_BUCKETS_SECONDS,
            registry=self.registry,
        )
        self.submissions = Counter(
            "mljob_api_submissions_total",
            "Submissions by outcome: accepted, or the kind of problem.",
            ("outcome",),
            registry=self.registry,
        )
        self.unstored = Gauge(
            "mljob_api_unstored_jobs",
            "Accepted jobs whose row is not stored yet because the database was away.",
            registry=self.registry,
        )
        self.definitions = Gauge(
            "mljob_api_definitions", "Definitions known to this process.", registry=self.registry
        )

    def exposition(self) -> bytes:
        """The text format."""
        return generate_latest(self.registry)


class Measure:
    """ASGI middleware: counts and times every request by its route's template, never by its path."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app = app
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        code = 500
        started = time.perf_counter()

        async def note_code(message: Message) -> None:
            nonlocal code
            if message["type"] == "http.response.start":
                code = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, note_code)
        finally:
            route, method = _template(scope), _method(scope)
            self.metrics.requests.labels(method, route, str(code)).inc()
            self.metrics.latency.labels(method, route).observe(time.perf_counter() - started)


def _template(scope: Scope) -> str:
    """`/api/v1/jobs/{job_id}`. What matches no route is one series: paths are the caller's to choose."""
    return str(getattr(scope.get("route"), "path", "unmatched"))


def _method(scope: Scope) -> str:
    method = str(scope["method"])
    return method if method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS") else "other"
