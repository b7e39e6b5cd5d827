"""What routes ask for, by type. The parts themselves are made once, in `services.py`."""

from typing import Annotated

from fastapi import Depends, Request

from mljob.server.cancellation import Cancellations
from mljob.server.health import Health
from mljob.server.jobs import Jobs
from mljob.server.metrics import Metrics
from mljob.server.podlogs import Logs
from mljob.server.services import Services
from mljob.server.submission import Submissions


def _services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


AllServices = Annotated[Services, Depends(_services)]


def _jobs(services: AllServices) -> Jobs:
    return services.jobs


def _submissions(services: AllServices) -> Submissions:
    return services.submissions


def _cancellations(services: AllServices) -> Cancellations:
    return services.cancellations


def _logs(services: AllServices) -> Logs:
    return services.logs


def _health(services: AllServices) -> Health:
    return services.health


def _metrics(services: AllServices) -> Metrics:
    return services.metrics


def _default_namespace(services: AllServices) -> str:
    return services.default_namespace


TheJobs = Annotated[Jobs, Depends(_jobs)]
TheSubmissions = Annotated[Submissions, Depends(_submissions)]
TheCancellations = Annotated[Cancellations, Depends(_cancellations)]
TheLogs = Annotated[Logs, Depends(_logs)]
TheHealth = Annotated[Health, Depends(_health)]
TheMetrics = Annotated[Metrics, Depends(_metrics)]
DefaultNamespace = Annotated[str, Depends(_default_namespace)]
