"""A real PostgreSQL of one's own: temporary folder, unix socket, no port. Started, stopped, killed at will.

PostgreSQL refuses root, so as root it runs as the system user that Debian's package made.
"""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

SYSTEM_USER = "postgres"
START_SECONDS = 30
STOP_SECONDS = 30
# For tests: nothing here must survive the machine.
FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class PostgresMissing(RuntimeError):
    """The binaries are not there. The text says what to do."""


def binaries() -> Path:
    """The folder of the newest PostgreSQL on this machine."""
    packaged = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    found = packaged[-1] if packaged else shutil.which("initdb")
    if found is None:
        raise PostgresMissing("PostgreSQL is not installed; run: make postgres")
    return Path(found).resolve().parent


class PostgresServer:
    """`with PostgresServer() as server: open_store(server.create_database("name"))`."""

    def __init__(self, settings: Mapping[str, str] = FAST) -> None:
        self._bin = binaries()
        self._settings = settings
        self._folder = Path(tempfile.mkdtemp(prefix="mljob-postgres-"))
        self._process: subprocess.Popen[bytes] | None = None
        if os.geteuid() == 0:
            owner = pwd.getpwnam(SYSTEM_USER)
            os.chown(self._folder, owner.pw_uid, owner.pw_gid)
        initdb = [str(self._bin / "initdb"), "--no-sync", "--auth=trust", f"--username={SYSTEM_USER}"]
        self._run([*initdb, "--encoding=UTF8", "--locale=C.UTF-8", str(self._data)])

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.remove()

    def start(self) -> None:
        """Returns once it accepts connections."""
        settings = {"listen_addresses": "", "unix_socket_directories": str(self._folder)} | dict(
            self._settings
        )
        flags = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                # Dies with the process that started it, however that one dies.
                [
                    *self._as_owner("--pdeathsig", "INT"),
                    str(self._bin / "postgres"),
                    "-D",
                    str(self._data),
                    *flags,
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._folder,
                start_new_session=True,
            )
        self._wait_until_ready()

    def stop(self) -> None:
        """In order, without waiting for clients; they see their connections closed."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """As a machine that loses its power."""
        self._end(signal.SIGQUIT)

    def remove(self) -> None:
        self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)

    def create_database(self, name: str, template: str = "template1") -> str:
        """Returns its URL."""
        sql = f'CREATE DATABASE "{name}" TEMPLATE "{template}"'
        self._psql(sql)
        return self.url(name)

    def drop_database(self, name: str) -> None:
        """Also with clients connected to it."""
        self._psql(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def url(self, database: str) -> str:
        return f"postgresql://{SYSTEM_USER}@/{quote(database)}?host={quote(str(self._folder), safe='')}"

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    def _wait_until_ready(self) -> None:
        assert self._process is not None
        deadline = time.monotonic() + START_SECONDS
        ready = [str(self._bin / "pg_isready"), "--quiet", "--host", str(self._folder)]
        while subprocess.run(ready, check=False).returncode != 0:
            if self._process.poll() is not None or time.monotonic() > deadline:
                log = (self._folder / "log").read_text(errors="replace")[-2000:]
                raise RuntimeError(f"PostgreSQL did not start within {START_SECONDS} s. Its log ends:\n{log}")
            time.sleep(0.02)

    def _end(self, how: signal.Signals) -> None:
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.send_signal(how)
        self._process.wait(STOP_SECONDS)
        self._process = None

    def _psql(self, sql: str) -> None:
        self._run([str(self._bin / "psql"), "-qX", "-h", str(self._folder), "-U", SYSTEM_USER, "-c", sql])

    def _run(self, command: list[str]) -> None:
        done = subprocess.run(
            [*self._as_owner(), *command], capture_output=True, text=True, check=False, cwd=self._folder
        )
        if done.returncode != 0:
            raise RuntimeError(f"{Path(command[0]).name} failed: {done.stderr.strip()}")

    def _as_owner(self, *flags: str) -> list[str]:
        identity = (
            ["--reuid", SYSTEM_USER, "--regid", SYSTEM_USER, "--clear-groups"] if os.geteuid() == 0 else []
        )
        return ["setpriv", *flags, *identity]
