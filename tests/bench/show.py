"""Tables for people: rich's on a terminal, plain lines elsewhere."""

import statistics
from collections.abc import Callable, Mapping
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from tests.bench.figures import Comparison, Findings

Say = Callable[[str], None]


def say(console: Console, line: str) -> None:
    """A line of progress."""
    console.print(line, markup=False, highlight=False, soft_wrap=True)


def show(name: str, found: Findings, console: Console) -> None:
    """What was compared, then where the CPU and the requests went."""
    if found.comparisons:
        table = _table(f"{name}: medians (least to most)", console, "MlJob", "peer", "ratio", "n")
        for line in found.comparisons:
            table.add_row(*_cells(line))
        console.print(table)
    for title, key in (("CPU, ms per job", "cpu_ms_per_job"), ("requests per job", "requests_per_job")):
        if key in found.details:
            _show_matrix(f"{name}: {title}", found.details[key], console)
    for key in ("sql_per_job", "operator_megabytes"):
        if key in found.details:
            told = ", ".join(f"{what} {value:.2f}" for what, value in found.details[key].items())
            say(console, f"{name}: {key.replace('_', ' ')}: {told}")


def _cells(line: Comparison) -> tuple[str, ...]:
    return (
        f"{line.what}, {line.unit}",
        _spread(line.subject),
        f"{_spread(line.peer)}  {line.peer_name}",
        f"{line.ratio:.2f}",
        str(len(line.subject)),
    )


def _spread(samples: Any) -> str:
    return f"{statistics.median(samples):.2f} ({min(samples):.2f}-{max(samples):.2f})"


def _show_matrix(title: str, columns: Mapping[str, Mapping[str, float]], console: Console) -> None:
    names = sorted(columns, key=lambda column: (column != "raw", column))
    rows = sorted({row for column in columns.values() for row in column})
    table = _table(title, console, *names)
    for row in rows:
        table.add_row(row, *(f"{columns[name].get(row, 0.0):.2f}" for name in names))
    console.print(table)


def _table(title: str, console: Console, *columns: str) -> Table:
    plain = not console.is_terminal
    table = Table(title=title, title_justify="left", box=None if plain else box.SIMPLE_HEAD)
    table.add_column("", no_wrap=plain)
    for column in columns:
        table.add_column(column, justify="right", no_wrap=plain)
    return table
