"""How long a search takes among many rows, on both databases, and what storing them costs.

`python -m tests.bench.bench_search [rows]`, or `run()` for the figures alone. Needs `make postgres`.
"""

import json
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg
from mljob.api.job import Phase
from mljob.core.records import JobRecord, Rank
from mljob.store import JobFilter, Order, Store, open_store
from mljob.store.cursors import Place, encode
from rich.console import Console
from rich.table import Table

from tests.postgres.server import PostgresServer

ROWS = 100_000
REPEATS = 50
WRITE_BATCH = 500
PAGE = 50
JOB_NAMES = [f"job_{number}" for number in range(20)]
# Of what a busy installation has: nearly all done, some failed, few under way.
PHASES = {
    Phase.SUCCEEDED: 900,
    Phase.FAILED: 70,
    Phase.TIMED_OUT: 15,
    Phase.CANCELED: 10,
    Phase.RUNNING: 4,
    Phase.PENDING: 1,
}
ERRORS = ["RuntimeError('CUDA out of memory')", "KeyError('label')", "ConnectionError('s3')", "ValueError()"]

Query = Callable[[Store, random.Random], object]


def run(rows: int = ROWS, repeats: int = REPEATS) -> dict[str, Any]:
    """{"rows": n, "databases": {db: {"write_rows_per_second": n, "queries": {text: {"p50_ms": n, ...}}}}}"""
    databases: dict[str, Any] = {}
    with _sqlite() as url, closing(open_store(url)) as store:
        databases["sqlite"] = _measure(store, rows, repeats, analyze=lambda: None)
    with _postgres() as url, closing(open_store(url)) as store:
        # What autovacuum does within a minute or two.
        databases["postgresql"] = _measure(store, rows, repeats, analyze=lambda: _analyze(url))
    return {"rows": rows, "databases": databases}


def _measure(store: Store, rows: int, repeats: int, analyze: Callable[[], object]) -> dict[str, Any]:
    store.migrate()
    started = time.perf_counter()
    for start in range(0, rows, WRITE_BATCH):
        store.write([_job(number) for number in range(start, min(rows, start + WRITE_BATCH))])
    written = rows / (time.perf_counter() - started)
    analyze()
    chance = random.Random(1)  # noqa: S311 - the same questions each time
    return {
        "write_rows_per_second": round(written),
        "queries": {name: _timed(store, query, chance, repeats) for name, query in _queries(rows).items()},
    }


def _timed(store: Store, query: Query, chance: random.Random, repeats: int) -> dict[str, float]:
    query(store, chance)  # the first one pays for the connection and the compilation
    took_ms = []
    for _ in range(repeats):
        started = time.perf_counter()
        query(store, chance)
        took_ms.append((time.perf_counter() - started) * 1000)
    took_ms.sort()
    return {
        "p50_ms": round(took_ms[len(took_ms) // 2], 2),
        "p99_ms": round(took_ms[min(len(took_ms) - 1, len(took_ms) * 99 // 100)], 2),
    }


def _queries(rows: int) -> dict[str, Query]:
    def ask(make: Callable[[random.Random], JobFilter]) -> Query:
        return lambda store, chance: store.list(make(chance), page_size=PAGE)

    return {
        "newest page": ask(lambda _: JobFilter()),
        "by name": ask(lambda chance: JobFilter(job_name=chance.choice(JOB_NAMES))),
        "by name and status, common": ask(_by_name_and(Phase.SUCCEEDED)),
        "by name and status, rare": ask(_by_name_and(Phase.RUNNING)),
        "by status, rare": ask(lambda _: JobFilter(phases=frozenset({Phase.PENDING}))),
        "by namespace and status": ask(
            lambda _: JobFilter(namespaces=frozenset({"team-3"}), phases=frozenset({Phase.FAILED}))
        ),
        "by one param, rare": ask(lambda chance: JobFilter(params={"seed": chance.randrange(rows)})),
        "by one param, common": ask(lambda _: JobFilter(params={"model": "resnet"})),
        "by two params, common": ask(lambda _: JobFilter(params={"model": "resnet", "lr": 0.1})),
        "by two params, common and rare": ask(
            lambda chance: JobFilter(params={"model": "resnet", "seed": chance.randrange(rows)})
        ),
        "by two params, never together": ask(lambda _: JobFilter(params={"parity": 0, "odd": True})),
        "by name and params": ask(
            lambda chance: JobFilter(job_name=chance.choice(JOB_NAMES), params={"model": "resnet", "lr": 0.1})
        ),
        "by a param nobody has": ask(lambda _: JobFilter(params={"model": "none"})),
        "by text in the error, common": ask(lambda _: JobFilter(error_contains="out of memory")),
        "by text in the error, absent": ask(lambda _: JobFilter(error_contains="never said")),
        "a page anywhere, by cursor": _anywhere(rows),
        "all of a name that failed": lambda store, chance: list(
            store.search(JobFilter(job_name=chance.choice(JOB_NAMES), phases=frozenset({Phase.FAILED})))
        ),
    }


def _by_name_and(phase: Phase) -> Callable[[random.Random], JobFilter]:
    return lambda chance: JobFilter(job_name=chance.choice(JOB_NAMES), phases=frozenset({phase}))


def _anywhere(rows: int) -> Query:
    """The page after a job that the client saw last, however deep among the others."""

    def query(store: Store, chance: random.Random) -> object:
        last = _job(chance.randrange(rows))
        cursor = encode(Order.NEWEST_FIRST, Place(last.creation_time_ms, last.name, last.uid))
        return store.list(JobFilter(), page_size=PAGE, cursor=cursor)

    return query


def _job(number: int) -> JobRecord:
    chance = random.Random(number)  # noqa: S311
    [phase] = chance.choices(list(PHASES), list(PHASES.values()))
    params: dict[str, object] = {
        "seed": number,
        "lr": chance.choice([0.1, 0.01, 0.001]),
        "model": chance.choice(["resnet", "vit", "bert", "mlp"]),
        "data": f"s3://bucket/{chance.randrange(1000)}",
        "parity": number % 2,
    }
    if number % 2:
        params["odd"] = True
    return JobRecord(
        uid=f"{number:08x}-{chance.getrandbits(16):04x}-4000-8000-{chance.getrandbits(48):012x}",
        cluster="0a1b2c3d-0000-4000-8000-000000000000",
        namespace=f"team-{number % 5}",
        name=f"job-{number:08d}",
        job_name=chance.choice(JOB_NAMES),
        creation_time_ms=1_790_000_000_000 + number * 37,
        attempt=1,
        rank=Rank.FINAL if phase.is_final else Rank.RUNNING,
        phase=phase,
        last_update_time_ms=1_790_000_000_000 + number * 37 + 5000,
        params=json.dumps(params),
        result=chance.choice(ERRORS) if phase is Phase.FAILED else '{"score": 0.9}',
        group=f"sweep-{number // 100}" if number % 3 == 0 else None,
        submitted_by=f"user-{number % 50}",
    )


@contextmanager
def _sqlite() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="mljob-bench-") as folder:
        yield f"sqlite:///{Path(folder)}/mljob.db"


@contextmanager
def _postgres() -> Iterator[str]:
    """With fsync, as in production, and otherwise as Debian ships it."""
    with PostgresServer(settings={}) as server:
        yield server.create_database("bench")


def _analyze(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")


def show(figures: dict[str, Any], console: Console) -> None:
    names = list(figures["databases"])
    table = Table(title=f"Search among {figures['rows']:,} jobs, p50 / p99 in ms")
    table.add_column("query")
    for name in names:
        table.add_column(name, justify="right")
    for query in figures["databases"][names[0]]["queries"]:
        cells = [figures["databases"][name]["queries"][query] for name in names]
        table.add_row(query, *(f"{cell['p50_ms']:.1f} / {cell['p99_ms']:.1f}" for cell in cells))
    speeds = [f"{figures['databases'][name]['write_rows_per_second']:,} rows/s" for name in names]
    table.add_row(f"storing them, {WRITE_BATCH} a batch", *speeds)
    console.print(table)


def main(arguments: Sequence[str]) -> None:
    figures = run(int(arguments[0]) if arguments else ROWS)
    show(figures, Console(stderr=True))
    print(json.dumps(figures))


if __name__ == "__main__":
    main(sys.argv[1:])
