"""Whatever the order, and however often: a job's row ends as its newest record says. By property."""

import random
from dataclasses import replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mljob.api.job import Phase
from mljob.core.records import AttemptRecord, JobRecord, Rank
from mljob.store import Store

from tests.unit.store.builders import T0_MS, a_job, an_attempt, at, new_uid

# The database is shared by the examples of one test, and each has uids of its own; one process may run the
# same test on both databases.
PROPERTY = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors],
)


@st.composite
def lives(draw: st.DrawFn) -> list[JobRecord]:
    """The records of one job in the order of their making: versions and time go up, the end is the end."""
    birth = a_job(uid=new_uid(), params=draw(st.sampled_from(['{"a": 1}', "{}"])))
    records = [birth]
    for attempt in range(1, draw(st.integers(1, 3)) + 1):
        ranks = [Rank.STARTING, Rank.STARTING, Rank.RUNNING, Rank.RUNNING, Rank.BACKOFF]
        records += [at(birth, attempt, rank) for rank in ranks if draw(st.booleans())]
    if draw(st.booleans()):
        phase = draw(st.sampled_from([phase for phase in Phase if phase.is_final]))
        records.append(at(birth, records[-1].attempt, Rank.FINAL, phase, result=draw(st.text(max_size=5))))
    return [
        replace(record, last_update_time_ms=T0_MS + number, reason=f"Step{number}")
        for number, record in enumerate(records)
    ]


def _clean(record: JobRecord) -> JobRecord:
    result = record.result
    return replace(record, result=None if result is None else result.replace("\x00", "\N{SYMBOL FOR NULL}"))


class LifeContract:
    @PROPERTY
    @given(life=lives(), seed=st.integers(0, 2**32), batch=st.integers(1, 6))
    def test_any_order_and_repetition_ends_with_the_newest_state(
        self, store: Store, life: list[JobRecord], seed: int, batch: int
    ) -> None:
        chance = random.Random(seed)  # noqa: S311
        sent = life + chance.choices(life, k=len(life))
        chance.shuffle(sent)
        for start in range(0, len(sent), batch):
            store.write(sent[start : start + batch])
        assert store.get(life[0].uid) == replace(_clean(life[-1]), params=life[0].params)

    @PROPERTY
    @given(life=lives(), seed=st.integers(0, 2**32))
    def test_a_row_never_goes_back(self, store: Store, life: list[JobRecord], seed: int) -> None:
        sent = random.Random(seed).choices(life, k=2 * len(life))  # noqa: S311
        seen = []
        for record in sent:
            store.write([record])
            row = store.get(record.uid)
            assert row is not None
            seen.append(row)
        assert [row.version for row in seen] == sorted(row.version for row in seen)
        ends = [replace(row, params=None) for row in seen if row.phase.is_final]
        assert all(end == ends[0] for end in ends)

    @PROPERTY
    @given(seed=st.integers(0, 2**32), finished=st.booleans())
    def test_attempts_keep_what_is_known_in_any_order(self, store: Store, seed: int, finished: bool) -> None:
        job = a_job(uid=new_uid())
        store.write([job])
        records: list[AttemptRecord] = [
            an_attempt(job, created_time_ms=T0_MS),
            an_attempt(job, pod="p", node="n"),
            an_attempt(job, start_time_ms=T0_MS + 1, image_digest="sha256:1"),
            an_attempt(job, log_tail="the end"),
        ]
        if finished:
            records.append(an_attempt(job, finished=True, exit_code=0, completion_time_ms=T0_MS + 2))
        random.Random(seed).shuffle(records)  # noqa: S311
        for record in records:
            store.write([], [record, record])
        expected = an_attempt(
            job,
            finished=finished,
            created_time_ms=T0_MS,
            pod="p",
            node="n",
            start_time_ms=T0_MS + 1,
            image_digest="sha256:1",
            log_tail="the end",
            exit_code=0 if finished else None,
            completion_time_ms=T0_MS + 2 if finished else None,
        )
        assert store.attempts(job.uid) == [expected]
