"""Installs the chart, applies deploy/examples, waits, shows what came of it and what to try next.

Everything it does can be done again: what is there already stays, so that a second run takes seconds.
"""

import sys
import time
from textwrap import indent

from mljob.api.job import Phase
from mljob.core.status import JobStatus
from rich.console import Console

from deploy.kind.mljob_kind.commands import Cancelled
from deploy.kind.mljob_kind.display import Display, display_for
from deploy.kind.mljob_kind.errors import CannotProceedError, CommandError

from .cluster import RELEASE, SYSTEM_NAMESPACE, LocalCluster
from .follow import follow
from .jobs import Jobs, caps_in, most_at_once, names_in, run_seconds, surprises
from .next_steps import next_steps
from .table import PLAIN_WIDTH_CHARS, jobs_table

INSTALL_TIMEOUT = "3m"
MIRROR_LIMIT_SECONDS = 20
PAUSE_SECONDS = 0.2
SWEEP = "train"

# Our own pods have to pass what we ask of everybody's.
NAMESPACE = f"""
apiVersion: v1
kind: Namespace
metadata:
  name: {SYSTEM_NAMESPACE}
  labels:
    pod-security.kubernetes.io/enforce: restricted
"""


def demo(console: Console, cluster: LocalCluster) -> None:
    """Raises CannotProceedError when something is missing, or does not do what the examples say."""
    examples = cluster.paths.checkout / "deploy" / "examples"
    with display_for(console) as display:
        install(cluster, display)
        with display.step("applying deploy/examples"):
            cluster.kubectl("apply", "--filename", examples)
    if not console.is_terminal:
        console.print("waiting for the jobs ...")
    jobs = follow(console, cluster, names_in(examples))
    console.print()
    times = run_seconds(cluster.pods())
    console.print(jobs_table(jobs, times, plain=not console.is_terminal))
    console.print()
    show_tracebacks(console, cluster, jobs)
    caps = caps_in(examples)
    sweep = most_at_once(job for job in jobs.values() if job.spec.job_name == SWEEP)
    console.print(f"Of the sweep {sweep} ran at once; its maxWorkers is {caps[SWEEP]}.", highlight=False)
    check_everywhere(cluster, jobs)
    console.print(f"REST and SQL hold the same {len(jobs)} jobs in the same states.", highlight=False)
    if unexpected := surprises(jobs, caps):
        raise CannotProceedError("Not what the examples are there to show:\n  " + "\n  ".join(unexpected))
    console.print()
    console.print(next_steps(cluster), markup=False, highlight=False, soft_wrap=True)


def install(cluster: LocalCluster, display: Display) -> None:
    """The chart with the images of this checkout; helm waits until the pod is ready."""
    repository, _, tag = cluster.images()["operator"].rpartition(":")
    checkout = cluster.paths.checkout
    with display.step("installing the chart"):
        # One request, which may arrive twice: "create what is not there" fails when an answer is lost.
        cluster.kubectl("apply", "--server-side", "--filename", "-", stdin=NAMESPACE)
        try:
            cluster.helm(
                *("upgrade", "--install", RELEASE, checkout / "charts" / "mljob"),
                *("--namespace", SYSTEM_NAMESPACE, "--values", checkout / "deploy" / "demo-values.yaml"),
                *("--set-string", f"image.repository={repository},image.tag={tag}"),
                *("--wait", "--timeout", INSTALL_TIMEOUT),
            )
        except CommandError as error:
            raise CannotProceedError(f"{error}\nThe cluster's warnings:\n{cluster.warnings()}") from error


def show_tracebacks(console: Console, cluster: LocalCluster, jobs: Jobs) -> None:
    """Of the jobs that failed; they are the attempts', not the cluster objects'."""
    for name, job in jobs.items():
        if job.status.phase == Phase.FAILED:
            path = f"/api/v1/jobs/{job.metadata.uid}/attempts"
            traceback = cluster.rest(path)["attempts"][-1]["traceback"] or "no traceback"
            console.print(f"{name}, over REST ({path}):", highlight=False, soft_wrap=True)
            console.print(indent(traceback.strip(), "  "), markup=False, highlight=False, soft_wrap=True)
            console.print()


def check_everywhere(cluster: LocalCluster, jobs: Jobs) -> None:
    """REST and SQL must say what the cluster says. Rows follow within milliseconds, so it looks again."""
    deadline = time.monotonic() + MIRROR_LIMIT_SECONDS
    while (difference := _difference(cluster, jobs)) is not None:
        if time.monotonic() > deadline:
            raise CannotProceedError(difference)
        time.sleep(PAUSE_SECONDS)


def _difference(cluster: LocalCluster, jobs: Jobs) -> str | None:
    answered = cluster.rest("/ajax-api/3.0/jobs/search", {})["jobs"]
    over_rest = {job["job_id"]: (job["status"], job["retry_count"]) for job in answered}
    rows = cluster.sql("select id, status, retry_count from jobs")
    in_sql = {uid: (int(status), int(retries)) for uid, status, retries in rows}
    for name, job in jobs.items():
        uid, phase, retries = job.metadata.uid, job.status.phase, job.status.retry_count
        status = JobStatus.from_phase(phase)
        if over_rest.get(uid) != (status, retries):
            return f"{name} is {phase} in the cluster, but REST says {over_rest.get(uid)}."
        if in_sql.get(uid) != (status.to_int(), retries):
            return f"{name} is {phase} in the cluster, but its row in SQL says {in_sql.get(uid)}."
    return None


def main() -> int:
    console = Console()
    if not console.is_terminal:
        console = Console(width=PLAIN_WIDTH_CHARS)
    try:
        demo(console, LocalCluster.of_environment())
    except CannotProceedError as error:
        Console(stderr=True).print(str(error), style="red", markup=False, highlight=False, soft_wrap=True)
        return 1
    except (KeyboardInterrupt, Cancelled):
        Console(stderr=True).print("Interrupted; the cluster goes on. Run it again to see the rest.")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
