"""The operator's environment variables, read once at start. Everything else is in the configuration file."""

import os
import socket
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from mljob.core.config import ConfigError, OperatorConfig, parse_config
from mljob.logformat import LogFormat


@dataclass(frozen=True, slots=True)
class Settings:
    """See docs/installation.md; the chart sets them."""

    database_url: str
    namespaces: tuple[str, ...]
    """watched namespaces; none: all"""
    config: OperatorConfig
    epoch: str
    """names this start of the process; every Job it creates carries it"""
    cluster_id: str
    """what tells this cluster's rows from another's; empty: the uid of the namespace kube-system"""
    health_host: str
    health_port: int
    log_format: LogFormat
    log_level: str
    shutdown_grace_seconds: float


def read_settings(environ: Mapping[str, str] = os.environ) -> Settings:
    """Raises ConfigError, naming the variable or the field."""
    url = environ.get("MLJOB_DATABASE_URL", "")
    if not url:
        raise ConfigError(
            "MLJOB_DATABASE_URL is not set: expected sqlite:////var/lib/mljob/mljob.db or postgresql://..."
        )
    namespaces = tuple(n.strip() for n in environ.get("MLJOB_WATCH_NAMESPACES", "").split(",") if n.strip())
    identity = environ.get("MLJOB_POD_NAME") or socket.gethostname()
    return Settings(
        database_url=url,
        namespaces=namespaces,
        config=_read_config(environ.get("MLJOB_CONFIG")),
        epoch=f"{identity}_{uuid.uuid4().hex[:12]}",
        cluster_id=environ.get("MLJOB_CLUSTER_ID", ""),
        health_host=environ.get("MLJOB_HEALTH_HOST", "0.0.0.0"),  # noqa: S104 (the kubelet probes the pod's address)
        health_port=_whole(environ, "MLJOB_HEALTH_PORT", 8081),
        log_format=_log_format(environ.get("MLJOB_LOG_FORMAT", "text")),
        log_level=environ.get("MLJOB_LOG_LEVEL", "INFO").upper(),
        shutdown_grace_seconds=_whole(environ, "MLJOB_SHUTDOWN_GRACE_SECONDS", 20),
    )


def _read_config(path: str | None) -> OperatorConfig:
    if not path:
        return OperatorConfig()
    try:
        found = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise ConfigError(f"MLJOB_CONFIG: {path} cannot be read: {error}") from error
    if found is not None and not isinstance(found, dict):
        raise ConfigError(f"MLJOB_CONFIG: {path} must hold a mapping, found {type(found).__name__}")
    return parse_config(found or {})


def _log_format(text: str) -> LogFormat:
    if text not in set(LogFormat):
        raise ConfigError(f"MLJOB_LOG_FORMAT is {text!r}, expected one of {', '.join(LogFormat)}")
    return LogFormat(text)


def _whole(environ: Mapping[str, str], name: str, default: int) -> int:
    text = environ.get(name, "")
    if not text:
        return default
    if not text.isdecimal():
        raise ConfigError(f"{name} is {text!r}, expected a whole number")
    return int(text)
