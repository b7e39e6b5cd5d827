"""What `Store.write` promises, on whichever database the fixture `store` is."""

from dataclasses import replace
from typing import Any

import pytest
from mljob.api.job import Phase
from mljob.core.records import Rank
from mljob.store import JobFilter, Store

from tests.unit.store.builders import T0_MS, a_job, an_attempt, at, new_uid, recorded_statements

EVERYTHING: dict[str, Any] = {
    "timeout_seconds": 60,
    "reason": "Completed",
    "message": "all well",
    "result": '{"score": 0.93}',
    "retry_count": 2,
    "disruption_count": 1,
    "start_time_ms": T0_MS + 1,
    "completion_time_ms": T0_MS + 2,
    "next_retry_time_ms": T0_MS + 3,
    "priority": 7,
    "group": "sweep",
    "submitted_by": "system:serviceaccount:ml:ci",
    "exclusive_key": "train:abc",
}
ATTEMPT: dict[str, Any] = {
    "pod": "train-1-x",
    "pod_uid": "1b2c",
    "node": "node-a",
    "image": "example/train:1",
    "image_digest": "sha256:00",
    "requested_cpu_millis": 500,
    "requested_memory_bytes": 2**33,
    "requested_gpus": 1,
    "created_time_ms": T0_MS,
    "start_time_ms": T0_MS + 1,
    "completion_time_ms": T0_MS + 2,
    "exit_code": 1,
    "reason": "Error",
    "message": "exit 1",
    "error": "RuntimeError()",
    "traceback": "Traceback ...",
    "log_tail": "epoch 3",
}


def _each(names: tuple[str, ...], text: str) -> dict[str, Any]:
    return dict.fromkeys(names, text)


class WriteContract:
    def test_a_record_comes_back_as_it_went_in(self, store: Store) -> None:
        job = a_job(attempt=3, rank=Rank.FINAL, phase=Phase.SUCCEEDED, **EVERYTHING)
        store.write([job], [an_attempt(job, 3, finished=True, **ATTEMPT)])
        assert store.get(job.uid) == job
        assert store.attempts(job.uid) == [an_attempt(job, 3, finished=True, **ATTEMPT)]

    def test_an_unknown_job_is_none_and_has_no_attempts(self, store: Store) -> None:
        assert store.get(new_uid()) is None
        assert store.attempts(new_uid()) == []

    def test_nothing_to_write_is_fine(self, store: Store) -> None:
        assert store.write([], []).missing_params == frozenset()

    def test_writing_twice_is_writing_once(self, store: Store) -> None:
        job = at(a_job(), 1, Rank.RUNNING, params="{}")
        for _ in range(3):
            store.write([job, job], [an_attempt(job), an_attempt(job)])
        assert store.get(job.uid) == job
        assert len(store.attempts(job.uid)) == 1

    @pytest.mark.parametrize(
        ("stored", "record", "moves"),
        [
            ((0, Rank.QUEUED), (0, Rank.QUEUED), True),
            ((0, Rank.QUEUED), (1, Rank.STARTING), True),
            ((1, Rank.STARTING), (1, Rank.RUNNING), True),
            ((1, Rank.RUNNING), (1, Rank.BACKOFF), True),
            ((1, Rank.BACKOFF), (2, Rank.STARTING), True),
            ((1, Rank.RUNNING), (1, Rank.FINAL), True),
            ((9, Rank.RUNNING), (10, Rank.STARTING), True),
            ((1, Rank.RUNNING), (1, Rank.STARTING), False),
            ((2, Rank.STARTING), (1, Rank.RUNNING), False),
            ((2, Rank.STARTING), (1, Rank.FINAL), False),
            ((1, Rank.FINAL), (1, Rank.FINAL), False),
            ((1, Rank.FINAL), (2, Rank.RUNNING), False),
            ((1, Rank.FINAL), (2, Rank.FINAL), False),
        ],
    )
    def test_a_row_only_moves_forwards_and_never_once_final(
        self, store: Store, stored: tuple[int, Rank], record: tuple[int, Rank], moves: bool
    ) -> None:
        job = a_job()
        store.write([replace(at(job, *stored, reason="Before"), params=job.params)])
        store.write([at(job, *record, reason="After", message="new", last_update_time_ms=T0_MS + 5)])
        row = store.get(job.uid)
        assert row is not None
        assert (row.version, row.reason) == ((record, "After") if moves else (stored, "Before"))
        assert (row.message, row.last_update_time_ms) == (("new", T0_MS + 5) if moves else (None, T0_MS))

    @pytest.mark.parametrize("phase", [phase for phase in Phase if phase.is_final])
    def test_each_final_phase_is_final(self, store: Store, phase: Phase) -> None:
        job = at(a_job(), 1, Rank.FINAL, phase, result="first", params="{}")
        store.write([job])
        store.write([replace(job, phase=Phase.FAILED, result="second", last_update_time_ms=T0_MS + 9)])
        store.write([at(job, 2, Rank.RUNNING)])
        assert store.get(job.uid) == job

    def test_of_one_version_the_later_in_time_wins(self, store: Store) -> None:
        late = a_job(reason="Later", last_update_time_ms=T0_MS + 10)
        store.write([late])
        store.write([replace(late, reason="Earlier", last_update_time_ms=T0_MS + 9)])
        assert store.get(late.uid) == late

    def test_what_a_job_was_born_with_never_changes(self, store: Store) -> None:
        job = a_job(group="g", submitted_by="anna")
        store.write([job])
        other = replace(
            at(job, 1, Rank.RUNNING),
            name="other",
            namespace="other",
            job_name="other",
            cluster="other",
            creation_time_ms=1,
            group="h",
            submitted_by="eve",
            params='{"lr": 99}',
        )
        store.write([other])
        row = store.get(job.uid)
        assert row == replace(job, attempt=1, rank=Rank.RUNNING, phase=Phase.RUNNING)
        assert list(store.search(JobFilter(params={"lr": 99}))) == []

    def test_params_not_carried_stay(self, store: Store) -> None:
        job = a_job()
        store.write([job])
        assert store.write([at(job, 1, Rank.RUNNING)]).missing_params == frozenset()
        row = store.get(job.uid)
        assert row is not None
        assert row.params == job.params

    def test_missing_params_are_reported_until_they_come(self, store: Store) -> None:
        whole, bare = a_job(), a_job(params=None)
        assert store.write([whole, bare]).missing_params == {bare.uid}
        assert store.write([at(bare, 1, Rank.STARTING)]).missing_params == {bare.uid}
        again = at(bare, 1, Rank.RUNNING, params='{"a": 1}')
        assert store.write([at(bare, 1, Rank.STARTING), again]).missing_params == frozenset()
        assert [job.uid for job in store.search(JobFilter(params={"a": 1}))] == [bare.uid]

    @pytest.mark.parametrize("rank", [Rank.RUNNING, Rank.FINAL])
    def test_params_that_come_late_fill_the_gap_and_change_nothing_else(
        self, store: Store, rank: Rank
    ) -> None:
        job = at(a_job(), 1, rank)
        assert store.write([job]).missing_params == {job.uid}
        store.write([replace(job, attempt=0, rank=Rank.QUEUED, phase=Phase.PENDING, params='{"late": true}')])
        assert store.get(job.uid) == replace(job, params='{"late": true}')
        assert [found.uid for found in store.search(JobFilter(params={"late": True}))] == [job.uid]

    def test_records_of_one_batch_count_in_their_order(self, store: Store) -> None:
        job = a_job()
        steps = [
            job,
            at(job, 1, Rank.STARTING),
            at(job, 1, Rank.RUNNING),
            at(job, 1, Rank.FINAL, result="1"),
            at(job, 1, Rank.RUNNING),
        ]
        store.write(steps)
        assert store.get(job.uid) == replace(steps[3], params=job.params)

    def test_a_finished_attempt_stays_finished_and_its_gaps_are_filled(self, store: Store) -> None:
        job = a_job()
        store.write([job], [an_attempt(job, node="a", reason="Starting")])
        store.write([], [an_attempt(job, finished=True, reason="Error", exit_code=1)])
        store.write([], [an_attempt(job, reason="Starting", exit_code=None, pod="p")])
        store.write([], [an_attempt(job, finished=True, reason="Other", log_tail="the end")])
        expected = an_attempt(
            job, finished=True, node="a", reason="Error", exit_code=1, pod="p", log_tail="the end"
        )
        assert store.attempts(job.uid) == [expected]

    def test_an_unfinished_attempt_takes_what_is_newer_and_keeps_what_is_known(self, store: Store) -> None:
        job = a_job()
        store.write([job], [an_attempt(job, reason="Scheduling", node="a")])
        store.write([], [an_attempt(job, reason="Pulling")])
        assert store.attempts(job.uid) == [an_attempt(job, reason="Pulling", node="a")]

    def test_attempts_are_listed_by_number(self, store: Store) -> None:
        job = a_job()
        store.write([job], [an_attempt(job, number) for number in (10, 2, 1)])
        assert [attempt.attempt for attempt in store.attempts(job.uid)] == [1, 2, 10]

    def test_an_attempt_whose_job_has_no_row_is_reported_and_harms_nothing(self, store: Store) -> None:
        known, unknown = a_job(), a_job()
        store.write([known])
        result = store.write([], [an_attempt(known), an_attempt(unknown, 4)])
        assert result.unknown_attempts == {(unknown.uid, 4)}
        assert len(store.attempts(known.uid)) == 1
        assert store.attempts(unknown.uid) == []

    def test_a_batch_is_a_few_statements_whatever_its_size(self, store: Store) -> None:
        jobs = [a_job(params='{"a": 1, "b": 2}') for _ in range(500)]
        with recorded_statements() as first:
            store.write(jobs, [an_attempt(job) for job in jobs])
        with recorded_statements() as later:
            store.write([at(job, 1, Rank.RUNNING) for job in jobs], [an_attempt(job) for job in jobs])
        assert len(first) == 3, "jobs, params, attempts"
        assert len(later) == 2, "jobs, attempts"
        assert len(store.known(jobs[0].cluster, [job.uid for job in jobs])) == 500

    def test_a_long_backlog_is_one_transaction_of_statements_that_end(self, store: Store) -> None:
        jobs = [a_job(params=None) for _ in range(2500)]
        with recorded_statements() as statements:
            store.write(jobs)
        assert len(statements) == 3
        assert len(store.known(jobs[0].cluster, [job.uid for job in jobs])) == 2500

    def test_one_job_alone_is_one_statement_per_table(self, store: Store) -> None:
        job = a_job()
        with recorded_statements() as first:
            store.write([job])
        with recorded_statements() as running:
            store.write([at(job, 1, Rank.RUNNING)], [an_attempt(job)])
        with recorded_statements() as tail:
            store.write([], [an_attempt(job, finished=True, log_tail="x")])
        assert [len(first), len(running), len(tail)] == [2, 2, 2]

    def test_no_text_makes_a_write_fail(self, store: Store) -> None:
        nasty = "a\x00b\ud800c\udfff\N{PILE OF POO}"
        shown = "a\N{SYMBOL FOR NULL}b\\ud800c\\udfff\N{PILE OF POO}"
        texts = ("reason", "message", "result", "group", "submitted_by", "exclusive_key", "params")
        job = a_job(**_each(texts, nasty))
        attempt_texts = ("pod", "node", "image", "reason", "message", "error", "traceback", "log_tail")
        store.write([job], [an_attempt(job, **_each(attempt_texts, nasty))])
        assert store.get(job.uid) == replace(job, **_each(texts, shown))
        assert store.attempts(job.uid) == [an_attempt(job, **_each(attempt_texts, shown))]

    def test_texts_without_end_are_cut_and_say_so(self, store: Store) -> None:
        long = "x" * 1_000_000
        texts = ("reason", "message", "group", "submitted_by", "exclusive_key")
        job = at(a_job(), 1, Rank.FINAL, Phase.FAILED, result=long, **_each(texts, long))
        attempt_texts = (
            "pod",
            "pod_uid",
            "node",
            "image",
            "reason",
            "message",
            "error",
            "traceback",
            "log_tail",
        )
        store.write([job], [an_attempt(job, finished=True, **_each(attempt_texts, long))])
        row = store.get(job.uid)
        assert row is not None
        assert row.message is not None
        assert row.message.endswith(" [cut: 1000000 characters]")
        assert max(len(getattr(row, name) or "") for name in (*texts, "result")) <= 64 * 1024
        [attempt] = store.attempts(job.uid)
        assert attempt.log_tail is not None
        assert attempt.log_tail.startswith("[cut: 1000000 characters] x")
        assert [found.uid for found in store.search(JobFilter(submitted_by=long))] == [job.uid]

    def test_a_large_result_and_large_params_are_kept_whole(self, store: Store) -> None:
        params, result = f'{{"blob": "{"p" * 131_000}"}}', f'"{"r" * 1_000_000}"'
        job = a_job(rank=Rank.FINAL, phase=Phase.SUCCEEDED, params=params, result=result)
        store.write([job])
        assert store.get(job.uid) == job

    @pytest.mark.parametrize(
        "params", ["", "nonsense", "[1]", "null", "[" * 100_000, '{"n": ' + "9" * 5000 + "}"]
    )
    def test_params_that_python_cannot_read_are_stored_as_they_are(self, store: Store, params: str) -> None:
        job = a_job(params=params)
        store.write([job])
        assert store.get(job.uid) == job
