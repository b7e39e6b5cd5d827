"""What the local cluster gives to whatever runs in it: volumes, DNS, Pod Security, logs, images."""

import json
import os
import re
import subprocess
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest

from deploy.kind.mljob_kind.config import Wanted
from deploy.kind.mljob_kind.paths import Paths

WAIT = "--timeout=120s"
PYTHON = "mljob.dev/python:3.11"


@dataclass(frozen=True)
class Namespace:
    """kubectl in one namespace of the local cluster."""

    name: str
    paths: Paths
    cluster: Wanted

    def kubectl(self, *arguments: str, manifest: Mapping[str, Any] | None = None) -> str:
        done = subprocess.run(
            self.command(*arguments),
            input=json.dumps(manifest) if manifest else None,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def command(self, *arguments: str) -> list[str]:
        where = (f"--kubeconfig={self.cluster.kubeconfig(self.paths)}", f"--namespace={self.name}")
        return [str(self.paths.bin / "kubectl"), *where, *arguments]

    def run_to_the_end(self, name: str, code: str, image: str = PYTHON, **spec: Any) -> str:
        """The log of a pod that runs Python code and succeeds."""
        self.kubectl("create", "--filename=-", manifest=pod(name, code, image, **spec))
        self.kubectl("wait", f"pod/{name}", "--for=jsonpath={.status.phase}=Succeeded", WAIT)
        return self.kubectl("logs", name)


def pod(name: str, code: str, image: str = PYTHON, **spec: Any) -> dict[str, Any]:
    """A pod that passes the restricted Pod Security standard."""
    container = {
        "name": "main",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["python3", "-c", code],
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }
    if mounts := spec.pop("mounts", None):
        container["volumeMounts"] = mounts
    secure = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    fields = {"restartPolicy": "Never", "terminationGracePeriodSeconds": 1, "securityContext": secure}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {**fields, "containers": [container], **spec},
    }


@pytest.fixture
def namespace() -> Iterator[Namespace]:
    """A fresh namespace held to the restricted standard."""
    cluster = Wanted.from_environment(os.environ)
    space = Namespace(f"cluster-test-{uuid4().hex[:8]}", Paths.of_user(), cluster)
    assert cluster.kubeconfig(space.paths).exists(), "run `make images` first"
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    manifest = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": space.name, "labels": labels}}
    space.kubectl("create", "--filename=-", manifest=manifest)
    space.kubectl("create", "--filename=-", manifest=_account(space.name))
    yield space
    space.kubectl("delete", "namespace", space.name, "--wait=false")


def _account(namespace: str) -> dict[str, Any]:
    """The controller makes it a moment later; a pod created before would be refused."""
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": "tester", "namespace": namespace},
    }


@pytest.mark.parametrize("access", ["ReadWriteOnce", "ReadWriteOncePod"])
def test_a_claim_binds_keeps_its_data_and_goes_when_it_is_deleted(namespace: Namespace, access: str) -> None:
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "data"},
        "spec": {"accessModes": [access], "resources": {"requests": {"storage": "10Mi"}}},
    }
    namespace.kubectl("create", "--filename=-", manifest=claim)
    where: dict[str, Any] = {
        "serviceAccountName": "tester",
        "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}],
        "mounts": [{"name": "data", "mountPath": "/data"}],
    }
    namespace.run_to_the_end("writer", "open('/data/x', 'w').write('kept')", **where)
    assert namespace.run_to_the_end("reader", "print(open('/data/x').read())", **where) == "kept\n"

    volume = namespace.kubectl("get", "pvc", "data", "--output=jsonpath={.spec.volumeName}")
    namespace.kubectl("delete", "pod", "writer", "reader")
    namespace.kubectl("delete", "pvc", "data")
    namespace.kubectl("wait", f"pv/{volume}", "--for=delete", WAIT)


def test_a_service_is_found_by_its_name(namespace: Namespace) -> None:
    code = "import socket; print(socket.gethostbyname('kubernetes.default.svc'))"
    found = namespace.run_to_the_end("lookup", code, serviceAccountName="tester")
    expected = namespace.kubectl(
        "get", "service", "kubernetes", "--namespace=default", "--output=jsonpath={.spec.clusterIP}"
    )
    assert found.strip() == expected


def test_the_restricted_standard_refuses_a_privileged_pod(namespace: Namespace) -> None:
    privileged = pod("privileged", "pass", serviceAccountName="tester")
    privileged["spec"]["containers"][0]["securityContext"] = {"privileged": True}
    refused = subprocess.run(
        namespace.command("create", "--filename=-"),
        input=json.dumps(privileged),
        capture_output=True,
        text=True,
        check=False,
    )
    assert refused.returncode != 0
    assert 'violates PodSecurity "restricted' in refused.stderr


def test_logs_exec_and_port_forward_reach_a_running_pod(namespace: Namespace) -> None:
    serve = "http.server.test(http.server.SimpleHTTPRequestHandler, port=8000)"
    server = pod("server", f"import http.server; print('starting', flush=True); {serve}")
    server["spec"]["serviceAccountName"] = "tester"
    server["spec"]["containers"][0]["readinessProbe"] = {"httpGet": {"port": 8000}, "periodSeconds": 1}
    namespace.kubectl("create", "--filename=-", manifest=server)
    namespace.kubectl("wait", "pod/server", "--for=condition=Ready", WAIT)
    assert "starting" in namespace.kubectl("logs", "server")
    assert namespace.kubectl("exec", "server", "--", "id", "-u").strip() == "65532"
    with subprocess.Popen(
        namespace.command("port-forward", "pod/server", ":8000"), stdout=subprocess.PIPE, text=True
    ) as forward:
        try:
            assert forward.stdout is not None
            port = re.search(r"127\.0\.0\.1:(\d+) ->", forward.stdout.readline())
            assert port is not None
            with urllib.request.urlopen(f"http://127.0.0.1:{port[1]}/", timeout=30) as answer:
                assert answer.status == 200
        finally:
            forward.terminate()


def _image_name(namespace: Namespace, logical_name: str) -> str:
    names: dict[str, str] = json.loads(namespace.cluster.image_names(namespace.paths).read_text())
    return names[logical_name]


@pytest.mark.parametrize(
    ("logical_name", "version"),
    [("python-3.11", "3.11"), ("python-3.13", "3.13"), ("operator", "3.11"), ("example-sklearn", "3.11")],
)
def test_an_image_runs_its_python_without_rights(
    namespace: Namespace, logical_name: str, version: str
) -> None:
    code = "import os, sys; print('%d.%d' % sys.version_info[:2], os.getuid(), os.getgid())"
    image = _image_name(namespace, logical_name)
    said = namespace.run_to_the_end("version", code, image, serviceAccountName="tester")
    assert said.split() == [version, "65532", "65532"]


def test_the_example_image_trains_a_model(namespace: Namespace) -> None:
    code = "import json, sweep; print(json.dumps(sweep.train(alpha=0.1)))"
    log = namespace.run_to_the_end(
        "train", code, _image_name(namespace, "example-sklearn"), serviceAccountName="tester"
    )
    result = json.loads(log.splitlines()[-1])
    assert result["alpha"] == 0.1
    assert 0.3 < result["score"] < 0.6
