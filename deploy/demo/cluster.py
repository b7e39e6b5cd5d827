"""The local cluster as the demo uses it: helm, kubectl, SQL, REST. Knows nothing of what the demo shows."""

import json
import os
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Timer
from typing import Any

from deploy.kind.mljob_kind.commands import Commands
from deploy.kind.mljob_kind.config import Wanted
from deploy.kind.mljob_kind.errors import CannotProceedError
from deploy.kind.mljob_kind.paths import Paths

RELEASE = "mljob"
SYSTEM_NAMESPACE = "mljob-system"
REQUEST_TIMEOUT_SECONDS = 10
WARNINGS_SHOWN = 5

# As one argument of `python -c`: the image has no sqlite3 shell.
SQL = (
    "import sqlite3; [print(*row, sep='|') for row in "
    "sqlite3.connect('/var/lib/mljob/mljob.db').execute('{query}')]"
)


@dataclass(frozen=True)
class LocalCluster:
    """The cluster of `make cluster`, and the operator in it."""

    paths: Paths
    wanted: Wanted
    commands: Commands

    @classmethod
    def of_environment(cls) -> "LocalCluster":
        paths = Paths.of_user()
        return cls(paths, Wanted.from_environment(os.environ), Commands(paths.logs))

    @property
    def address(self) -> str:
        """Where REST answers on this machine."""
        return f"http://127.0.0.1:{self.wanted.port}"

    @property
    def kubeconfig(self) -> Path:
        return self.wanted.kubeconfig(self.paths)

    def images(self) -> Mapping[str, str]:
        """Logical name to reference of what is loaded in the cluster."""
        file = self.wanted.image_names(self.paths)
        if not file.exists():
            raise CannotProceedError(f"{file} is missing; `make images` writes it.")
        names: dict[str, str] = json.loads(file.read_text())
        return names

    def kubectl(self, *arguments: str | Path, stdin: str | None = None) -> str:
        return self.commands.output(self.paths.bin / "kubectl", *arguments, env=self._env, stdin=stdin)

    def helm(self, *arguments: str | Path) -> None:
        self.commands.run(self.paths.bin / "helm", *arguments, env=self._env, log="demo-helm")

    def pods(self) -> list[dict[str, Any]]:
        """Pods of MlJobs that are still there."""
        found = json.loads(self.kubectl("get", "pods", "--selector=mljob.dev/uid", "--output=json"))
        items: list[dict[str, Any]] = found["items"]
        return items

    def warnings(self) -> str:
        """What the cluster last complained about in the operator's namespace; empty: nothing."""
        columns = "custom-columns=:.involvedObject.kind,:.involvedObject.name,:.message"
        text = self.kubectl(
            *("get", "events", "--namespace", SYSTEM_NAMESPACE, "--field-selector=type=Warning"),
            *("--sort-by=.lastTimestamp", "--no-headers", f"--output={columns}"),
        )
        return "\n".join(text.splitlines()[-WARNINGS_SHOWN:])

    def sql(self, query: str) -> list[list[str]]:
        """Rows of the operator's own database, read in its pod. `query` holds no quotes."""
        in_pod = ("exec", f"deployment/{RELEASE}", "--container", "operator", "--namespace", SYSTEM_NAMESPACE)
        text = self.kubectl(*in_pod, "--", "python", "-c", SQL.format(query=query))
        return [line.split("|") for line in text.splitlines()]

    def rest(self, path: str, body: object = None) -> dict[str, Any]:
        """The parsed answer to a GET, or with a body to a POST. Raises CannotProceedError without one."""
        data = None if body is None else json.dumps(body).encode()
        url, headers = self.address + path, {"Content-Type": "application/json"}
        request = urllib.request.Request(url, data, headers)  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=REQUEST_TIMEOUT_SECONDS) as answer:  # noqa: S310
                parsed: dict[str, Any] = json.load(answer)
                return parsed
        except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
            raise CannotProceedError(
                f"{url} does not answer ({error}); see "
                f"`kubectl --namespace {SYSTEM_NAMESPACE} logs deployment/{RELEASE} --container api`."
            ) from error

    @contextmanager
    def watch(self, resource: str, timeout_seconds: float) -> Iterator[Iterator[dict[str, Any]]]:
        """Events {type, object} from the present state on; they end at the timeout."""
        command = ("get", resource, "--watch", "--output-watch-events", "--output=json")
        process = subprocess.Popen(
            [self.paths.bin / "kubectl", *command],
            env={**os.environ, **self._env},
            stdout=subprocess.PIPE,
            text=True,
        )
        timer = Timer(timeout_seconds, process.terminate)
        timer.start()
        try:
            yield (json.loads(line) for line in process.stdout or ())
        finally:
            timer.cancel()
            process.terminate()
            process.communicate()

    @property
    def _env(self) -> Mapping[str, str]:
        return {"KUBECONFIG": str(self.kubeconfig)}
