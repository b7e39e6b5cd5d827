"""A second cluster comes up beside the first and goes again; nothing of it stays, not even after Ctrl-C."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy.kind.mljob_kind.paths import Paths

NAME = "mljob-lifecycle"
UP_SECONDS = 500
INTERRUPT_SECONDS = 120
GONE_SECONDS = 20
# The kernel's and podman's things of a node. Shims and pods of the first cluster come and go meanwhile,
# and nobody may work on it: what that starts cannot be told from what is left here.
NODE_PROCESSES = {"conmon", "aardvark-dns", "kubelet", "kube-proxy", "kind"}
pytestmark = pytest.mark.timeout(900)


def mljob_kind(target: str, **environment: str) -> subprocess.Popen[str]:
    """The command behind `make cluster` and `make clean-cluster`, for the second cluster."""
    paths = Paths.of_user()
    return subprocess.Popen(
        [sys.executable, "-m", "mljob_kind", target],
        env={
            **os.environ,
            "PYTHONPATH": str(paths.kind),
            "MLJOB_CLUSTER": NAME,
            "MLJOB_PORT": "",
            **environment,
        },
        cwd=paths.checkout,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def run(target: str, **environment: str) -> None:
    with mljob_kind(target, **environment) as process:
        output, _ = process.communicate(timeout=UP_SECONDS)
    assert process.returncode == 0, output


def kubectl(*arguments: str, manifest: dict[str, Any] | None = None) -> str:
    paths = Paths.of_user()
    done = subprocess.run(
        [paths.bin / "kubectl", f"--kubeconfig={paths.local}/kubeconfig-{NAME}", *arguments],
        input=json.dumps(manifest) if manifest else None,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def traces() -> dict[str, Counter[str]]:
    """What a cluster's nodes need of this machine: processes, mounts, interfaces, rules."""
    mounts = Path("/proc/self/mountinfo").read_text().splitlines()
    return {
        "processes": Counter(name for name in _process_names() if name in NODE_PROCESSES),
        "mounts": Counter(line.split()[4] for line in mounts),
        "interfaces": Counter(link.name for link in Path("/sys/class/net").iterdir()),
        "iptables": _rules("iptables-save"),
        "ip6tables": _rules("ip6tables-save"),
    }


def traces_since(before: dict[str, Counter[str]]) -> dict[str, list[str]]:
    """What is there now and was not; what has gone meanwhile was another's."""
    fresh = {kind: sorted((found - before[kind]).elements()) for kind, found in traces().items()}
    return {kind: names for kind, names in fresh.items() if names}


def assert_gone(before: dict[str, Counter[str]]) -> None:
    """Within moments: the monitor of a command in a node ends a little after the node."""
    deadline = time.monotonic() + GONE_SECONDS
    while left := traces_since(before):
        assert time.monotonic() < deadline, left
        time.sleep(0.5)


def _process_names() -> Iterator[str]:
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            yield (folder / "comm").read_text().strip()
        except (FileNotFoundError, ProcessLookupError):  # it has ended since it was listed
            continue


def _rules(program: str) -> Counter[str]:
    saved = subprocess.run([program], capture_output=True, text=True, check=True).stdout
    return Counter(re.sub(r"\[\d+:\d+\]", "", line) for line in saved.splitlines() if line[0] in ":-")


def until(condition: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.2)


@pytest.fixture(autouse=True)
def afterwards() -> Iterator[None]:
    yield
    run("down")


def test_pods_of_two_nodes_reach_each_other_and_nothing_stays_after_clean_cluster() -> None:
    before = traces()
    run("images", MLJOB_NODES="2")
    nodes = json.loads(kubectl("get", "nodes", "--output=json"))["items"]
    assert [_is_ready(node) for node in nodes] == [True, True]
    ranges = [node["spec"]["podCIDR"] for node in nodes]
    assert len(set(ranges)) == 2

    listed = kubectl("get", "endpointslices", "-n=kube-system", "-l=k8s-app=kube-dns", "-o=json")
    dns = json.loads(listed)["items"][0]["endpoints"][0]
    other = next(node["metadata"]["name"] for node in nodes if node["metadata"]["name"] != dns["nodeName"])
    kubectl("create", "--filename=-", manifest=_caller(other, dns["addresses"][0]))
    kubectl("wait", "pod/caller", "--for=jsonpath={.status.phase}=Succeeded", "--timeout=120s")

    run("up", MLJOB_NODES="2")  # it is there: nothing to do
    run("down")
    assert_gone(before)


def test_a_start_that_is_interrupted_leaves_nothing_that_clean_cluster_does_not_remove() -> None:
    before = traces()
    log = Paths.of_user().logs / f"cluster-{NAME}.log"
    log.unlink(missing_ok=True)
    with mljob_kind("up") as process:
        until(lambda: log.exists() and "Starting control-plane" in log.read_text(), INTERRUPT_SECONDS)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    assert process.returncode == 130
    assert traces_since(before)  # or this test would show nothing
    run("down")
    assert_gone(before)


def _is_ready(node: dict[str, Any]) -> bool:
    return any(each["type"] == "Ready" and each["status"] == "True" for each in node["status"]["conditions"])


def _caller(node: str, address: str) -> dict[str, Any]:
    """A pod on a node that succeeds once it has asked a pod's address whether it is ready."""
    url = f"http://{address}:8181/ready"
    container = {
        "name": "main",
        "image": "mljob.dev/python:3.11",
        "imagePullPolicy": "IfNotPresent",
        "command": ["python3", "-c", f"import urllib.request; urllib.request.urlopen({url!r}, timeout=60)"],
    }
    spec = {"nodeName": node, "containers": [container], "restartPolicy": "Never"}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "caller"}, "spec": spec}
