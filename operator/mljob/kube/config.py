"""Where the API server is and who we are there: a pod's service account, or a kubeconfig."""

import ssl
from dataclasses import dataclass
from pathlib import Path

from kubernetes import config as kubernetes_config
from kubernetes.client import Configuration

SERVICE_ACCOUNT_NAMESPACE_FILE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


class ConfigError(Exception):
    """No usable configuration; the message says what was tried and what to do."""


@dataclass(frozen=True)
class Connection:
    """One cluster and one identity. `token` re-reads its source, so that a rotated token is picked up."""

    configuration: Configuration
    namespace: str
    """the kubeconfig context's namespace, or the pod's own"""

    @property
    def server(self) -> str:
        """Base URL without a slash at its end."""
        return str(self.configuration.host).rstrip("/")

    def token(self) -> str | None:
        """The bearer token as it is now, without its scheme; None: the login is by certificate.

        Raises ConfigError while its source cannot be read.
        """
        try:
            setting = self.configuration.auth_settings().get("BearerToken")
        except (kubernetes_config.ConfigException, OSError) as error:
            raise ConfigError(f"the login's token cannot be read: {error}") from error
        if not setting or not setting.get("value"):
            return None
        value = str(setting["value"])
        return value.split(" ", 1)[1] if value.lower().startswith("bearer ") else value

    def ssl_context(self) -> ssl.SSLContext | None:
        """None for a plain http server."""
        if not self.server.startswith("https://"):
            return None
        context = ssl.create_default_context(cafile=self.configuration.ssl_ca_cert)
        # Cluster authorities are often made without the extensions that strict mode asks for.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        if not self.configuration.verify_ssl:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if self.configuration.cert_file:
            context.load_cert_chain(self.configuration.cert_file, self.configuration.key_file)
        return context


def load_connection(kubeconfig: str | None = None, context: str | None = None) -> Connection:
    """The named kubeconfig; without one the pod's service account; without that the default kubeconfig.

    Raises ConfigError.
    """
    configuration = Configuration()
    try:
        if kubeconfig is None and SERVICE_ACCOUNT_NAMESPACE_FILE.exists():
            kubernetes_config.load_incluster_config(client_configuration=configuration)
            return Connection(configuration, SERVICE_ACCOUNT_NAMESPACE_FILE.read_text().strip())
        kubernetes_config.load_kube_config(kubeconfig, context, client_configuration=configuration)
        contexts, active = kubernetes_config.list_kube_config_contexts(kubeconfig)
        chosen = next((c for c in contexts if c["name"] == context), active)
        return Connection(configuration, chosen["context"].get("namespace") or "default")
    except (kubernetes_config.ConfigException, OSError, KeyError) as error:
        raise ConfigError(
            f"No way to reach a cluster: {error}. Expected a service account (in a pod) or a kubeconfig: "
            "set KUBECONFIG, or pass --kubeconfig."
        ) from error
