"""One engine per database URL, and what every connection of it is told. Knows no table."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from mljob.store.errors import StoreRefused
from mljob.store.filesystems import network_file_system_of
from mljob.store.translate import translated

BUSY_TIMEOUT_MILLIS = 5_000
POSTGRES_CONNECT_SECONDS = 5
POSTGRES_STATEMENT_MILLIS = 30_000
POSTGRES_LOCK_MILLIS = 10_000
POSTGRES_POOL_SIZE = 10
_WRITES = "mljob_writes"


def engine_for(url: str) -> Engine:
    """Raises StoreRefused, one sentence, for a URL or a place that cannot work. Connects to nothing yet."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise StoreRefused(
            "the store's URL cannot be read; expected sqlite:////absolute/path.db or postgresql://user@host/name"
        ) from None
    match parsed.get_backend_name():
        case "sqlite":
            return _sqlite_engine(parsed)
        case "postgresql" | "postgres":
            return _postgres_engine(parsed)
        case other:
            raise StoreRefused(f"the store's URL names the database {other!r}; expected sqlite or postgresql")


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """One transaction that sees one state of the database and takes no lock against writers."""
    with translated(), engine.connect() as connection:
        yield connection


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """One transaction: all of it is stored, or nothing."""
    with (
        translated(),
        engine.connect().execution_options(**{_WRITES: True}) as connection,
        connection.begin(),
    ):
        yield connection


def _sqlite_engine(url: URL) -> Engine:
    if not url.database or url.database == ":memory:":
        raise StoreRefused("the store's URL names no file; expected sqlite:////absolute/path.db")
    folder = Path(url.database).parent
    if not folder.is_dir():
        raise StoreRefused(
            f"the folder {folder} of the SQLite store does not exist; create it or mount the volume"
        )
    kind = network_file_system_of(folder)
    if kind:
        raise StoreRefused(
            f"the folder {folder} of the SQLite store is on a network file system ({kind}), where "
            "SQLite's locks do not hold; use a volume of a local or block file system, or PostgreSQL"
        )
    engine = create_engine(
        url.set(drivername="sqlite+pysqlite"),
        connect_args={"timeout": BUSY_TIMEOUT_MILLIS / 1000},
        # Errors end in logs, and params may hold what must not.
        hide_parameters=True,
    )
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(dbapi_connection: DBAPIConnection, _record: object) -> None:
    # The driver's own BEGINs come too late (before the first write) and never around DDL: we send them.
    dbapi_connection.isolation_level = None
    cursor = dbapi_connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MILLIS}")
    cursor.execute("PRAGMA journal_mode = WAL")
    # FULL: an fsync per commit. With NORMAL a machine that loses its power loses the last commits, and the
    # object of a row that was stored may be gone already: nobody could write it again (decision 0004).
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    """A writer takes the lock at once: one that first reads cannot wait for it later (BUSY_SNAPSHOT)."""
    writes = connection.get_execution_options().get(_WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _postgres_engine(url: URL) -> Engine:
    try:
        engine = create_engine(
            url.set(drivername="postgresql+psycopg"),
            hide_parameters=True,
            pool_size=POSTGRES_POOL_SIZE,
            max_overflow=POSTGRES_POOL_SIZE,
            pool_timeout=POSTGRES_CONNECT_SECONDS,
            # A server that was restarted is noticed before a statement is lost on its dead connection.
            pool_pre_ping=True,
            connect_args={
                "connect_timeout": POSTGRES_CONNECT_SECONDS,
                # A server that vanished without a word fails a statement after 20 s, not after two hours.
                "keepalives_idle": 10,
                "keepalives_interval": 5,
                "keepalives_count": 2,
                "tcp_user_timeout": 20_000,
                "application_name": "mljob",
            },
        )
    except (ImportError, NoSuchModuleError):
        raise StoreRefused(
            "the store's URL names PostgreSQL, and the driver psycopg is not installed"
        ) from None
    event.listen(engine, "connect", _prepare_postgres)
    return engine


def _prepare_postgres(dbapi_connection: DBAPIConnection, _record: object) -> None:
    # By SET, not by connection options: poolers refuse those.
    cursor = dbapi_connection.cursor()
    cursor.execute(
        f"SET statement_timeout = {POSTGRES_STATEMENT_MILLIS}; SET lock_timeout = {POSTGRES_LOCK_MILLIS}"
    )
    cursor.close()
    dbapi_connection.commit()
