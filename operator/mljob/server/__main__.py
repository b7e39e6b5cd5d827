"""`python -m mljob.server`: serve until told to stop.

Exit codes: 0 when told to stop, 1 when it cannot serve, 2 for settings that cannot work.
"""

import os
import signal
import sys

import uvicorn
from fastapi import FastAPI

from mljob.kube.config import ConfigError, load_connection
from mljob.logformat import configure_logging
from mljob.server.app import create_app
from mljob.server.metrics import Metrics
from mljob.server.services import running
from mljob.server.settings import Settings, SettingsError, read_settings
from mljob.store import StoreRefused, open_store

CANNOT_SERVE = 1
WRONG_SETTINGS = 2
KEEP_ALIVE_SECONDS = 75
"""Longer than the 60 s after which common proxies give up an idle connection: they close it, not we."""


def main() -> int:
    """The process."""
    try:
        settings = read_settings(os.environ)
        connection = load_connection(settings.kubeconfig)
        store = open_store(settings.database_url)
    except (SettingsError, ConfigError, StoreRefused) as error:
        sys.stderr.write(f"mljob-server: {error}\n")
        return WRONG_SETTINGS
    configure_logging(settings.log_format, settings.log_level)
    metrics = Metrics()
    app = create_app(
        lambda: running(settings, connection, store, metrics), metrics, settings.body_limit_bytes
    )
    return serve(app, settings)


def serve(app: FastAPI, settings: Settings) -> int:
    """Until a signal says to stop; then what is in flight gets the grace period."""
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            host=settings.listen_host,
            port=settings.listen_port,
            loop="uvloop",
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=settings.shutdown_grace_seconds,
        )
    )
    # uvicorn raises the signal again once it has stopped: to be told to stop is no failure.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    try:
        server.run()
    except SystemExit:
        # Its way to say that the port is taken; the log has the sentence.
        return CANNOT_SERVE
    return 0 if server.started else CANNOT_SERVE


if __name__ == "__main__":
    sys.exit(main())
