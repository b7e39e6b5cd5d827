"""The images that a node brings along, under the names that kubeadm and our manifests ask for."""

import tarfile
from collections.abc import Mapping
from pathlib import Path

from . import versions
from .archive import Image, package_files, write

PAUSE = "registry.k8s.io/pause:3.10.1"  # as in node/files/etc/containerd/config.toml
# kube-proxy calls iptables: these packages are that program and its libraries.
IPTABLES_PACKAGES = (
    "iptables",
    "libc6",
    "libip4tc2",
    "libip6tc2",
    "libmnl0",
    "libnetfilter-conntrack3",
    "libnfnetlink0",
    "libnftnl11",
    "libxtables12",
)
IPTABLES_NAMES = (
    "iptables",
    "iptables-save",
    "iptables-restore",
    "ip6tables",
    "ip6tables-save",
    "ip6tables-restore",
)


def tools_of_images() -> tuple[str, ...]:
    """The Go tools that go into images."""
    return (
        *("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy", "coredns"),
        *("local-path-provisioner", "local-path-helper", "pause"),
    )


def write_images(binaries: Mapping[str, Path], node_root: Path, tools: Path, target: Path) -> None:
    """One docker-archive per image into the folder `target`."""
    kubernetes = versions.kubernetes(tools)
    for name in ("kube-apiserver", "kube-controller-manager", "kube-scheduler"):
        image = _of_binary(f"registry.k8s.io/{name}:{kubernetes}", name, binaries)
        write(image, target / f"{name}.tar")
    write(
        _of_binary(f"registry.k8s.io/etcd:{versions.etcd_tag(tools)}", "etcd", binaries), target / "etcd.tar"
    )
    for name, place in (
        (f"registry.k8s.io/coredns/coredns:{versions.coredns(tools)}", "coredns"),
        (PAUSE, "pause"),
        ("mljob.dev/local-path-helper:1", "local-path-helper"),
    ):
        image = Image((name,), {place: binaries[place]}, entrypoint=(f"/{place}",))
        write(image, target / f"{place}.tar")
    provisioner = versions.pinned(tools, "kubernetes", "github.com/rancher/local-path-provisioner")
    name = "local-path-provisioner"
    write(_of_binary(f"mljob.dev/{name}:{provisioner}", name, binaries), target / f"{name}.tar")
    _write_kube_proxy(kubernetes, binaries, node_root, target)


def _of_binary(image_name: str, tool: str, binaries: Mapping[str, Path]) -> Image:
    return Image((image_name,), {f"usr/local/bin/{tool}": binaries[tool]})


def _write_kube_proxy(kubernetes: str, binaries: Mapping[str, Path], node_root: Path, target: Path) -> None:
    image = Image(
        (f"registry.k8s.io/kube-proxy:{kubernetes}",),
        {"usr/local/bin/kube-proxy": binaries["kube-proxy"]},
        links={f"usr/local/sbin/{name}": "/usr/sbin/xtables-nft-multi" for name in IPTABLES_NAMES},
    )
    with tarfile.open(node_root) as root:
        write(image, target / "kube-proxy.tar", package_files(root, IPTABLES_PACKAGES))
