"""The command line of every component. Knows flags; starts nothing."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from tests.control_plane.certificates import Pair

BIN = Path(__file__).parents[2] / ".local" / "bin"

CONTROLLER_MANAGER = "kube-controller-manager"
SCHEDULER = "kube-scheduler"
KWOK = "kwok"

AuditLevel = Literal["None", "Metadata", "Request", "RequestResponse"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How a control plane is set up."""

    components: frozenset[str] = frozenset()
    """Beside etcd and the API server: CONTROLLER_MANAGER, SCHEDULER, KWOK."""
    nodes: int = 2
    """Fake nodes, where kwok runs."""
    client_qps: int = 1000
    """Requests per second of controller manager and scheduler; bursts of twice as many."""
    concurrent_job_syncs: int = 20
    audit_level: AuditLevel | None = None
    """Write the audit log, and how much of each request; None: no log."""
    users: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Further users with static tokens, and their groups."""
    api_server_flags: tuple[str, ...] = ()
    """Further flags of the API server."""


@dataclass(frozen=True, slots=True)
class Ports:
    """Free ports on loopback."""

    etcd: int
    etcd_peer: int
    api_server: int
    kwok: int


def binary(name: str) -> str:
    """Path of a tool. Raises FileNotFoundError that says how to get it."""
    path = BIN / name
    if not path.exists():
        raise FileNotFoundError(f"{path} is missing: run `make tools` first")
    return str(path)


def etcd(folder: Path, ports: Ports) -> list[str]:
    """Nothing is synced to disk: the data need to survive a killed process, not a power cut."""
    client, peer = f"http://127.0.0.1:{ports.etcd}", f"http://127.0.0.1:{ports.etcd_peer}"
    return [
        binary("etcd"),
        "--name=test",
        f"--data-dir={folder / 'etcd'}",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=test={peer}",
        "--unsafe-no-fsync",
        "--log-level=warn",
    ]


def api_server(
    folder: Path, ports: Ports, options: Options, *, authority: Pair, server: Pair, signing_key: Path
) -> list[str]:
    """RBAC and the default admission plugins, as in a real cluster."""
    return [
        binary("kube-apiserver"),
        f"--etcd-servers=http://127.0.0.1:{ports.etcd}",
        "--bind-address=127.0.0.1",
        "--advertise-address=127.0.0.1",
        "--endpoint-reconciler-type=none",
        f"--secure-port={ports.api_server}",
        f"--tls-cert-file={server.certificate}",
        f"--tls-private-key-file={server.key}",
        f"--client-ca-file={authority.certificate}",
        f"--token-auth-file={folder / 'tokens.csv'}",
        "--authorization-mode=RBAC",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={signing_key}",
        f"--service-account-signing-key-file={signing_key}",
        "--service-cluster-ip-range=10.0.0.0/24",
        "--allow-privileged=true",
        "--profiling=false",
        *_audit_flags(folder, options.audit_level),
        *options.api_server_flags,
    ]


def _audit_flags(folder: Path, level: AuditLevel | None) -> Iterable[str]:
    if level is None:
        return ()
    return (
        f"--audit-policy-file={folder / 'audit-policy.yaml'}",
        f"--audit-log-path={folder / 'audit.jsonl'}",
        "--audit-log-mode=blocking",
        "--audit-log-format=json",
    )


def audit_policy(level: AuditLevel) -> str:
    """One line per request, once it has been answered."""
    return (
        "apiVersion: audit.k8s.io/v1\nkind: Policy\nomitStages: [RequestReceived]\n"
        f"rules:\n- level: {level}\n"
    )


def controller_manager(
    kubeconfig: Path, options: Options, *, authority: Pair, signing_key: Path
) -> list[str]:
    """Every controller, each with its own account, as in a real cluster."""
    return [
        binary(CONTROLLER_MANAGER),
        f"--kubeconfig={kubeconfig}",
        "--use-service-account-credentials=true",
        f"--service-account-private-key-file={signing_key}",
        f"--root-ca-file={authority.certificate}",
        "--leader-elect=false",
        "--secure-port=0",
        f"--kube-api-qps={options.client_qps}",
        f"--kube-api-burst={2 * options.client_qps}",
        f"--concurrent-job-syncs={options.concurrent_job_syncs}",
    ]


def scheduler(kubeconfig: Path, options: Options) -> list[str]:
    """The default profile."""
    return [
        binary(SCHEDULER),
        f"--kubeconfig={kubeconfig}",
        "--leader-elect=false",
        "--secure-port=0",
        f"--kube-api-qps={options.client_qps}",
        f"--kube-api-burst={2 * options.client_qps}",
    ]


def kwok(kubeconfig: Path, ports: Ports) -> list[str]:
    """Plays the kubelet of every node, by the stages beside this file."""
    return [
        binary(KWOK),
        f"--kubeconfig={kubeconfig}",
        f"--config={Path(__file__).parent / 'stages.yaml'}",
        "--manage-all-nodes=true",
        "--node-lease-duration-seconds=40",
        f"--server-address=127.0.0.1:{ports.kwok}",
    ]
