"""How the demo shows jobs: a table with colours on a terminal, aligned columns elsewhere."""

from collections.abc import Mapping

from mljob.api.job import MlJob, Phase
from rich import box
from rich.table import Table
from rich.text import Text

from .jobs import Jobs, attempts, outcome, took

STYLES = {
    Phase.RUNNING: "cyan",
    Phase.SUCCEEDED: "green",
    Phase.FAILED: "red",
    Phase.TIMED_OUT: "yellow",
    Phase.CANCELED: "magenta",
}
PLAIN_WIDTH_CHARS = 160
"""where no terminal says how wide it is"""


def jobs_table(jobs: Jobs, run_seconds: Mapping[str, float], *, plain: bool) -> Table:
    """One line per job, in the order given."""
    table = Table(box=None if plain else box.ROUNDED, pad_edge=not plain)
    for heading in ("JOB", "RUNS", "PHASE", "ATTEMPTS", "TOOK"):
        table.add_column(heading, no_wrap=True)
    table.add_column("RESULT OR ERROR", no_wrap=plain, overflow="ellipsis" if plain else "fold")
    for name, job in jobs.items():
        phase = _phase(job)
        table.add_row(
            name, job.spec.job_name, phase, attempts(job), took(job, run_seconds), Text(outcome(job))
        )
    return table


def _phase(job: MlJob) -> Text:
    return Text(job.status.phase, style=STYLES.get(job.status.phase, ""))
