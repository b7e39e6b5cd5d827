"""`make bench`: every benchmark, or those named. A table to the terminal, JSON into .local/bench."""

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from rich.console import Console

from tests.bench import bench_search, kwok, measure, real_node, show
from tests.bench.figures import CannotMeasureError, Findings

RESULTS = Path(__file__).parents[2] / ".local" / "bench"
INTERRUPTED = 130
PLAIN_WIDTH = 160
SAMPLES = 20
JOBS_AT_ONCE = 60
ROUNDS_AT_ONCE = 2

Part = Callable[[show.Say], Findings]


def search(say: show.Say) -> Findings:
    """Both databases, side by side: one is not the other's peer."""
    say("search: storing 100,000 rows in SQLite, then in PostgreSQL")
    try:
        return Findings((), bench_search.run())
    except FileNotFoundError as error:
        raise CannotMeasureError(f"{error}; `make postgres` installs PostgreSQL's binaries") from error


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help="latency, throughput, kwok, search; or all")
    parser.add_argument("--samples", type=int, default=SAMPLES, help="jobs of each kind, for the latency")
    parser.add_argument("--jobs", type=int, default=kwok.JOBS_PER_ROUND, help="jobs of a round on kwok")
    parser.add_argument("--rounds", type=int, default=kwok.ROUNDS, help="rounds on kwok")
    chosen = parser.parse_args(arguments)
    parts: dict[str, Part] = {
        "latency": partial(real_node.latency, samples=chosen.samples),
        "throughput": partial(real_node.throughput, jobs=JOBS_AT_ONCE, rounds=ROUNDS_AT_ONCE),
        "kwok": partial(kwok.run, plan=kwok.Plan(jobs=chosen.jobs, rounds=chosen.rounds)),
        "search": search,
    }
    unknown = [name for name in chosen.parts if name not in parts]
    if unknown:
        parser.error(f"no such part: {', '.join(unknown)}; there are {', '.join(parts)}")
    console = Console() if sys.stdout.isatty() else Console(width=PLAIN_WIDTH)
    try:
        for name in chosen.parts or parts:
            _measure(name, parts[name], console)
    except KeyboardInterrupt:
        console.print("interrupted; the parts above are complete")
        return INTERRUPTED
    return 0


def _measure(name: str, part: Part, console: Console) -> None:
    started, load = time.time(), measure.load_average()
    try:
        found = part(partial(show.say, console))
    except CannotMeasureError as error:
        console.print(f"{name}: skipped: {error}", markup=False, highlight=False, soft_wrap=True)
        return
    took = time.time() - started
    if name == "search":
        bench_search.show(found.details, console)
    show.show(name, found, console)
    RESULTS.mkdir(parents=True, exist_ok=True)
    path = RESULTS / f"{name}-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime(started))}.json"
    noise = {"load_average": {"before": load, "after": measure.load_average()}, "seconds": round(took, 1)}
    path.write_text(json.dumps({"part": name, **noise, **found.to_json()}, indent=1) + "\n")
    show.say(console, f"{name}: took {took:.0f} s; written to {path.relative_to(RESULTS.parents[1])}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
