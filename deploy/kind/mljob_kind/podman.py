"""podman with settings, storage and networks of our own: the machine's stay as they are."""

import json
import resource
from pathlib import Path

from .cache import digest
from .commands import Commands
from .paths import Paths

MODULES = Path("/lib/modules")
WANTED_OPEN_FILES = 1048576
WANTED_PROCESSES = 32768  # more than buildah has left itself when it runs a step


class Podman:
    """podman as kind needs it on machines that give a container less than a whole host."""

    def __init__(self, paths: Paths, commands: Commands) -> None:
        self._commands = commands
        # Beside the cache and not in the checkout: all checkouts of a user share clusters and images.
        self.folder = paths.cache / "podman"
        identity = digest(str(self.folder))
        self.run_folder = Path("/run") / f"mljob-{identity}"
        # netavark names chains by the network: with kind's default name, removing our last node would take
        # rules away from the nodes of somebody else's kind.
        self.network = f"kind-{identity[:8]}"

    @property
    def environment(self) -> dict[str, str]:
        """For podman, for buildah, and for kind that calls podman."""
        return {
            "CONTAINERS_CONF": str(self.folder / "containers.conf"),
            "CONTAINERS_STORAGE_CONF": str(self.folder / "storage.conf"),
            "KIND_EXPERIMENTAL_PROVIDER": "podman",
            "KIND_EXPERIMENTAL_PODMAN_NETWORK": self.network,
        }

    @property
    def is_prepared(self) -> bool:
        return (self.folder / "storage.conf").exists()

    def prepare(self) -> None:
        """Write the settings, and make the one folder that kind mounts from the host."""
        (self.folder / "networks").mkdir(parents=True, exist_ok=True)
        (self.folder / "containers.conf").write_text(self._containers_conf())
        (self.folder / "storage.conf").write_text(self._storage_conf())
        MODULES.mkdir(exist_ok=True)

    def output(self, *arguments: str | Path, stdin: str | None = None) -> str:
        return self._commands.output("podman", *arguments, env=self.environment, stdin=stdin)

    def run(self, *arguments: str | Path, log: str) -> None:
        self._commands.run("podman", *arguments, env=self.environment, log=log)

    def has_image(self, name: str) -> bool:
        return self._commands.succeeds("podman", "image", "exists", name, env=self.environment)

    def containers(self, label: str = "") -> list[str]:
        """Names of all containers, or of those that carry a label."""
        filters = ("--filter", f"label={label}") if label else ()
        text = self.output("ps", "--all", *filters, "--format", "json")
        return [entry["Names"][0] for entry in json.loads(text or "[]")]

    def _containers_conf(self) -> str:
        # podman's own default limits raise hard limits, which fails where CAP_SYS_RESOURCE is missing.
        files = _at_most(resource.RLIMIT_NOFILE, WANTED_OPEN_FILES)
        processes = _at_most(resource.RLIMIT_NPROC, WANTED_PROCESSES)
        return f"""\
[containers]
default_ulimits = ["nofile={files}:{files}", "nproc={processes}:{processes}"]
pids_limit = 0

[engine]
# crun fails on hosts with both cgroup versions mounted.
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
lock_type = "file"
tmp_dir = "{self.run_folder}/libpod"

[network]
network_backend = "netavark"
network_config_dir = "{self.folder}/networks"
"""

    def _storage_conf(self) -> str:
        return f"""\
[storage]
driver = "overlay"
graphroot = "{self.folder}/storage"
runroot = "{self.run_folder}/storage"
"""


def _at_most(kind: int, wanted: int) -> int:
    _, hard = resource.getrlimit(kind)
    return wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
