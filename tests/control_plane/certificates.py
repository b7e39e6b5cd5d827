"""A certificate authority of one control plane, made with openssl: server, client and signing keys."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
_SERVER_NAMES = (
    "IP:127.0.0.1,DNS:localhost,DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,"
    "DNS:kubernetes.default.svc.cluster.local,IP:10.0.0.1"
)


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its key."""

    certificate: Path
    key: Path


class Authority:
    """Issues certificates of one self-signed root into one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.root = Pair(folder / "ca.crt", folder / "ca.key")
        _openssl(
            *("req", "-x509", *_KEY, "-days", "30", "-subj", "/CN=test-authority"),
            *("-keyout", str(self.root.key), "-out", str(self.root.certificate)),
            *("-addext", "keyUsage=critical,keyCertSign,cRLSign"),
        )

    def server(self) -> Pair:
        """The API server's own certificate, for loopback."""
        return self._issue(
            "server", "/CN=kube-apiserver", f"subjectAltName={_SERVER_NAMES}", "extendedKeyUsage=serverAuth"
        )

    def client(self, user: str, groups: tuple[str, ...] = ()) -> Pair:
        """A certificate that logs `user` in as a member of `groups`; the same one when asked again."""
        label = "".join(c if c.isalnum() else "-" for c in "_".join((user, *groups)))
        pair = Pair(self.folder / f"user-{label}.crt", self.folder / f"user-{label}.key")
        if pair.certificate.exists():
            return pair
        # openssl splits the subject at slashes that are not escaped.
        parts = [f"O={group}" for group in groups] + [f"CN={user}"]
        subject = "".join("/" + part.replace("/", "\\/") for part in parts)
        return self._issue(f"user-{label}", subject, "extendedKeyUsage=clientAuth")

    def signing_key(self) -> Path:
        """The private key that service account tokens are signed with."""
        path = self.folder / "service-accounts.key"
        _openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", str(path))
        return path

    def _issue(self, name: str, subject: str, *extensions: str) -> Pair:
        pair = Pair(self.folder / f"{name}.crt", self.folder / f"{name}.key")
        added = [word for extension in extensions for word in ("-addext", extension)]
        _openssl(
            *("req", "-x509", *_KEY, "-days", "30", "-subj", subject),
            *("-CA", str(self.root.certificate), "-CAkey", str(self.root.key)),
            *("-keyout", str(pair.key), "-out", str(pair.certificate)),
            *("-addext", "basicConstraints=critical,CA:FALSE", *added),
        )
        return pair


def _openssl(*arguments: str) -> None:
    done = subprocess.run(["openssl", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"openssl {arguments[0]} failed: {done.stderr.strip()}")
