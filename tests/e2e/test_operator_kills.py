"""kill -9 of the operator's container at ten random moments of the demo changes nothing in the outcome."""

import json
import random
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar
from uuid import uuid4

import pytest
from rich.console import Console

from deploy.demo.__main__ import install
from deploy.demo.cluster import RELEASE, SYSTEM_NAMESPACE, LocalCluster
from deploy.demo.jobs import caps_in
from deploy.kind.mljob_kind.display import PlainDisplay

Json = dict[str, Any]
T = TypeVar("T")

KILLS = 10
END_SECONDS = 400.0
LOOK_SECONDS = 0.2
EXPECTED = {
    "broken": ("Failed", 1),
    "flaky": ("Succeeded", 2),
    "hello": ("Succeeded", 1),
    "shell": ("Succeeded", 1),
    "too-slow": ("TimedOut", 1),
} | {f"ridge-{alpha}": ("Succeeded", 1) for alpha in ("0.001", "0.01", "0.1", "1", "10", "100")}
"""phase and number of attempts of each example"""

KILL = """
import os, signal
for pid in filter(str.isdecimal, os.listdir("/proc")):
    try:
        words = open(f"/proc/{pid}/cmdline", "rb").read().split(b"\\0")
    except OSError:
        continue
    if words[-3:-1] == [b"-m", b"mljob"]:
        os.kill(int(pid), signal.SIGKILL)
        print("killed", pid)
"""


@dataclass
class Recorder:
    """Looks at the pods of a namespace from outside, all the time: who was alive together."""

    cluster: LocalCluster
    namespace: str
    most_alive: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    most_alive_of_one_job: int = 0
    pods: set[str] = field(default_factory=set)
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> "Recorder":
        self._thread = threading.Thread(target=self._look, name="recorder")
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        assert self._thread is not None
        self._thread.join()

    def _look(self) -> None:
        while not self._stop.wait(LOOK_SECONDS):
            by_name: dict[str, int] = defaultdict(int)
            by_job: dict[str, int] = defaultdict(int)
            for pod in items(self.cluster, "pods", self.namespace):
                labels = pod["metadata"]["labels"]
                self.pods.add(pod["metadata"]["name"])
                if pod["status"].get("phase") not in ("Succeeded", "Failed"):
                    by_name[labels["mljob.dev/job-name"]] += 1
                    by_job[labels["mljob.dev/uid"]] += 1
            for name, alive in by_name.items():
                self.most_alive[name] = max(self.most_alive[name], alive)
            self.most_alive_of_one_job = max([self.most_alive_of_one_job, *by_job.values()])


def items(cluster: LocalCluster, resource: str, namespace: str) -> list[Json]:
    found: list[Json] = json.loads(
        cluster.kubectl("get", resource, f"--namespace={namespace}", "--output=json")
    )["items"]
    return found


def wait(what: str, condition: Callable[[], T | None], seconds: float) -> T:
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {what}"
        time.sleep(LOOK_SECONDS)


@pytest.fixture(scope="module")
def cluster() -> LocalCluster:
    cluster = LocalCluster.of_environment()
    if not cluster.kubeconfig.exists():
        pytest.fail(f"{cluster.kubeconfig} is missing: run `make cluster images` first", pytrace=False)
    install(cluster, PlainDisplay(Console()))
    return cluster


@pytest.fixture
def namespace(cluster: LocalCluster) -> Iterator[str]:
    name = f"kills-{uuid4().hex[:6]}"
    cluster.kubectl("create", "namespace", name)
    yield name
    cluster.kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture
def killer(cluster: LocalCluster) -> Iterator[Callable[[], None]]:
    """Kills the operator's process with SIGKILL, from a pod that sees the node's processes."""
    name = f"killer-{uuid4().hex[:6]}"
    container = {
        "name": "main", "image": cluster.images()["python-3.11"], "imagePullPolicy": "IfNotPresent",
        "command": ["sleep", "3600"], "securityContext": {"runAsUser": 0, "privileged": True},
    }  # fmt: skip
    spec = {"hostPID": True, "terminationGracePeriodSeconds": 0, "containers": [container]}
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "default"},
        "spec": spec,
    }
    cluster.kubectl("create", "--filename=-", stdin=json.dumps(pod))
    cluster.kubectl("wait", f"pod/{name}", "--namespace=default", "--for=condition=Ready", "--timeout=60s")

    def kill() -> None:
        said = cluster.kubectl("exec", name, "--namespace=default", "--", "python3", "-c", KILL)
        assert "killed" in said
        # Started again at once, not after the kubelet's growing delay between restarts of one container.
        cluster.kubectl(
            *("delete", "pod", f"--namespace={SYSTEM_NAMESPACE}", "--force", "--grace-period=0"),
            f"--selector=app.kubernetes.io/instance={RELEASE}",
        )
        cluster.kubectl(
            *("wait", "--for=condition=Available", f"deployment/{RELEASE}"),
            *(f"--namespace={SYSTEM_NAMESPACE}", "--timeout=120s"),
        )

    yield kill
    cluster.kubectl("delete", "pod", name, "--namespace=default", "--wait=false")


def test_ten_kills_in_the_demo_change_nothing(
    cluster: LocalCluster, namespace: str, killer: Callable[[], None]
) -> None:
    examples = cluster.paths.checkout / "deploy" / "examples"
    moments = random.Random(11)  # noqa: S311 (the same moments each time)
    cluster.kubectl("apply", f"--namespace={namespace}", f"--filename={examples}")
    with Recorder(cluster, namespace) as recorder:
        for _ in range(KILLS):
            time.sleep(moments.uniform(0.0, 3.0))  # the moment of the kill is what is tried here
            killer()

        def all_ended() -> dict[str, tuple[str, int]] | None:
            jobs = {
                job["metadata"]["name"]: (job["status"]["phase"], job["status"].get("attempt", 0))
                for job in items(cluster, "mljobs", namespace)
            }
            return jobs if all(phase not in ("Pending", "Running") for phase, _ in jobs.values()) else None

        ended = wait("all jobs ended", all_ended, END_SECONDS)
    assert ended == EXPECTED
    assert len(recorder.pods) == sum(attempts for _, attempts in EXPECTED.values())  # nothing ran twice
    assert recorder.most_alive_of_one_job == 1
    caps = caps_in(examples)
    assert {n: alive for n, alive in recorder.most_alive.items() if alive > caps.get(n, 1)} == {}
    rows = wait("all rows", lambda: final_rows(cluster, namespace), 60)
    assert rows == EXPECTED


def final_rows(cluster: LocalCluster, namespace: str) -> dict[str, tuple[str, int]] | None:
    """name to (phase, attempts) as SQL has them, once all rows are final."""
    phases = {"2": "Succeeded", "3": "Failed", "4": "TimedOut", "10": "Canceled"}
    rows = [
        row[1:]
        for row in cluster.sql("select namespace, name, status, attempt from jobs")
        if row[0] == namespace
    ]
    if len(rows) < len(EXPECTED) or any(status not in phases for _, status, _ in rows):
        return None
    return {name: (phases[status], int(attempt)) for name, status, attempt in rows}
