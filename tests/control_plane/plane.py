"""A Kubernetes control plane as plain processes on loopback: own ports, own folder, up in seconds."""

import json
import shutil
import socket
import ssl
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import yaml

from tests.control_plane import components
from tests.control_plane.certificates import Authority
from tests.control_plane.components import CONTROLLER_MANAGER, KWOK, SCHEDULER, Options, Ports
from tests.control_plane.process import Process, ProcessFailed

READY_SECONDS = 60.0
ADMIN = "admin"
MASTERS = "system:masters"
_START_ATTEMPTS = 3


class ControlPlane:
    """Start with `ControlPlane.start(...)`, end with `stop()`, or use it in a `with` statement."""

    def __init__(self, options: Options, folder: Path, ports: Ports) -> None:
        self.options = options
        self.folder = folder
        self.authority = Authority(folder)
        self.server = f"https://127.0.0.1:{ports.api_server}"
        self.processes: dict[str, Process] = {}
        self._clients: list[httpx.Client] = []
        self._tls = ssl.create_default_context(cafile=str(self.ca))
        self._write_files()
        self.kubeconfig = self.kubeconfig_for(ADMIN, MASTERS)
        self._prepare(ports)
        self.api = self.client(token=self.token(ADMIN))

    @classmethod
    def start(
        cls,
        options: Options | None = None,
        *,
        prepare: Callable[["ControlPlane"], None] = lambda _: None,
        **settings: Any,
    ) -> Self:
        """Start and wait until ready; `settings` are the fields of Options. Raises ProcessFailed.

        `prepare` runs between API server and controllers. Kinds belong there: the garbage collector
        looks for new ones every 30 s, and until then keeps what a deleted owner of such a kind leaves.
        """
        options = options or Options(**settings)
        for attempt in range(1, _START_ATTEMPTS + 1):
            plane = cls(options, Path(tempfile.mkdtemp(prefix="mljob-plane-")), _free_ports())
            try:
                plane._start_all(prepare)
            except ProcessFailed as error:
                plane.stop()
                # Another process may have taken a port between our look and our use.
                if "address already in use" not in str(error) or attempt == _START_ATTEMPTS:
                    raise
            except BaseException:
                plane.stop()
                raise
            else:
                return plane
        raise AssertionError("unreachable")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """End every process, last started first, and remove the folder."""
        for client in self._clients:
            client.close()
        for process in reversed(self.processes.values()):
            process.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def ca(self) -> Path:
        """The authority's certificate."""
        return self.authority.root.certificate

    @property
    def audit_log(self) -> Path:
        """JSON lines, one per answered request; there only with `audit_level`."""
        return self.folder / "audit.jsonl"

    def audit_events(self) -> Iterator[dict[str, Any]]:
        """The audit log so far."""
        with self.audit_log.open("rb") as lines:
            for line in lines:
                yield json.loads(line)

    def token(self, user: str = ADMIN) -> str:
        """The static token of `admin` or of one of `Options.users`."""
        if user != ADMIN and user not in self.options.users:
            raise KeyError(f"no static token for {user!r}: name the user in Options.users")
        return f"token-of-{user}"

    def service_account_token(
        self, namespace: str, name: str, audiences: tuple[str, ...] = (), seconds: int = 3600
    ) -> str:
        """A fresh token of a service account, by TokenRequest."""
        spec = {"audiences": list(audiences), "expirationSeconds": seconds}
        answer = self.api.post(
            f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token",
            json={"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec},
        )
        answer.raise_for_status()
        return str(answer.json()["status"]["token"])

    def client(
        self, *, token: str | None = None, user: str | None = None, groups: tuple[str, ...] = ()
    ) -> httpx.Client:
        """A plain HTTP client: with a token, or acting as `user` in `groups` by impersonation."""
        headers = [("Authorization", f"Bearer {token or self.token(ADMIN)}")]
        if user is not None:
            headers += [("Impersonate-User", user), *(("Impersonate-Group", group) for group in groups)]
        client = httpx.Client(base_url=self.server, verify=self._tls, headers=headers, timeout=30)
        self._clients.append(client)
        return client

    def kubeconfig_for(self, user: str, *groups: str) -> Path:
        """A kubeconfig that logs in as `user` with a client certificate."""
        pair = self.authority.client(user, groups)
        path = pair.certificate.with_suffix(".kubeconfig")
        login = {"client-certificate": str(pair.certificate), "client-key": str(pair.key)}
        cluster = {"server": self.server, "certificate-authority": str(self.ca)}
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "test", "cluster": cluster}],
            "users": [{"name": user, "user": login}],
            "contexts": [
                {"name": "test", "context": {"cluster": "test", "user": user, "namespace": "default"}}
            ],
            "current-context": "test",
        }
        path.write_text(yaml.safe_dump(config))
        return path

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        """Output of kubectl as admin. Raises CalledProcessError with its words in `stderr`."""
        command = [components.binary("kubectl"), f"--kubeconfig={self.kubeconfig}", *arguments]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=True)
        return done.stdout

    def restart(self, name: str) -> None:
        """Start a component again that was killed or stopped, and wait until it is ready."""
        self.processes[name].start()
        self._wait(name)

    def _write_files(self) -> None:
        users = {ADMIN: (MASTERS,), **self.options.users}
        rows = [f'{self.token(user)},{user},{user},"{",".join(groups)}"\n' for user, groups in users.items()]
        (self.folder / "tokens.csv").write_text("".join(rows))
        if self.options.audit_level is not None:
            (self.folder / "audit-policy.yaml").write_text(components.audit_policy(self.options.audit_level))

    def _prepare(self, ports: Ports) -> None:
        root, signing_key = self.authority.root, self.authority.signing_key()
        commands = {
            "etcd": components.etcd(self.folder, ports),
            "kube-apiserver": components.api_server(
                self.folder,
                ports,
                self.options,
                authority=root,
                server=self.authority.server(),
                signing_key=signing_key,
            ),
        }
        if CONTROLLER_MANAGER in self.options.components:
            commands[CONTROLLER_MANAGER] = components.controller_manager(
                self.kubeconfig, self.options, authority=root, signing_key=signing_key
            )
        if SCHEDULER in self.options.components:
            commands[SCHEDULER] = components.scheduler(self.kubeconfig, self.options)
        if KWOK in self.options.components:
            commands[KWOK] = components.kwok(self.kubeconfig, ports)
        for name, command in commands.items():
            self.processes[name] = Process(name, command, self.folder / f"{name}.log")

    def _start_all(self, prepare: Callable[["ControlPlane"], None]) -> None:
        self.processes["etcd"].start()
        for name, process in self.processes.items():
            if name == "etcd":
                continue
            process.start()
            if name == "kube-apiserver":
                self._wait(name)
                prepare(self)
        if KWOK in self.processes:
            self._add_nodes()
        if CONTROLLER_MANAGER in self.processes:
            self._wait(CONTROLLER_MANAGER)

    def _wait(self, name: str) -> None:
        checks = {
            "kube-apiserver": self._api_server_is_ready,
            # The first thing that other tests need of the controller manager.
            CONTROLLER_MANAGER: lambda: self._answers("/api/v1/namespaces/default/serviceaccounts/default"),
        }
        if name in checks:
            self.processes[name].wait_until(checks[name], READY_SECONDS)

    def _api_server_is_ready(self) -> bool:
        # Without its own etcd the API server would wait for ever, or talk to another plane's.
        etcd = self.processes["etcd"]
        if not etcd.is_running:
            raise ProcessFailed(f"etcd ended:\n{etcd.log_tail()}")
        return self._answers("/readyz")

    def _answers(self, path: str) -> bool:
        try:
            return self.api.get(path).is_success
        except httpx.TransportError:
            return False

    def _add_nodes(self) -> None:
        for number in range(self.options.nodes):
            metadata = {"name": f"node-{number}", "labels": {"type": "kwok"}}
            node = {"apiVersion": "v1", "kind": "Node", "metadata": metadata}
            self.api.post("/api/v1/nodes", json=node).raise_for_status()
        self.processes[KWOK].wait_until(self._nodes_are_ready, READY_SECONDS)

    def _nodes_are_ready(self) -> bool:
        nodes = self.api.get("/api/v1/nodes").json()["items"]
        ready = [
            condition
            for node in nodes
            for condition in node.get("status", {}).get("conditions", [])
            if condition["type"] == "Ready" and condition["status"] == "True"
        ]
        return len(ready) == self.options.nodes


def _free_ports() -> Ports:
    sockets = [socket.socket() for _ in range(4)]
    try:
        for listener in sockets:
            listener.bind(("127.0.0.1", 0))
        return Ports(*(listener.getsockname()[1] for listener in sockets))
    finally:
        for listener in sockets:
            listener.close()
