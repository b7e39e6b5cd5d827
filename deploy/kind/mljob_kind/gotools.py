"""The Go binaries and how they are built from the modules pinned in deploy/tools. It runs none of them."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from .cache import Cache, digest
from .commands import Commands
from .errors import CannotProceedError
from .paths import Paths

KUBERNETES_VERSION = "v1.35.4"
CLUSTER_TOOLS = ("kind", "kubectl", "helm")
OWN_MODULE = "mljob.dev/tools/node"
PLAIN_PROCESS_TOOLS = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kwok")

_MAJOR, _MINOR, _ = KUBERNETES_VERSION.removeprefix("v").split(".")
# Without these the binaries call themselves v0.0.0, and kubeadm refuses to go on.
_KUBERNETES_STAMPS = (
    f"k8s.io/component-base/version.gitVersion={KUBERNETES_VERSION}",
    f"k8s.io/component-base/version.gitMajor={_MAJOR}",
    f"k8s.io/component-base/version.gitMinor={_MINOR}",
    f"k8s.io/client-go/pkg/version.gitVersion={KUBERNETES_VERSION}",
    f"k8s.io/client-go/pkg/version.gitMajor={_MAJOR}",
    f"k8s.io/client-go/pkg/version.gitMinor={_MINOR}",
)


@dataclass(frozen=True)
class GoTool:
    """One binary: the folder of its module below deploy/tools, and its package."""

    name: str
    module: str
    package: str
    stamps: tuple[str, ...] = ()

    @property
    def link_flags(self) -> str:
        return " ".join(("-s -w", *(f"-X {stamp}" for stamp in self.stamps)))


def _kubernetes(name: str) -> GoTool:
    return GoTool(name, "kubernetes", f"k8s.io/kubernetes/cmd/{name}", _KUBERNETES_STAMPS)


TOOLS = {
    tool.name: tool
    for tool in (
        GoTool("etcd", "etcd", "go.etcd.io/etcd/server/v3"),
        _kubernetes("kube-apiserver"),
        _kubernetes("kubectl"),
        _kubernetes("kube-controller-manager"),
        _kubernetes("kube-scheduler"),
        _kubernetes("kubelet"),
        _kubernetes("kubeadm"),
        _kubernetes("kube-proxy"),
        GoTool("local-path-provisioner", "kubernetes", "github.com/rancher/local-path-provisioner"),
        GoTool("coredns", "coredns", "mljob.dev/tools/coredns"),
        GoTool("kind", "kind", "sigs.k8s.io/kind"),
        GoTool("helm", "helm", "helm.sh/helm/v4/cmd/helm"),
        GoTool("kwok", "kwok", "sigs.k8s.io/kwok/cmd/kwok"),
        GoTool("pause", "node", f"{OWN_MODULE}/pause"),
        GoTool("local-path-helper", "node", f"{OWN_MODULE}/local-path-helper"),
    )
}


class GoTools:
    """Builds tools into the cache and links them into .local/bin."""

    def __init__(self, paths: Paths, cache: Cache, commands: Commands) -> None:
        self._paths = paths
        self._cache = cache
        self._commands = commands
        self._compilers: dict[str, str] = {}  # by module: each may ask for its own Go

    def named(self, names: Iterable[str]) -> list[GoTool]:
        wanted = list(names)
        if unknown := sorted(set(wanted) - set(TOOLS)):
            known = ", ".join(TOOLS)
            raise CannotProceedError(f"TOOLS names {', '.join(unknown)}; there are: {known}.")
        return [TOOLS[name] for name in wanted]

    def is_built(self, tool: GoTool) -> bool:
        return self._cache.has("tools", self.key(tool))

    def build(self, tool: GoTool) -> Path:
        """The path of the binary in the cache."""
        return self._cache.get("tools", self.key(tool), lambda place: self._compile(tool, place)) / tool.name

    def link(self, tool: GoTool) -> Path:
        """Build, and let .local/bin/<name> point at it."""
        binary = self.build(tool)
        self._paths.bin.mkdir(parents=True, exist_ok=True)
        link = self._paths.bin / tool.name
        if not link.is_symlink() or link.readlink() != binary:
            fresh = link.with_name(f".{tool.name}.new")
            fresh.unlink(missing_ok=True)
            fresh.symlink_to(binary)
            fresh.rename(link)
        return binary

    def key(self, tool: GoTool) -> str:
        module = self._paths.tools / tool.module
        if tool.module not in self._compilers:
            compiler = self._commands.output("go", "env", "GOVERSION", "GOOS", "GOARCH", cwd=module)
            self._compilers[tool.module] = compiler
        sources = sorted(module.rglob("*.go"))
        sums = [file for file in (module / "go.mod", module / "go.sum") if file.exists()]
        return digest(*sums, *sources, tool.package, tool.link_flags, self._compilers[tool.module])

    def _compile(self, tool: GoTool, place: Path) -> None:
        self._commands.run(
            *("go", "build", "-mod=readonly", "-buildvcs=false", "-trimpath", f"-ldflags={tool.link_flags}"),
            *("-o", place / tool.name, tool.package),
            log=f"build-{tool.name}",
            cwd=self._paths.tools / tool.module,
            env={"CGO_ENABLED": "0", "GOFLAGS": "", "GOWORK": "off"},
        )
