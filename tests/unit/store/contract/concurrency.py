"""Writers side by side, and writers that are killed: nothing half, nothing back, no deadlock."""

import multiprocessing
import os
import random
import signal
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from itertools import pairwise
from multiprocessing.connection import Connection as Pipe

from mljob.core.records import JobRecord, Rank
from mljob.store import JobFilter, Store, open_store, writes
from mljob.store.engine import engine_for, writing

from tests.unit.store.builders import T0_MS, a_job, an_attempt, at

STEPS = ((1, Rank.STARTING), (1, Rank.RUNNING), (1, Rank.BACKOFF), (2, Rank.RUNNING), (2, Rank.FINAL))
PROCESSES = multiprocessing.get_context("spawn")


def _lives(number: int) -> list[list[JobRecord]]:
    births = [a_job(name=f"job-{index}") for index in range(number)]
    return [
        [birth, *(at(birth, *step, last_update_time_ms=T0_MS + n + 1) for n, step in enumerate(STEPS))]
        for birth in births
    ]


def write_shuffled(url: str, lives: list[list[JobRecord]], seed: int) -> None:
    """All records, in an order of this writer's own, in batches that overlap those of the others."""
    records = [record for life in lives for record in life]
    random.Random(seed).shuffle(records)  # noqa: S311
    with closing(open_store(url)) as store:
        for start in range(0, len(records), 40):
            batch = records[start : start + 40]
            store.write(
                batch, [an_attempt(record, 1, finished=record.rank is Rank.FINAL) for record in batch]
            )


def write_and_hang(url: str, jobs: list[JobRecord], ready: Pipe) -> None:
    """Everything but the commit."""
    with writing(engine_for(url)) as connection:
        writes.write(connection, jobs, [an_attempt(job) for job in jobs])
        ready.send(os.getpid())
        ready.recv()


class ConcurrencyContract:
    def test_threads_that_write_the_same_jobs_in_any_order(self, store: Store, url: str) -> None:
        lives = _lives(60)
        with ThreadPoolExecutor(4) as pool:
            for done in [pool.submit(write_shuffled, url, lives, seed) for seed in range(4)]:
                done.result()
        self._all_have_ended(store, lives)

    def test_processes_that_write_the_same_jobs_in_any_order(self, store: Store, url: str) -> None:
        lives = _lives(60)
        processes = [PROCESSES.Process(target=write_shuffled, args=(url, lives, seed)) for seed in range(3)]
        for process in processes:
            process.start()
        for process in processes:
            process.join(120)
        assert [process.exitcode for process in processes] == [0, 0, 0]
        self._all_have_ended(store, lives)

    def test_readers_see_all_of_a_batch_or_none(self, store: Store) -> None:
        """A terminal row and the RUNNING row that took its slot are one batch: never two RUNNING at once."""
        jobs = [a_job() for _ in range(100)]
        running = [at(job, 1, Rank.RUNNING, params="{}") for job in jobs]

        def pass_the_slot_on() -> None:
            store.write([running[0]])
            for last, successor in pairwise(running):
                store.write([at(last, 1, Rank.FINAL), successor])

        counts = []
        with ThreadPoolExecutor(1) as pool:
            writer = pool.submit(pass_the_slot_on)
            while not writer.done():
                found = store.list(JobFilter(phases=frozenset({running[0].phase}))).jobs
                counts.append(len(found))
            writer.result()
        assert set(counts) <= {0, 1}
        assert [job.uid for job in store.search(JobFilter(phases=frozenset({running[0].phase})))] == [
            jobs[-1].uid
        ]

    def test_a_writer_killed_before_its_commit_leaves_nothing(self, store: Store, url: str) -> None:
        old = a_job()
        store.write([old])
        jobs = [at(old, 1, Rank.RUNNING), *(a_job() for _ in range(50))]
        ours, theirs = PROCESSES.Pipe()
        process = PROCESSES.Process(target=write_and_hang, args=(url, jobs, theirs))
        process.start()
        assert ours.poll(60)
        os.kill(ours.recv(), signal.SIGKILL)
        process.join(60)
        assert store.get(old.uid) == old
        assert [job.uid for job in store.search(JobFilter())] == [old.uid]
        # Its locks are gone with it.
        store.write(jobs)
        assert store.get(old.uid) == replace(jobs[0], params=old.params)

    def _all_have_ended(self, store: Store, lives: list[list[JobRecord]]) -> None:
        for life in lives:
            assert store.get(life[0].uid) == replace(life[-1], params=life[0].params)
            assert [attempt.finished for attempt in store.attempts(life[0].uid)] == [True]
