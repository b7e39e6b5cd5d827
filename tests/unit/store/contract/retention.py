"""What `Store.delete_final` promises: final rows only, all that hangs on them, and no other."""

from typing import Any

from mljob.api.job import Phase
from mljob.core.records import JobRecord, Rank
from mljob.store import JobFilter, Store

from tests.unit.store.builders import T0_MS, a_job, an_attempt


def _ended(number: int, phase: Phase = Phase.SUCCEEDED, **fields: Any) -> JobRecord:
    usual: dict[str, Any] = {
        "creation_time_ms": T0_MS + number,
        "last_update_time_ms": T0_MS + 100 + number,
        "params": '{"a": 1}',
    }
    return a_job(rank=Rank.FINAL, phase=phase, **(usual | fields))


def _left(store: Store) -> set[str]:
    return {job.uid for job in store.search(JobFilter())}


class RetentionContract:
    def test_rows_that_are_not_final_stay_whatever_is_asked(self, store: Store) -> None:
        waiting, running = a_job(), a_job(attempt=1, rank=Rank.RUNNING, phase=Phase.RUNNING)
        final = [_ended(number, phase) for number, phase in enumerate(Phase) if phase.is_final]
        store.write([waiting, running, *final])
        assert store.delete_final(job_ids=[waiting.uid, running.uid], older_than_ms=2 * T0_MS) == 0
        assert store.delete_final() == 4
        assert _left(store) == {waiting.uid, running.uid}

    def test_age_is_counted_from_the_last_change(self, store: Store) -> None:
        jobs = [_ended(number) for number in range(4)]
        store.write(jobs)
        assert store.delete_final(older_than_ms=T0_MS + 102) == 2
        assert _left(store) == {jobs[2].uid, jobs[3].uid}

    def test_only_the_named_jobs_of_the_named_cluster_go(self, store: Store) -> None:
        mine, other, elsewhere = _ended(0), _ended(1), _ended(2, cluster="elsewhere")
        store.write([mine, other, elsewhere])
        assert store.delete_final(job_ids=[mine.uid, elsewhere.uid], cluster=mine.cluster) == 1
        assert _left(store) == {other.uid, elsewhere.uid}

    def test_no_names_is_nothing(self, store: Store) -> None:
        store.write([_ended(0)])
        assert store.delete_final(job_ids=[]) == 0

    def test_attempts_and_params_go_along(self, store: Store) -> None:
        job, kept = _ended(0), _ended(1)
        store.write([job, kept], [an_attempt(job), an_attempt(kept)])
        assert store.delete_final(job_ids=[job.uid]) == 1
        assert store.attempts(job.uid) == []
        # Were its params still there, the job of the same uid would be found by those of its first life.
        store.write([_ended(0, uid=job.uid, name=job.name, params='{"b": 2}')])
        assert [found.uid for found in store.search(JobFilter(params={"a": 1}))] == [kept.uid]
        assert len(store.attempts(kept.uid)) == 1

    def test_more_than_one_chunk(self, store: Store) -> None:
        jobs = [_ended(number) for number in range(1201)]
        store.write(jobs)
        assert (
            store.delete_final(job_ids=[job.uid for job in jobs[:1101]], older_than_ms=T0_MS + 10**6) == 1101
        )
        assert _left(store) == {job.uid for job in jobs[1101:]}
