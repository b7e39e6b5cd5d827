"""Turns a database's errors into the store's own: is it worth trying again, or is it a fault?"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from mljob.store.errors import StoreError, StoreUnavailable

_SQLITE_RETRYABLE = {
    sqlite3.SQLITE_BUSY: "is locked by another process",
    sqlite3.SQLITE_LOCKED: "is locked by another process",
    sqlite3.SQLITE_READONLY: "is read-only",
    sqlite3.SQLITE_IOERR: "cannot be read or written",
    sqlite3.SQLITE_FULL: "has no room left: the disk or its size limit is full",
    sqlite3.SQLITE_CANTOPEN: "cannot be opened",
    sqlite3.SQLITE_PROTOCOL: "is locked by another process",
    sqlite3.SQLITE_NOMEM: "has no memory",
    sqlite3.SQLITE_INTERRUPT: "was interrupted",
}
# Classes and codes of https://www.postgresql.org/docs/current/errcodes-appendix.html
_POSTGRES_RETRYABLE = {
    "08": "the connection broke",
    "53": "the server has no room, memory or connections left",
    "57": "the server is stopping, starting or took too long",
    "58": "the server's system failed",
    "25006": "the server is read-only",
    "40001": "another transaction was in the way",
    "40P01": "another transaction was in the way",
    "55P03": "a lock was not to be had in time",
}
_NO_SERVER = (OperationalError, InterfaceError)
_NOT_MIGRATED = "the tables are not there yet; they are made by the operator when it starts"


@contextmanager
def translated() -> Iterator[None]:
    """Around every use of a connection: only StoreUnavailable and StoreError leave it."""
    try:
        yield
    except DBAPIError as error:
        raise _of_driver(error) from error
    except PoolTimeout as error:
        raise StoreUnavailable("the database is busy: all connections are in use") from error
    except SQLAlchemyError as error:
        raise StoreError(f"the store failed: {error}") from error
    except (OverflowError, UnicodeError) as error:
        # Of a driver that cannot write a value down: SQLAlchemy lets these through.
        raise StoreError(f"the store cannot hold a value: {error}") from error


def _of_driver(error: DBAPIError) -> StoreError | StoreUnavailable:
    original = error.orig
    if isinstance(original, sqlite3.Error):
        return _of_sqlite(original)
    return _of_postgres(error)


def _of_sqlite(error: sqlite3.Error) -> StoreError | StoreUnavailable:
    code = getattr(error, "sqlite_errorcode", None)
    why = None if code is None else _SQLITE_RETRYABLE.get(code & 0xFF)
    if why is not None:
        return StoreUnavailable(f"the SQLite store {why}", str(error))
    if str(error).startswith("no such table"):
        return StoreUnavailable(_NOT_MIGRATED, str(error))
    return StoreError(f"the SQLite store failed: {error}")


def _of_postgres(error: DBAPIError) -> StoreError | StoreUnavailable:
    state = getattr(error.orig, "sqlstate", None)
    detail = str(error.orig).strip().partition("\n")[0]
    if error.connection_invalidated or (state is None and isinstance(error, _NO_SERVER)):
        # The driver has no state to tell: it never reached the server, or lost it.
        return StoreUnavailable("PostgreSQL cannot be reached", detail)
    if state == "42P01":
        return StoreUnavailable(_NOT_MIGRATED, detail)
    why = state and (_POSTGRES_RETRYABLE.get(state) or _POSTGRES_RETRYABLE.get(state[:2]))
    if why is not None:
        return StoreUnavailable(f"PostgreSQL: {why}", detail)
    return StoreError(f"PostgreSQL refused a statement of ours ({state}): {detail}")
