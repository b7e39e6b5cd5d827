"""How an attempt ended: every row of what can be left of it, and in which order it is believed."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mljob.core.decision import StopReason
from mljob.core.facts import AttemptFacts
from mljob.core.outcome import Ending, judge

from tests.unit.core.decide.builders import NOW, STARTED, a_pod, a_report, an_attempt

S, F, T, TO, D = Ending.SUCCEEDED, Ending.FAILED, Ending.TRANSIENT, Ending.TIMED_OUT, Ending.DISRUPTED
ATTEMPT = an_attempt()
COMMAND = an_attempt().of_command()
POD = a_pod().running()
LATE = a_pod(start_time=NOW - 3_930).running(since=NOW - 200)
"""Started so late that the pod's deadline struck before the function had its 300 s."""

MLFLOW_TEXT = (
    "RuntimeError('The subprocess that executes job function sweep.train exists with error code {}')"
)


@pytest.mark.parametrize(
    ("attempt", "ending", "reason"),
    [
        pytest.param(ATTEMPT.over(POD.reported("succeeded", 0, result="1.50")), S, "Succeeded", id="result"),
        pytest.param(ATTEMPT.over(POD.reported("failed", error="E()")), F, "Error", id="exception"),
        pytest.param(
            ATTEMPT.over(POD.reported("failed", reason="LoadFailed", error="E")), F, "LoadFailed", id="load"
        ),
        pytest.param(ATTEMPT.over(POD.reported("transient", 75)), T, "TransientError", id="transient"),
        pytest.param(ATTEMPT.over(POD.reported("timed_out", 124)), TO, "TimedOut", id="runner's limit"),
        pytest.param(ATTEMPT.over(POD.exited(0)), F, "NoResult", id="exit 0 without a report"),
        pytest.param(
            ATTEMPT.over(POD.exited(0, a_report("succeeded"))), F, "NoResult", id="success without a result"
        ),
        pytest.param(ATTEMPT.over(POD.exited(3)), F, "ProcessExited", id="exit code"),
        pytest.param(ATTEMPT.over(POD.exited(75)), F, "ProcessExited", id="75 of Python is not transient"),
        pytest.param(ATTEMPT.over(POD.exited(137)), F, "ProcessExited", id="killed"),
        pytest.param(ATTEMPT.over(POD.exited(137, main_reason="OOMKilled")), F, "OOMKilled", id="memory"),
        pytest.param(
            ATTEMPT.over(POD.exited(128, "exec: python3: not found", main_reason="StartError")),
            F, "StartError", id="container cannot start",
        ),
        pytest.param(
            ATTEMPT.over(a_pod(phase="Failed", init_failure="Init container fetch exited with code 3")),
            F, "InitContainerFailed", id="init container",
        ),
        # Told to stop: the reason of the stop counts, unless the work was done.
        pytest.param(
            ATTEMPT.stopped(StopReason.CANCELED).over(POD.reported("failed", reason="Terminated")),
            Ending.CANCELED, "Canceled", id="canceled",
        ),
        pytest.param(
            ATTEMPT.stopped(StopReason.SUSPENDED).over(POD.reported("failed", reason="Terminated")),
            Ending.SUSPENDED, "Suspended", id="suspended",
        ),
        pytest.param(
            ATTEMPT.stopped(StopReason.EVICTED).over(POD.reported("failed", reason="Terminated")),
            D, "JobSuspended", id="evicted by suspension",
        ),
        pytest.param(
            ATTEMPT.stopped(StopReason.START_DEADLINE_EXCEEDED).failed_by("DeadlineExceeded"),
            F, "StartDeadlineExceeded", id="start deadline",
        ),
        pytest.param(
            ATTEMPT.stopped(StopReason.SUSPENDED).over(POD.reported("succeeded", 0, result="1")),
            S, "Succeeded", id="done before the stop",
        ),
        pytest.param(
            ATTEMPT.stopped(StopReason.CANCELED).over(POD.reported("failed", error="E()")),
            F, "Error", id="failed by itself before the stop",
        ),
        pytest.param(
            ATTEMPT.stopped(StopReason.SUSPENDED).but(complete=True), S, "ResultLost",
            id="complete before the stop, pod gone",
        ),
        pytest.param(
            ATTEMPT.but(stop_reason="Whim").over(POD.exited(143).deleted()), D, "PodDeleted",
            id="a stop reason that is not ours",
        ),
        # The cluster took the pod away.
        pytest.param(
            ATTEMPT.over(POD.exited(143).but(disruption="EvictionByEvictionAPI")),
            D, "EvictionByEvictionAPI", id="DisruptionTarget",
        ),
        pytest.param(
            ATTEMPT.over(POD.reported("failed", reason="Terminated").but(disruption="PreemptionByScheduler")),
            D, "PreemptionByScheduler", id="terminated by preemption",
        ),
        pytest.param(
            ATTEMPT.over(a_pod(phase="Failed", reason="OutOfcpu")), D, "OutOfcpu", id="kubelet has no cpu"
        ),
        pytest.param(
            ATTEMPT.over(a_pod(phase="Failed", reason="OutOfnvidia.com/gpu")),
            D, "OutOfnvidia.com/gpu", id="kubelet has no gpu",
        ),
        pytest.param(
            ATTEMPT.over(POD.exited(137).but(reason="NodeAffinity")), D, "NodeAffinity",
            id="kubelet gives it up",
        ),
        pytest.param(
            ATTEMPT.over(a_pod(phase="Failed", reason="NodePorts")), D, "NodePorts",
            id="a refusal we do not know, before anything ran",
        ),
        pytest.param(ATTEMPT.over(a_pod(phase="Failed")), D, "PodLost", id="ended before it ran"),
        pytest.param(
            ATTEMPT.over(POD.exited(137, main_reason="ContainerStatusUnknown")), D, "PodLost",
            id="node was restarted",
        ),
        pytest.param(ATTEMPT.over(POD.exited(143).deleted()), D, "PodDeleted", id="deleted by someone"),
        pytest.param(
            ATTEMPT.over(POD.exited(137)).failed_by("PodFailurePolicy"), D, "Disrupted",
            id="only the Job knows of the disruption",
        ),
        # No pod is left.
        pytest.param(ATTEMPT.but(complete=True), S, "ResultLost", id="complete, pod collected"),
        pytest.param(ATTEMPT.but(job_exists=False), D, "JobDeleted", id="Job deleted"),
        pytest.param(
            ATTEMPT.stopped(StopReason.CANCELED).but(job_exists=False), Ending.CANCELED, "Canceled",
            id="stopped, then deleted",
        ),
        pytest.param(ATTEMPT.failed_by("PodFailurePolicy"), D, "Disrupted", id="disrupted, pod collected"),
        pytest.param(ATTEMPT.failed_by("BackoffLimitExceeded"), D, "PodDeleted", id="failed, pod deleted"),
        pytest.param(
            ATTEMPT.failed_by("DeadlineExceeded"), F, "StartDeadlineExceeded",
            id="Job's deadline, never seen to run",
        ),
        # A container that is not Python.
        pytest.param(COMMAND.over(POD.exited(0)), S, "Succeeded", id="command exits with 0"),
        pytest.param(COMMAND.over(POD.exited(1)), F, "ProcessExited", id="command fails"),
        pytest.param(COMMAND.over(POD.exited(75)), T, "TransientExitCode", id="command says: try again"),
        pytest.param(
            COMMAND.policy_of(exit_codes=(3,)).over(POD.exited(75)), F, "ProcessExited",
            id="75 is not among its codes",
        ),
        pytest.param(
            COMMAND.over(POD.reported("timed_out", 1)), F, "ProcessExited", id="no runner, no report"
        ),
        pytest.param(
            COMMAND.stopped(StopReason.SUSPENDED).over(POD.exited(0).deleted()),
            Ending.SUSPENDED, "Suspended", id="exit 0 when told to stop is no success",
        ),
        pytest.param(
            COMMAND.stopped(StopReason.SUSPENDED).over(POD.exited(0)), S, "Succeeded",
            id="command was done before the stop reached it",
        ),
    ],
)  # fmt: skip
def test_outcome_of(attempt: AttemptFacts, ending: Ending, reason: str) -> None:
    outcome = judge(attempt)
    assert (outcome.ending, outcome.reason) == (ending, reason)
    assert ending is S or outcome.message or outcome.error


@pytest.mark.parametrize(
    ("attempt", "seen_running", "ending", "reason"),
    [
        pytest.param(
            ATTEMPT.over(a_pod(phase="Failed", reason="DeadlineExceeded")), False, F,
            "StartDeadlineExceeded", id="pod's, before the container ran",
        ),
        pytest.param(
            ATTEMPT.over(POD.exited(137, at=STARTED + 302).but(reason="DeadlineExceeded")), True, TO,
            "TimedOut", id="pod's, the limit is used up",
        ),
        pytest.param(
            ATTEMPT.over(POD.exited(1, a_report("failed", reason="Terminated"), at=STARTED + 302)
                         .but(reason="DeadlineExceeded")),
            True, TO, "TimedOut", id="pod's, and the runner was told to stop",
        ),
        pytest.param(
            COMMAND.over(POD.exited(0, at=STARTED + 302).but(reason="DeadlineExceeded")), True, TO,
            "TimedOut", id="a command that ends well when its time is up has timed out",
        ),
        pytest.param(
            ATTEMPT.over(LATE.exited(137, at=NOW).but(reason="DeadlineExceeded")), True, F,
            "DeadlineExceeded", id="pod's, started too late to use up its limit",
        ),
        pytest.param(
            ATTEMPT.policy_of(timeout_seconds=None)
            .over(POD.exited(137, at=NOW).but(reason="DeadlineExceeded", active_deadline_seconds=50)),
            True, F, "DeadlineExceeded", id="a deadline that is not ours",
        ),
        pytest.param(
            ATTEMPT.over(a_pod(phase="Failed", reason="DeadlineExceeded", active_deadline_seconds=None)
                         .exited(137, phase="Failed")),
            True, F, "DeadlineExceeded", id="a pod that does not say when it was due",
        ),
        pytest.param(
            ATTEMPT.over(a_pod(phase="Failed", reason="DeadlineExceeded")),
            True,
            TO,
            "TimedOut",
            id="pod's, it was seen to run and its times are lost",
        ),
        # Injected sidecars outlive `main`; the deadline that ends them is not its end.
        pytest.param(
            COMMAND.over(POD.exited(3).but(reason="DeadlineExceeded", active_deadline_seconds=1)), True, F,
            "ProcessExited", id="sidecars ended by us",
        ),
        pytest.param(
            COMMAND.over(POD.exited(0).but(reason="DeadlineExceeded", active_deadline_seconds=1)), True, S,
            "Succeeded", id="sidecars ended by us after success",
        ),
        pytest.param(
            COMMAND.over(POD.exited(75, at=STARTED + 9).but(reason="DeadlineExceeded")), True, T,
            "TransientExitCode", id="sidecars ended by the deadline while the operator was away",
        ),
        # The Job's own deadline deletes the pod.
        pytest.param(
            ATTEMPT.over(POD.exited(143, at=STARTED + 302).deleted()).failed_by("DeadlineExceeded"), True,
            TO, "TimedOut", id="Job's",
        ),
        pytest.param(
            ATTEMPT.over(a_pod(phase="Failed").deleted()).failed_by("DeadlineExceeded"), False, F,
            "StartDeadlineExceeded", id="Job's, before the container ran",
        ),
        pytest.param(
            ATTEMPT.over(POD.exited(3)).failed_by("DeadlineExceeded"), True, F, "ProcessExited",
            id="Job's, after the container had ended",
        ),
        pytest.param(
            ATTEMPT.failed_by("DeadlineExceeded"), True, TO, "TimedOut", id="Job's, it ran and no pod is left"
        ),
        pytest.param(
            ATTEMPT.policy_of(timeout_seconds=None).failed_by("DeadlineExceeded"), True, F,
            "DeadlineExceeded", id="Job's, set by someone else",
        ),
    ],
)  # fmt: skip
def test_deadline(attempt: AttemptFacts, seen_running: bool, ending: Ending, reason: str) -> None:
    outcome = judge(attempt, seen_running=seen_running)
    assert (outcome.ending, outcome.reason) == (ending, reason)


@pytest.mark.parametrize(("code", "number"), [(1, "1"), (3, "3"), (128, "128"), (137, "-9"), (139, "-11")])
def test_exit_codes_read_as_in_mlflow(code: int, number: str) -> None:
    assert judge(ATTEMPT.over(POD.exited(code))).error == MLFLOW_TEXT.format(number)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (3, "The process exited with code 3"),
        (137, "The process was ended by SIGKILL"),
        (255, "The process was ended by signal 127"),
    ],
)
def test_an_exit_is_told_in_words(code: int, message: str) -> None:
    assert judge(ATTEMPT.over(POD.exited(code))).message == message


def test_out_of_memory_names_the_limit() -> None:
    outcome = judge(ATTEMPT.over(POD.exited(137, main_reason="OOMKilled").but(memory_limit="2Gi")))
    assert "limit of 2Gi" in outcome.message
    assert outcome.error == MLFLOW_TEXT.format("-9")


def test_a_result_is_the_exact_text_of_the_report() -> None:
    assert judge(ATTEMPT.over(POD.reported("succeeded", 0, result='{"b": 1.0}'))).result == '{"b": 1.0}'


def test_a_failure_keeps_error_traceback_and_note() -> None:
    pod = POD.reported("failed", error="ValueError('x')", traceback="Traceback...", note="stdout was closed")
    outcome = judge(ATTEMPT.over(pod))
    assert (outcome.error, outcome.traceback) == ("ValueError('x')", "Traceback...")
    assert outcome.message == "ValueError('x') (stdout was closed)"


@pytest.mark.parametrize(
    ("text", "result"),
    [
        (' {"score": 0.50}\n', '{"score": 0.50}'),
        ("null", "null"),
        ("not JSON", "null"),
        ("NaN", "null"),
        (None, "null"),
        (json.dumps("x" * 3_000), "null"),
        (json.dumps("x" * 2_998), json.dumps("x" * 2_998)),
        ("[" * 100_000, "null"),
    ],
)
def test_result_of_a_command_is_what_it_wrote_if_that_is_json(text: str | None, result: str) -> None:
    assert judge(COMMAND.over(POD.exited(0, text))).result == result


def test_a_failed_command_says_what_it_printed_last() -> None:
    outcome = judge(COMMAND.over(POD.exited(2, "x" * 5_000 + "no such file: data.csv\n")))
    assert outcome.error is not None
    assert outcome.error.startswith("The container exited with code 2: xxx")
    assert outcome.error.endswith("no such file: data.csv")
    assert len(outcome.error) < 1_100


def test_a_start_deadline_names_what_kept_it_from_starting() -> None:
    stopped = ATTEMPT.stopped(StopReason.START_DEADLINE_EXCEEDED)
    pod = a_pod(phase="Failed", waiting_reason="ImagePullBackOff")
    assert judge(stopped.over(pod)).message.endswith("startDeadlineSeconds=3600: ImagePullBackOff")
    unschedulable = pod.but(unschedulable="0/3 nodes are available")
    assert judge(stopped.over(unschedulable)).message.endswith(": 0/3 nodes are available")


def test_of_two_pods_the_later_end_counts() -> None:
    first = a_pod("first").exited(143).but(start_time=STARTED - 50)
    second = a_pod("second").reported("succeeded", 0, result="2")
    assert judge(ATTEMPT.over(first, second)).result == "2"


def test_of_two_pods_the_one_that_runs_is_the_attempts() -> None:
    first, second = a_pod("first").exited(143), a_pod("second").running()
    pod = ATTEMPT.with_pod(first, second).pod
    assert pod is not None
    assert pod.name == "second"


@pytest.mark.parametrize(
    "message",
    [
        "", "{", "[]", "null", '{"v": 2, "outcome": "failed"}', '{"v": 1}', '{"v": 1, "outcome": "won"}',
        '{"v": 1, "outcome": ["failed"]}', '{"v": 1, "outcome": "succeeded", "result": "NaN"}',
        '{"v": 1, "outcome": "succeeded", "result": 5}', "[" * 50_000, "9" * 5_000,
    ],
)  # fmt: skip
def test_what_is_not_exactly_a_report_is_none(message: str) -> None:
    assert judge(ATTEMPT.over(POD.exited(4, message))).reason == "ProcessExited"


def test_a_reason_that_is_no_word_is_not_taken_over() -> None:
    assert judge(ATTEMPT.over(POD.reported("failed", reason="no; such <reason>"))).reason == "Error"


anything = st.text() | st.sampled_from(["\ud800", "a\x00b", "\U0001f600"])
reports = st.dictionaries(
    st.sampled_from(["v", "outcome", "reason", "error", "traceback", "note", "result"]),
    anything | st.just(1) | st.sampled_from(["failed", "succeeded", "transient", "timed_out"]) | st.none(),
)


@given(
    message=anything | reports.map(json.dumps) | reports.map(lambda r: json.dumps(r, ensure_ascii=False)),
    code=st.integers(0, 255),
    command=st.booleans(),
)
def test_no_termination_message_breaks_the_loop(message: str, code: int, command: bool) -> None:
    """What a job writes must never keep it from being settled: every text can be sent to the API server."""
    attempt = COMMAND if command else ATTEMPT
    outcome = judge(attempt.over(POD.exited(code, message)))
    for text in (outcome.reason, outcome.message, outcome.result, outcome.error, outcome.traceback):
        assert text is None or text.encode().decode() == text


def test_an_escaped_surrogate_in_a_report_stays_readable() -> None:
    outcome = judge(ATTEMPT.over(POD.exited(0, a_report("succeeded", result=json.dumps("\ud83d")))))
    assert outcome.result == '"\\ud83d"'
    raw = judge(ATTEMPT.over(POD.exited(0, a_report("succeeded", result='"\ud83d"'))))
    assert raw.result == '"\\ud83d"'
