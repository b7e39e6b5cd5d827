"""Facts for tests: `a_job().running()` in place of thirty lines of fields. Immutable, step by step."""

import json
from dataclasses import dataclass, replace
from typing import Any, Self

from mljob.api.definition import MlJobDefinitionSpec
from mljob.api.job import Phase
from mljob.core.decision import StopReason
from mljob.core.facts import (
    AttemptFacts,
    Condition,
    DefinitionFacts,
    Facts,
    PodFacts,
    SpecFacts,
    StatusFacts,
)
from mljob.core.policy import AttemptPolicy
from mljob.core.records import Rank

NOW = 1_790_000_000.0
CREATED = NOW - 100
STARTED = NOW - 60
"""When the pod of a running attempt came to its node; its container ran two seconds later"""
FUNCTION = "sweep.train"


@dataclass(frozen=True, slots=True)
class APod(PodFacts):
    """A pod of an attempt, on its node and not yet started."""

    def running(self, *, since: float = STARTED + 2) -> Self:
        return replace(self, phase="Running", main_running=True, main_start_time=since)

    def exited(self, code: int, message: str | None = None, *, at: float = NOW - 1, **fields: Any) -> Self:
        """`main` has ended, and the pod with it."""
        values: dict[str, Any] = {
            "phase": "Succeeded" if code == 0 else "Failed",
            "main_running": False,
            "main_start_time": self.main_start_time or STARTED + 2,
            "main_end_time": at,
            "main_exit_code": code,
            "main_message": message,
            "main_reason": "Completed" if code == 0 else "Error",
        }
        return replace(self, **(values | fields))

    def reported(self, outcome: str, code: int = 1, **report: Any) -> Self:
        """`main` has ended with a report of the runner."""
        return self.exited(code, a_report(outcome, **report))

    def with_sidecars(self) -> Self:
        """Other containers run on."""
        return replace(self, phase="Running")

    def deleted(self, *, grace_ends: float = NOW - 1) -> Self:
        return replace(self, deletion_time=grace_ends)

    def but(self, **fields: Any) -> Self:
        return replace(self, **fields)


@dataclass(frozen=True, slots=True)
class AnAttempt(AttemptFacts):
    """An attempt whose Job has just been created."""

    def policy_of(self, **fields: Any) -> Self:
        return replace(self, policy=replace(self.policy, **fields))

    def of_command(self) -> Self:
        """Its container is not Python: no runner reports."""
        return self.policy_of(function=None)

    def with_pod(self, *pods: PodFacts) -> Self:
        return replace(self, pods=pods)

    def running(self) -> Self:
        return self.with_pod(a_pod().running())

    def over(self, *pods: PodFacts) -> Self:
        """The Job controller has seen the end: Complete if the pod succeeded, else Failed."""
        complete = bool(pods) and all(pod.phase == "Succeeded" for pod in pods)
        return replace(
            self, pods=pods, complete=complete, failed=not complete, finished_time=NOW,
            failed_reason=None if complete else "BackoffLimitExceeded",
        )  # fmt: skip

    def failed_by(self, reason: str, message: str = "") -> Self:
        return replace(self, complete=False, failed=True, failed_reason=reason, failed_message=message)

    def stopped(self, reason: StopReason) -> Self:
        return replace(self, stop_reason=str(reason))

    def but(self, **fields: Any) -> Self:
        return replace(self, **fields)


@dataclass(frozen=True, slots=True)
class AJob(Facts):
    """An MlJob that waits for its turn, with an accepted definition."""

    def defined_as(self, **spec: Any) -> Self:
        return replace(self, definition=a_definition(**spec))

    def with_spec(self, **fields: Any) -> Self:
        return replace(self, spec=replace(self.spec, **fields))

    def with_status(self, **fields: Any) -> Self:
        return replace(self, status=replace(self.status, **fields))

    def with_condition(self, kind: str, status: bool, reason: str) -> Self:
        return replace(self, status=self.status.with_condition(kind, status, reason, now=CREATED))

    def with_attempt(self, attempt: AttemptFacts) -> Self:
        """Its latest attempt; the status does not speak of it yet."""
        return replace(self, attempt=attempt)

    def running(self, attempt: AttemptFacts | None = None) -> Self:
        """Its latest attempt was seen to run, and the status says so."""
        attempt = attempt or an_attempt().running()
        status = replace(
            self.status,
            phase=Phase.RUNNING,
            attempt=attempt.number,
            current_job=attempt.name,
            current_pod=attempt.pod.name if attempt.pod else None,
            start_time=STARTED + 2,
            observed_generation=self.generation,
            conditions=(
                Condition("Accepted", True, "Accepted", "", STARTED),
                Condition("Admitted", True, "Admitted", "", STARTED),
            ),
        )
        return replace(self, attempt=attempt, status=status)

    def backing_off(self, *, until: float) -> Self:
        """Between two attempts."""
        status = replace(
            self.status,
            attempt=1,
            retry_count=1,
            reason="Backoff",
            next_retry_time=until,
            queued_time=until,
        )
        return replace(self, attempt=an_attempt().over(a_pod().reported("transient", 75)), status=status)

    def final(self, phase: Phase = Phase.SUCCEEDED, *, ago: float = 10.0) -> Self:
        status = replace(self.status, phase=phase, attempt=1, completion_time=NOW - ago)
        return replace(self, status=status)

    def recorded_as(self, rank: Rank) -> Self:
        return replace(self, recorded=(self.status.attempt, rank))

    def but(self, **fields: Any) -> Self:
        return replace(self, **fields)


def a_pod(name: str = "train-0a1b2c3d-1-x7k2p", **fields: Any) -> APod:
    values: dict[str, Any] = {
        "uid": f"uid-of-{name}",
        "name": name,
        "node": "node-1",
        "start_time": STARTED,
        "active_deadline_seconds": 3_930,
    }
    return APod(**(values | fields))


def an_attempt(number: int = 1, **fields: Any) -> AnAttempt:
    values: dict[str, Any] = {
        "number": number,
        "name": f"train-0a1b2c3d-{number}",
        "policy": AttemptPolicy(function=FUNCTION, timeout_seconds=300, definition_uid="def-uid"),
        "created_time": CREATED,
    }
    return AnAttempt(**(values | fields))


def a_job(name: str = "train", **spec: Any) -> AJob:
    return AJob(
        uid="0a1b2c3d-0000-4000-8000-000000000001",
        namespace="default",
        name=name,
        created_time=CREATED,
        spec=SpecFacts(job_name=name, param_names=("lr",), **spec),
        status=StatusFacts(),
        definition=a_definition(),
        resource_version="7",
    )


def a_definition(**spec: Any) -> DefinitionFacts:
    return DefinitionFacts(
        "def-uid", "train", MlJobDefinitionSpec.model_validate({"function": FUNCTION} | spec)
    )


def a_report(outcome: str, **fields: Any) -> str:
    """The termination message that the runner writes."""
    return json.dumps({"v": 1, "outcome": outcome} | fields)
