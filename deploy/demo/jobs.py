"""What the demo says about its jobs: how each ended, whether that was meant, how many ran at once. No I/O."""

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml
from mljob.api.definition import MlJobDefinition
from mljob.api.job import MlJob, Phase
from mljob.api.names import KIND_DEFINITION, KIND_JOB

# What the examples are there to show; every other one succeeds.
MEANT_TO_END_OTHERWISE = {"too-slow": Phase.TIMED_OUT, "broken": Phase.FAILED}
MEANT_TO_BE_RETRIED = {"flaky": 1}
_STORY = {
    name: place
    for place, name in enumerate(("hello", "sweep", "time-limit", "retry", "failure", "container"))
}

Jobs = Mapping[str, MlJob]
"""by name"""


def names_in(folder: Path) -> list[str]:
    """Names of the MlJobs in a folder of manifests, in the order in which the demo shows them."""
    return [each["metadata"]["name"] for each in _manifests(folder) if each["kind"] == KIND_JOB]


def caps_in(folder: Path) -> dict[str, int]:
    """Job name to maxWorkers of the MlJobDefinitions in a folder of manifests."""
    found = [each for each in _manifests(folder) if each["kind"] == KIND_DEFINITION]
    definitions = [MlJobDefinition.model_validate(each) for each in found]
    return {definition.job_name: definition.spec.max_workers for definition in definitions}


def surprises(jobs: Jobs, caps: Mapping[str, int]) -> list[str]:
    """One sentence per job that did not end as its example says, and per cap that was passed."""
    found = []
    for job_name, cap in caps.items():
        most = most_at_once(job for job in jobs.values() if job.spec.job_name == job_name)
        if most > cap:
            found.append(f"{most} jobs of {job_name} ran at once, and its maxWorkers is {cap}")
    for name, job in jobs.items():
        meant = MEANT_TO_END_OTHERWISE.get(name, Phase.SUCCEEDED)
        if job.status.phase != meant:
            found.append(f"{name} is {job.status.phase}, not {meant}: {outcome(job)}")
        elif job.status.retry_count != MEANT_TO_BE_RETRIED.get(name, 0):
            found.append(f"{name} has retryCount {job.status.retry_count}")
    return found


def outcome(job: MlJob) -> str:
    """Result, or error, or why it is still where it is."""
    status = job.status
    if status.phase == Phase.SUCCEEDED:
        return _compact(status.result or "null")
    return status.error or status.message or status.reason or ""


def attempts(job: MlJob) -> str:
    """`2 (1 retry)`"""
    retries = job.status.retry_count
    extra = f" ({retries} {'retry' if retries == 1 else 'retries'})" if retries else ""
    return f"{job.status.attempt}{extra}"


def took(job: MlJob, run_seconds: Mapping[str, float]) -> str:
    """How long its latest attempt ran: by its runner's clock, else, to the second, its container's."""
    exact = run_seconds.get(job.status.current_pod or "")
    if exact is not None:
        return f"{exact:.1f} s"
    start, end = job.status.start_time, job.status.completion_time
    return f"{(end - start).total_seconds():.0f} s" if start and end else ""


def run_seconds(pods: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    """Pod name to seconds on its runner's clock, of the pods whose runner has reported."""
    found = {}
    for pod in pods:
        for container in pod["status"].get("containerStatuses", ()):
            report = _report(container["state"].get("terminated", {}).get("message", ""))
            if container["name"] == "main" and {"startedAt", "finishedAt"} <= report.keys():
                found[pod["metadata"]["name"]] = report["finishedAt"] - report["startedAt"]
    return found


def most_at_once(jobs: Iterable[MlJob]) -> int:
    """The most jobs that ran in one moment. Times are whole seconds: one that ends in the second in which
    another starts has made room for it."""
    moments: list[tuple[datetime, int]] = []
    for job in jobs:
        if job.status.start_time and job.status.completion_time:
            moments += [(job.status.start_time, 1), (job.status.completion_time, -1)]
    running = most = 0
    for _, change in sorted(moments):
        running += change
        most = max(most, running)
    return most


def _manifests(folder: Path) -> Iterator[dict[str, Any]]:
    for file in sorted(folder.glob("*.yaml"), key=_place):
        yield from yaml.safe_load_all(file.read_text())


def _place(file: Path) -> tuple[int, str]:
    """Examples that the story does not know come last."""
    return _STORY.get(file.stem, len(_STORY)), file.stem


def _report(message: str) -> dict[str, Any]:
    """Containers that are not Python end with any message, or none."""
    try:
        value = json.loads(message)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _compact(result: str) -> str:
    """An object without its braces and quotes."""
    try:
        value = json.loads(result)
    except ValueError:
        return result
    if isinstance(value, dict):
        return ", ".join(f"{key}={item}" for key, item in value.items())
    return value if isinstance(value, str) else result
