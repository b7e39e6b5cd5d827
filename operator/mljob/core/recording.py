"""The rows of a job and its attempt, from the facts that the loop has just acted on."""

from dataclasses import replace

from mljob.api import names
from mljob.api.job import Phase
from mljob.core.attempt import attempt_name
from mljob.core.facts import AttemptFacts, Facts, StatusFacts
from mljob.core.outcome import Ending, Outcome, judge
from mljob.core.policy import AttemptPolicy
from mljob.core.records import AttemptRecord, JobRecord, Rank


def rank_of(status: StatusFacts) -> Rank:
    """How far the job is within its attempt; the version of its row is (attempt, rank)."""
    if status.phase.is_final:
        return Rank.FINAL
    if status.phase is Phase.RUNNING:
        return Rank.RUNNING
    if status.attempt == 0:
        return Rank.QUEUED
    return Rank.STARTING if status.current_job is not None else Rank.BACKOFF


def job_record(
    facts: Facts,
    status: StatusFacts,
    *,
    cluster: str,
    created_ms: int,
    submitted_by: str | None,
    now: float,
    params: str | None = None,
    exclusive_key: str | None = None,
) -> JobRecord:
    """The row of a job with this status."""
    return JobRecord(
        uid=facts.uid,
        cluster=cluster,
        namespace=facts.namespace,
        name=facts.name,
        job_name=facts.spec.job_name,
        creation_time_ms=created_ms,
        attempt=status.attempt,
        rank=rank_of(status),
        phase=status.phase,
        last_update_time_ms=int(now * 1000),
        params=params,
        timeout_seconds=_timeout(facts),
        reason=status.reason,
        message=status.message,
        result=row_result(status),
        retry_count=status.retry_count,
        disruption_count=status.disruption_count,
        start_time_ms=_ms(status.start_time),
        completion_time_ms=_ms(status.completion_time),
        next_retry_time_ms=_ms(status.next_retry_time),
        priority=facts.spec.priority,
        group=facts.labels.get(names.LABEL_GROUP),
        submitted_by=submitted_by,
        exclusive_key=exclusive_key,
    )


def row_result(status: StatusFacts) -> str | None:
    """MLflow's column: the JSON text of a success, the error's text of a failure, else nothing."""
    if status.phase is Phase.SUCCEEDED:
        return status.result
    if status.phase is Phase.FAILED:
        return status.error or status.message
    return None


def attempt_record(
    facts: Facts, attempt: AttemptFacts, cluster: str, *, deleted: StatusFacts | None = None
) -> AttemptRecord:
    """The row of an attempt: its pod, and its end once it has one.

    `deleted`: the final status of an MlJob that is deleted. Who would tell a later end will not be there.
    """
    if deleted is not None:
        return _last_record(facts.uid, attempt, cluster, deleted, seen_running=facts.seen_running)
    outcome = None if attempt.alive else judge(attempt, seen_running=facts.seen_running)
    return _attempt_record(facts.uid, attempt, cluster, outcome)


def vanished_attempt_record(
    row: JobRecord, attempt: AttemptFacts | None, deleted: StatusFacts
) -> AttemptRecord | None:
    """The end of the attempt of a job that vanished with its row at `row`. None: none was under way.

    `attempt`: what is still there of it.
    """
    if attempt is None or attempt.number < row.attempt:
        if row.rank not in (Rank.STARTING, Rank.RUNNING):
            return None
        name = attempt_name(row.name, row.uid, row.attempt)
        attempt = AttemptFacts(row.attempt, name, AttemptPolicy(), job_exists=False)
    return _last_record(row.uid, attempt, row.cluster, deleted, seen_running=row.rank is Rank.RUNNING)


def _last_record(
    uid: str, attempt: AttemptFacts, cluster: str, deleted: StatusFacts, *, seen_running: bool
) -> AttemptRecord:
    """With the end that it had by itself, else with that of its MlJob."""
    pod = attempt.pod
    if attempt.complete or attempt.failed or (pod is not None and pod.main_ended):
        outcome = judge(attempt, seen_running=seen_running)
    else:
        outcome = Outcome(Ending.CANCELED, deleted.reason or "Deleted", deleted.message or "")
    record = _attempt_record(uid, attempt, cluster, outcome)
    if record.completion_time_ms is None:
        return replace(record, completion_time_ms=_ms(deleted.completion_time))
    return record


def _attempt_record(uid: str, attempt: AttemptFacts, cluster: str, outcome: Outcome | None) -> AttemptRecord:
    pod = attempt.pod
    finished_time = pod.main_end_time if pod and pod.main_end_time else attempt.finished_time
    return AttemptRecord(
        uid=uid,
        cluster=cluster,
        attempt=attempt.number,
        finished=outcome is not None,
        job=attempt.name,
        pod=pod.name if pod else None,
        pod_uid=pod.uid if pod else None,
        node=pod.node if pod else None,
        image=pod.image if pod else None,
        image_digest=pod.image_digest if pod else None,
        requested_cpu_millis=pod.requested_cpu_millis if pod else None,
        requested_memory_bytes=pod.requested_memory_bytes if pod else None,
        requested_gpus=pod.requested_gpus if pod else None,
        # Of an attempt whose Job nobody saw, the row may know it.
        created_time_ms=_ms(attempt.created_time or None),
        start_time_ms=_ms(pod.main_start_time) if pod else None,
        completion_time_ms=_ms(finished_time) if outcome is not None else None,
        exit_code=pod.main_exit_code if pod else None,
        reason=outcome.reason if outcome else None,
        message=(outcome.message or None) if outcome else None,
        error=outcome.error if outcome else None,
        traceback=outcome.traceback if outcome else None,
    )


def _timeout(facts: Facts) -> int | None:
    """The limit in force: an attempt's own, else the job's, else its definition's."""
    if facts.attempt is not None and facts.attempt.policy != AttemptPolicy():
        return facts.attempt.policy.timeout_seconds
    if facts.spec.active_deadline_seconds is not None:
        return facts.spec.active_deadline_seconds
    spec = getattr(facts.definition, "spec", None)
    return spec.active_deadline_seconds if spec is not None else None


def _ms(seconds: float | None) -> int | None:
    return None if seconds is None else int(seconds * 1000)
