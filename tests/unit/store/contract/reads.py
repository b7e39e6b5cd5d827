"""What the readers of `Store` promise: filters, the one order, pages that neither skip nor repeat."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mljob.api.job import Phase
from mljob.core.records import JobRecord, Rank
from mljob.store import InvalidCursor, JobFilter, Order, Store

from tests.unit.store.builders import CLUSTER, T0_MS, a_job, at, new_uid
from tests.unit.store.contract.lives import PROPERTY

OTHER_CLUSTER = "ffffffff-0000-4000-8000-000000000000"


def _population() -> list[JobRecord]:
    """Every combination that the filters below tell apart, several in one millisecond."""
    jobs = []
    for number in range(48):
        phase = list(Phase)[number % 6]
        jobs.append(
            a_job(
                job_name="train" if number % 2 else "evaluate",
                namespace=("default", "team-a", "team-b")[number % 3],
                cluster=OTHER_CLUSTER if number % 7 == 0 else CLUSTER,
                creation_time_ms=T0_MS + number // 4,
                name=f"{'Zz-.'[number % 4]}job{number % 5}",
                phase=phase,
                rank=Rank.FINAL if phase.is_final else Rank.QUEUED,
                attempt=1,
                group="sweep" if number % 5 == 0 else None,
                submitted_by="anna" if number % 4 else None,
                params=f'{{"lr": {number % 3}, "seed": {number}}}',
                result="OOM: 100%_of\\it" if phase is Phase.FAILED and number % 4 else "fine",
                message="Out of memory" if phase is Phase.TIMED_OUT else None,
            )
        )
    return jobs


def _order(job: JobRecord) -> tuple[int, str, str]:
    return (job.creation_time_ms, job.name, job.uid)


FILTERS: list[tuple[JobFilter, Callable[[JobRecord], bool]]] = [
    (JobFilter(), lambda _job: True),
    (JobFilter(cluster=OTHER_CLUSTER), lambda job: job.cluster == OTHER_CLUSTER),
    (JobFilter(namespaces=frozenset({"team-a"})), lambda job: job.namespace == "team-a"),
    (JobFilter(namespaces=frozenset({"team-a", "default", "no"})), lambda job: job.namespace != "team-b"),
    (JobFilter(namespaces=frozenset()), lambda _job: False),
    (JobFilter(job_name="train"), lambda job: job.job_name == "train"),
    (JobFilter(job_name="TRAIN"), lambda _job: False),
    (JobFilter(phases=frozenset({Phase.CANCELED})), lambda job: job.phase is Phase.CANCELED),
    (
        JobFilter(phases=frozenset({Phase.RUNNING, Phase.PENDING})),
        lambda job: not job.phase.is_final,
    ),
    (JobFilter(phases=frozenset()), lambda _job: False),
    (JobFilter(group="sweep"), lambda job: job.group == "sweep"),
    (JobFilter(submitted_by="anna"), lambda job: job.submitted_by == "anna"),
    (JobFilter(created_from_ms=T0_MS + 3), lambda job: job.creation_time_ms >= T0_MS + 3),
    (JobFilter(created_before_ms=T0_MS + 3), lambda job: job.creation_time_ms < T0_MS + 3),
    (JobFilter(created_from_ms=10**30), lambda _job: False),
    (JobFilter(created_from_ms=-(10**30), created_before_ms=10**30), lambda _job: True),
    (JobFilter(params={"lr": 1}), lambda job: f'"lr": {1},' in (job.params or "")),
    (JobFilter(params={"lr": 1.0, "seed": 4}), lambda job: job.params == '{"lr": 1, "seed": 4}'),
    (JobFilter(params={"lr": 0, "seed": 4}), lambda _job: False),
    (JobFilter(params={"absent": None}), lambda _job: False),
    (JobFilter(params={"lr": float("nan")}), lambda _job: False),
    (JobFilter(params={}), lambda _job: True),
    (JobFilter(error_contains="100%_OF\\IT"), lambda job: "OOM" in (job.result or "")),
    (JobFilter(error_contains="out of MEMORY"), lambda job: job.message is not None),
    (JobFilter(error_contains="10%_of"), lambda _job: False),
    (JobFilter(error_contains="fine"), lambda job: job.result == "fine" and job.phase is not Phase.SUCCEEDED),
    (
        JobFilter(
            cluster=CLUSTER,
            namespaces=frozenset({"default", "team-a"}),
            job_name="train",
            phases=frozenset({Phase.RUNNING, Phase.FAILED}),
            submitted_by="anna",
            params={"lr": 1},
        ),
        lambda job: (
            job.cluster == CLUSTER
            and job.namespace != "team-b"
            and job.job_name == "train"
            and job.phase in (Phase.RUNNING, Phase.FAILED)
            and job.submitted_by == "anna"
            and '"lr": 1,' in (job.params or "")
        ),
    ),
]


# Few values, many of them equal to another in Python's eyes.
_SCALARS = st.sampled_from(
    [
        None,
        True,
        False,
        0,
        1,
        -0.0,
        1.0,
        0.1,
        1e300,
        10**300,
        2**53,
        2**53 + 1,
        9007199254740992.0,
        "",
        "1",
        "\ud800",
    ]
)
VALUES: st.SearchStrategy[Any] = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("xy"), inner, max_size=2),
    max_leaves=4,
)


class ReadContract:
    @pytest.mark.parametrize("order", list(Order))
    def test_each_filter_finds_what_it_says_in_order(self, store: Store, order: Order) -> None:
        jobs = _population()
        store.write(jobs)
        for wanted, matches in FILTERS:
            expected = sorted(filter(matches, jobs), key=_order, reverse=order is Order.NEWEST_FIRST)
            page = store.list(wanted, order=order, page_size=1000)
            assert list(page.jobs) == expected, wanted
            assert page.next_cursor is None
            assert list(store.search(wanted, order=order)) == expected, wanted

    @pytest.mark.parametrize("order", list(Order))
    @pytest.mark.parametrize("page_size", [1, 5, 47, 48])
    def test_pages_neither_skip_nor_repeat(self, store: Store, order: Order, page_size: int) -> None:
        jobs = _population()
        store.write(jobs)
        for wanted, matches in (FILTERS[0], FILTERS[3], FILTERS[5], FILTERS[16]):
            found: list[JobRecord] = []
            cursor, pages = None, 0
            while cursor is not None or pages == 0:
                page = store.list(wanted, order=order, page_size=page_size, cursor=cursor)
                assert len(page.jobs) == page_size or page.next_cursor is None
                found += page.jobs
                cursor, pages = page.next_cursor, pages + 1
            assert found == sorted(filter(matches, jobs), key=_order, reverse=order is Order.NEWEST_FIRST)

    def test_a_job_that_comes_or_goes_between_pages_moves_no_other(self, store: Store) -> None:
        jobs = [
            a_job(creation_time_ms=T0_MS + number, rank=Rank.FINAL, phase=Phase.FAILED) for number in range(6)
        ]
        store.write(jobs)
        first = store.list(JobFilter(), page_size=2)
        store.write([a_job(creation_time_ms=T0_MS + 9)])
        store.delete_final(job_ids=[jobs[4].uid, jobs[3].uid])
        second = store.list(JobFilter(), page_size=2, cursor=first.next_cursor)
        assert [*first.jobs, *second.jobs] == [jobs[5], jobs[4], jobs[2], jobs[1]]

    def test_names_are_ordered_by_code_point_as_python_does(self, store: Store) -> None:
        names = ["b", "a-b", "ab", "a.b", "B", "a0"]
        store.write([a_job(name=name) for name in names])
        page = store.list(JobFilter(), order=Order.OLDEST_FIRST)
        assert [job.name for job in page.jobs] == sorted(names)

    @pytest.mark.parametrize(
        "cursor", ["", "x", "%%%", "é", "W10", "bnVsbA", "e30", "W" * 5000, "WzEsImJhZCJd"]
    )
    def test_a_cursor_of_somebody_else_is_refused(self, store: Store, cursor: str) -> None:
        with pytest.raises(InvalidCursor, match="not made by this server"):
            store.list(JobFilter(), cursor=cursor)

    def test_a_cursor_of_the_other_direction_is_refused(self, store: Store) -> None:
        store.write([a_job(), a_job()])
        cursor = store.list(JobFilter(), page_size=1).next_cursor
        with pytest.raises(InvalidCursor, match="made for order 'newest', not 'oldest'"):
            store.list(JobFilter(), order=Order.OLDEST_FIRST, cursor=cursor)

    @pytest.mark.parametrize("page_size", [0, -1, 1001])
    def test_a_page_has_a_size(self, store: Store, page_size: int) -> None:
        with pytest.raises(ValueError, match=f"page_size must be from 1 to 1000; found {page_size}"):
            store.list(JobFilter(), page_size=page_size)

    def test_search_goes_beyond_one_page(self, store: Store) -> None:
        jobs = [a_job(creation_time_ms=T0_MS + number, params=None) for number in range(1203)]
        store.write(jobs)
        assert [job.uid for job in store.search(JobFilter())] == [job.uid for job in jobs]

    def test_texts_that_no_database_takes_find_nothing(self, store: Store) -> None:
        store.write([a_job()])
        odd = "\x00\ud800"
        assert store.get(odd) is None
        assert store.attempts(odd) == []
        assert store.known(CLUSTER, [odd]) == {}
        assert store.unfinished(odd, odd) == []
        assert store.delete_final(job_ids=[odd]) == 0
        for wanted in (
            JobFilter(job_name=odd),
            JobFilter(cluster=odd),
            JobFilter(namespaces=frozenset({odd})),
            JobFilter(params={odd: odd}),
            JobFilter(error_contains=odd),
        ):
            assert store.list(wanted).jobs == ()

    def test_known_tells_how_far_rows_are(self, store: Store) -> None:
        jobs = [a_job() for _ in range(3)]
        running, other = at(jobs[0], 2, Rank.RUNNING), a_job(cluster=OTHER_CLUSTER)
        store.write([running, jobs[1], other])
        known = store.known(CLUSTER, [job.uid for job in (*jobs, other)])
        assert known == {jobs[0].uid: (2, Rank.RUNNING, Phase.RUNNING), jobs[1].uid: (0, 0, Phase.PENDING)}

    def test_known_takes_any_number(self, store: Store) -> None:
        jobs = [a_job(params=None) for _ in range(1201)]
        store.write(jobs)
        assert len(store.known(CLUSTER, (job.uid for job in jobs))) == 1201
        assert store.known(CLUSTER, []) == {}

    def test_unfinished_pages_through_all_that_is_not_final_in_this_cluster(self, store: Store) -> None:
        jobs = _population()
        store.write(jobs)
        expected = sorted(
            (job for job in jobs if not job.phase.is_final and job.cluster == CLUSTER),
            key=lambda job: job.uid,
        )
        found: list[JobRecord] = []
        after = ""
        while page := store.unfinished(CLUSTER, after, limit=4):
            found += page
            after = page[-1].uid
        assert found == expected

    @PROPERTY
    @given(
        stored=st.dictionaries(st.sampled_from("ab"), VALUES, max_size=2),
        wanted=st.dictionaries(st.sampled_from("ab"), VALUES, min_size=1, max_size=2),
    )
    def test_params_are_compared_as_python_compares_them(
        self, store: Store, stored: dict[str, Any], wanted: dict[str, Any]
    ) -> None:
        job = a_job(uid=new_uid(), job_name=new_uid(), params=json.dumps(stored))
        store.write([job])
        matches = all(key in stored and stored[key] == value for key, value in wanted.items())
        found = list(store.search(JobFilter(job_name=job.job_name, params=wanted)))
        assert found == ([job] if matches else [])

    def test_a_job_is_found_by_the_params_it_was_stored_with(self, store: Store) -> None:
        job = a_job(params='{"lr": 1e-1, "lr": 0.10, "deep": {"b": [1, {"c": null}], "a": true}}')
        store.write([job, replace(a_job(), params='{"lr": 0.1}')])
        wanted = {"lr": 0.1, "deep": {"a": 1, "b": [True, {"c": None}]}}
        assert list(store.search(JobFilter(params=wanted))) == [job]
