"""What another version wrote, or another program: one row that cannot be told must not hide all others."""

import pytest
from mljob.api.job import Phase
from mljob.core.records import JobRecord, Rank
from mljob.store import JobFilter, Order, Store, StoreError
from mljob.store.engine import engine_for, writing
from mljob.store.tables import jobs
from sqlalchemy import update

from tests.unit.store.builders import CLUSTER, T0_MS, a_job, at

NOBODYS_STATUS = 5
NOBODYS_RANK = 4


def _change(url: str, job: JobRecord, **columns: int) -> None:
    engine = engine_for(url)
    with writing(engine) as connection:
        connection.execute(update(jobs).where(jobs.c.id == job.uid).values(**columns))
    engine.dispose()


def _uid(number: int) -> str:
    return f"{number:08}-0000-4000-8000-000000000000"


class ForeignRowContract:
    def test_a_phase_that_is_no_status_is_refused_by_name(self, store: Store) -> None:
        odd, other = at(a_job(), 1, Rank.FINAL, Phase("Paused")), a_job()
        with pytest.raises(StoreError, match=f"{odd.uid}.*'Paused'.*Succeeded"):
            store.write([other, odd])
        assert store.known(CLUSTER, [odd.uid, other.uid]) == {}, "a batch is stored as a whole, or not at all"
        store.write([other])
        assert store.get(other.uid) == other

    def test_a_phase_that_is_no_status_cannot_be_searched(self, store: Store) -> None:
        with pytest.raises(StoreError, match="'Paused'"):
            store.list(JobFilter(phases=frozenset({Phase("Paused")})))

    @pytest.mark.parametrize("columns", [{"status": NOBODYS_STATUS}, {"rank": NOBODYS_RANK}])
    def test_a_row_that_cannot_be_told_is_left_out_where_many_are_asked_for(
        self, store: Store, url: str, columns: dict[str, int], caplog: pytest.LogCaptureFixture
    ) -> None:
        first, odd, last = [a_job(uid=_uid(number), creation_time_ms=T0_MS + number) for number in range(3)]
        store.write([first, odd, last])
        _change(url, odd, **columns)
        assert list(store.known(CLUSTER, [first.uid, odd.uid, last.uid])) == [first.uid, last.uid]
        assert list(store.search(JobFilter())) == [first, last]
        assert odd.uid in caplog.text
        with pytest.raises(StoreError, match=odd.uid):
            store.get(odd.uid)

    def test_pages_go_on_behind_rows_that_cannot_be_told(self, store: Store, url: str) -> None:
        all_jobs = [a_job(uid=_uid(number), creation_time_ms=T0_MS + number) for number in range(6)]
        store.write(all_jobs)
        for job in all_jobs[1:4]:
            _change(url, job, rank=NOBODYS_RANK)
        expected = [all_jobs[0], all_jobs[4], all_jobs[5]]
        found: list[JobRecord] = []
        page = store.list(JobFilter(), order=Order.OLDEST_FIRST, page_size=2)
        while page.next_cursor is not None:
            found += page.jobs
            page = store.list(JobFilter(), order=Order.OLDEST_FIRST, page_size=2, cursor=page.next_cursor)
        assert [*found, *page.jobs] == expected
        assert store.unfinished(CLUSTER, limit=2) == expected[:2], "only the last page is a short one"
        assert store.unfinished(CLUSTER, expected[1].uid, limit=2) == expected[2:]
