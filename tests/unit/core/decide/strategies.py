"""Facts as they can be: any mixture of what people, the Job controller and kubelets do, and halves of it.

Status and attempt fit each other as the loop keeps them (one attempt is unsettled at most); all else is free.
"""

from typing import Any

from hypothesis import strategies as st
from mljob.api.job import Phase
from mljob.core.decision import StopReason
from mljob.core.facts import (
    AttemptFacts,
    Condition,
    Facts,
    PodEvents,
    PodFacts,
    SpecFacts,
    StartProblem,
    StatusFacts,
    StoredEnd,
)
from mljob.core.policy import AttemptPolicy
from mljob.core.records import Rank
from mljob.core.refusal import Refusal

from tests.unit.core.decide.builders import NOW, a_definition, a_job, a_report

maybe = st.booleans()
times = st.integers(-8_000, 4_000).map(lambda seconds: NOW + seconds)
words = st.sampled_from(["Suspended", "UnknownJobName", "Backoff", "NodeUnreachable", "ImagePullBackOff"])
texts = st.sampled_from(["", "said", "x" * 1_500]) | st.text(max_size=5)
maybe_time = st.none() | times
maybe_text = st.none() | texts
messages = st.none() | st.text(max_size=8) | st.builds(
    a_report,
    st.sampled_from(["succeeded", "failed", "transient", "timed_out"]),
    result=st.sampled_from(["1", "null", "{", '"\ud800"']),
    reason=st.none() | st.sampled_from(["Terminated", "LoadFailed", "odd one"]),
    error=texts,
)  # fmt: skip
policies = st.builds(
    AttemptPolicy,
    function=st.none() | st.just("sweep.train"),
    timeout_seconds=st.none() | st.integers(1, 500),
    start_deadline_seconds=st.integers(1, 3_600),
    max_retries=st.integers(0, 3),
    base_delay_seconds=st.integers(0, 20),
    max_delay_seconds=st.integers(0, 60),
    disruption_limit=st.integers(0, 3),
    definition_uid=st.sampled_from(["", "def-uid"]),
    ttl_after_finished_seconds=st.none() | st.integers(0, 500),
    ttl_after_failed_seconds=st.none() | st.integers(0, 500),
)


def _pod(
    state: str, started: float | None, ended: float | None, code: int, said: Any, **fields: Any
) -> PodFacts:
    """`main` waits, runs or has ended; the rest is as free as a stale or half-told status."""
    over = state == "ended"
    return PodFacts(
        name="train-1",
        main_running=state == "running",
        main_start_time=started if state != "waiting" else None,
        main_end_time=ended if over else None,
        main_exit_code=code if over else None,
        main_message=said if over else None,
        **fields,
    )


pods = st.builds(
    _pod,
    state=st.sampled_from(["waiting", "running", "ended"]),
    started=maybe_time,
    ended=maybe_time,
    code=st.sampled_from([0, 1, 75, 137, 255]),
    said=messages,
    uid=st.sampled_from(["p1", "p2"]),
    phase=st.sampled_from(["Pending", "Running", "Succeeded", "Failed"]),
    node=st.sampled_from([None, "node-1"]),
    start_time=maybe_time,
    active_deadline_seconds=st.none() | st.integers(1, 4_000),
    deletion_time=maybe_time,
    reason=st.sampled_from([None, None, "DeadlineExceeded", "Evicted", "OutOfcpu", "Strange"]),
    message=maybe_text,
    disruption=st.sampled_from([None, None, "PreemptionByScheduler"]),
    waiting_reason=st.sampled_from([None, "ErrImagePull", "ContainerCreating"]),
    unschedulable=st.sampled_from([None, "no node fits"]),
    init_failure=st.sampled_from([None, None, "Init container a exited with code 1"]),
    main_reason=st.sampled_from([None, None, "OOMKilled", "StartError", "Unknown"]),
)


pod_events = st.none() | st.builds(
    PodEvents,
    pod_uid=st.sampled_from(["p1", "p2"]),
    reads=st.integers(1, 4),
    read_time=times,
    problem=st.sampled_from([None, StartProblem("FailedMount", "not found")]),
)


def _attempt(end: str, **fields: Any) -> AttemptFacts:
    return AttemptFacts(
        name=f"train-{fields['number']}", complete=end == "complete", failed=end == "failed", **fields
    )


def _attempts(number: int) -> st.SearchStrategy[AttemptFacts]:
    return st.builds(
        _attempt,
        st.sampled_from(["", "complete", "failed"]),
        number=st.just(number),
        policy=policies,
        job_exists=maybe,
        created_time=times,
        suspended=maybe,
        stop_reason=st.sampled_from([None, None, None, "Whim", *map(str, StopReason)]),
        finished_time=maybe_time,
        failed_reason=st.sampled_from([None, "DeadlineExceeded", "PodFailurePolicy"]),
        failed_message=maybe_text,
        pods=st.lists(pods, max_size=2, unique_by=lambda pod: pod.uid).map(tuple),
        events_problem=st.sampled_from([None, StartProblem("FailedCreate", "violates PodSecurity")]),
        events_read=maybe,
        pod_events=pod_events,
    )


def _status(
    latest: int, phase: Phase, behind: bool, settled: bool, completed: float, **fields: Any
) -> StatusFacts:
    """`behind`: it does not speak of the latest attempt yet; `settled`: it says how that ended."""
    if phase is Phase.RUNNING and latest == 0:
        phase = Phase.PENDING
    attempt = latest - 1 if behind and latest > 0 and phase is Phase.PENDING else latest
    under_way = phase is Phase.RUNNING or (attempt == latest > 0 and not settled)
    return StatusFacts(
        phase=phase,
        attempt=attempt,
        completion_time=completed if phase.is_final else None,
        current_job=f"train-{attempt}" if under_way else None,
        **fields,
    )


def _statuses(latest: int) -> st.SearchStrategy[StatusFacts]:
    return st.builds(
        _status,
        st.just(latest),
        st.sampled_from([*Phase, Phase.PENDING, Phase.PENDING, Phase.RUNNING]),
        maybe,
        maybe,
        times,
        reason=st.none() | words,
        message=maybe_text,
        retry_count=st.integers(0, 3),
        disruption_count=st.integers(0, 3),
        start_time=maybe_time,
        next_retry_time=maybe_time,
        queued_time=maybe_time,
        observed_generation=st.integers(0, 2),
        conditions=st.lists(
            st.builds(Condition, st.sampled_from(["Accepted", "Admitted"]), maybe, words, texts, times),
            max_size=2,
            unique_by=lambda condition: condition.type,
        ).map(tuple),
    )


def _facts(number: int) -> st.SearchStrategy[Facts]:
    job = a_job()
    return st.builds(
        job.but,
        created_time=times,
        spec=st.builds(
            SpecFacts,
            job_name=st.just("train"),
            param_names=st.sampled_from([None, (), ("lr",)]),
            params_error=st.sampled_from([None, None, "spec.paramsJSON is not JSON"]),
            priority=st.integers(-1, 1),
            suspend=maybe,
            cancel=maybe,
        ),
        status=statuses[number],
        definition=st.sampled_from(
            [
                a_definition(),
                a_definition(suspend=True),
                a_definition(params=[{"name": "lr", "required": True}]),
                Refusal("UnknownJobName", "spec.jobName: no such definition"),
                Refusal("InvalidTemplate", "x" * 2_000),
                None,
            ]
        ),
        deleting=st.sampled_from([False, False, False, True]),
        has_record_finalizer=maybe,
        recorded=st.sampled_from([None, *((number, rank) for rank in Rank)]),
        stored_end=st.sampled_from(
            [None, None, None, StoredEnd(Phase.FAILED), StoredEnd(Phase.SUCCEEDED, "1")]
        ),
        attempt=attempts[number] if number else st.none(),
        in_flight=maybe,
        exclusive_holder=st.sampled_from([None, "earlier"]),
        ttl_seconds=st.none() | st.integers(0, 3_600),
        queue_deadline_seconds=st.none() | st.integers(1, 3_600),
        held_until=maybe_time,
    )


ATTEMPTS = range(4)
statuses = [_statuses(number) for number in ATTEMPTS]
attempts = [_attempts(number) for number in ATTEMPTS]
facts = st.sampled_from(ATTEMPTS).flatmap([_facts(number) for number in ATTEMPTS].__getitem__)
