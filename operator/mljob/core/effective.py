"""Which value is in force: the MlJob's, else its definition's, else the installation's.

A definition's default that nobody wrote does not count: the installation's comes before it.
"""

from dataclasses import dataclass
from typing import TypeVar

from pydantic import BaseModel

from mljob.api.definition import EXIT_CODE_TRANSIENT, MlJobDefinitionSpec, Retry
from mljob.api.job import MlJobSpec, Phase
from mljob.core.config import OperatorConfig

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """What is done again, how often and when."""

    max_retries: int
    base_delay_seconds: int
    max_delay_seconds: int
    disruption_limit: int
    exit_codes: frozenset[int]
    """Transient exit codes of a container that is not Python."""


@dataclass(frozen=True, slots=True)
class TtlPolicy:
    """How long finished jobs stay in the cluster, by how they ended."""

    after_finished_seconds: int
    after_failed_seconds: int


def effective_timeout(spec: MlJobSpec, definition: MlJobDefinitionSpec | None) -> int | None:
    """Run time of one attempt in seconds; None: no limit."""
    if spec.active_deadline_seconds is not None:
        return spec.active_deadline_seconds
    return definition.active_deadline_seconds if definition else None


def effective_queue_deadline(spec: MlJobSpec, definition: MlJobDefinitionSpec | None) -> int | None:
    """How long a job may wait for its turn, in seconds; None: no limit."""
    if spec.queue_deadline_seconds is not None:
        return spec.queue_deadline_seconds
    return definition.queue_deadline_seconds if definition else None


def effective_start_deadline(
    spec: MlJobSpec, definition: MlJobDefinitionSpec | None, config: OperatorConfig
) -> int:
    """How long an admitted job may take to start, in seconds."""
    if spec.start_deadline_seconds is not None:
        return spec.start_deadline_seconds
    return _written(definition, "start_deadline_seconds", config.start_deadline_seconds)


def effective_ttls(definition: MlJobDefinitionSpec | None, config: OperatorConfig) -> TtlPolicy:
    """How long a definition's jobs stay in the cluster where they do not say so themselves."""
    return TtlPolicy(
        _written(definition, "ttl_seconds_after_finished", config.ttl_seconds_after_finished),
        _written(definition, "ttl_seconds_after_failed", config.ttl_seconds_after_failed),
    )


def effective_ttl(own_seconds: int | None, ttls: TtlPolicy, phase: Phase) -> int:
    """How long a finished job stays in the cluster, in seconds. `own_seconds`: what it says itself."""
    if own_seconds is not None:
        return own_seconds
    if phase in (Phase.FAILED, Phase.TIMED_OUT):
        return ttls.after_failed_seconds
    return ttls.after_finished_seconds


def effective_retry(definition: MlJobDefinitionSpec | None, config: OperatorConfig) -> RetryPolicy:
    """Budgets and delays, field by field."""
    retry = definition.retry if definition else Retry()
    defaults = config.retry
    return RetryPolicy(
        max_retries=_written(retry, "max_retries", defaults.max_retries),
        base_delay_seconds=_written(retry, "base_delay_seconds", defaults.base_delay_seconds),
        max_delay_seconds=_written(retry, "max_delay_seconds", defaults.max_delay_seconds),
        disruption_limit=_written(retry, "disruption_limit", defaults.disruption_limit),
        exit_codes=frozenset(_written(retry, "exit_codes", (EXIT_CODE_TRANSIENT,))),
    )


def _written(model: BaseModel | None, field: str, default: Value) -> Value:
    """The field if somebody wrote it; the models' own defaults are for those who read them alone."""
    if model is None or field not in model.model_fields_set:
        return default
    value: Value = getattr(model, field)
    return value
