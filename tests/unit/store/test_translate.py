"""Which of a database's errors are worth another try, and what is said of them. By table."""

import sqlite3

import psycopg
import pytest
from mljob.store import StoreError, StoreUnavailable
from mljob.store.translate import translated
from sqlalchemy.exc import (
    ArgumentError,
    DataError,
    DBAPIError,
    InterfaceError,
    OperationalError,
    ProgrammingError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeout


def _of_postgres(state: str) -> OperationalError:
    return OperationalError(
        "INSERT ...", {}, psycopg.errors.lookup(state)("the server's words\nDETAIL: more")
    )


def _of_sqlite(code: int, text: str = "the driver's words") -> OperationalError:
    error = sqlite3.OperationalError(text)
    error.sqlite_errorcode = code
    return OperationalError("INSERT ...", {}, error)


@pytest.mark.parametrize(
    ("error", "kind", "says"),
    [
        (_of_postgres("57P01"), StoreUnavailable, "stopping, starting or took too long (the server's words)"),
        (_of_postgres("57014"), StoreUnavailable, "stopping, starting or took too long"),
        (_of_postgres("53100"), StoreUnavailable, "no room, memory or connections left"),
        (_of_postgres("08006"), StoreUnavailable, "the connection broke"),
        (_of_postgres("58030"), StoreUnavailable, "the server's system failed"),
        (_of_postgres("40P01"), StoreUnavailable, "another transaction was in the way"),
        (_of_postgres("40001"), StoreUnavailable, "another transaction was in the way"),
        (_of_postgres("55P03"), StoreUnavailable, "a lock was not to be had in time"),
        (_of_postgres("25006"), StoreUnavailable, "the server is read-only"),
        (_of_postgres("42P01"), StoreUnavailable, "the tables are not there yet"),
        (_of_postgres("42703"), StoreError, "refused a statement of ours (42703): the server's words"),
        (_of_postgres("23505"), StoreError, "refused a statement of ours (23505)"),
        (
            OperationalError("", {}, psycopg.OperationalError("no route to host")),
            StoreUnavailable,
            "PostgreSQL cannot be reached (no route to host)",
        ),
        (
            InterfaceError("", {}, psycopg.InterfaceError("the connection is closed")),
            StoreUnavailable,
            "PostgreSQL cannot be reached",
        ),
        (
            DBAPIError("", {}, psycopg.Error("lost it"), connection_invalidated=True),
            StoreUnavailable,
            "PostgreSQL cannot be reached (lost it)",
        ),
        (
            DataError("", {}, psycopg.DataError("a NUL")),
            StoreError,
            "refused a statement of ours (None): a NUL",
        ),
        (
            _of_sqlite(sqlite3.SQLITE_BUSY),
            StoreUnavailable,
            "is locked by another process (the driver's words)",
        ),
        (_of_sqlite(sqlite3.SQLITE_BUSY_SNAPSHOT), StoreUnavailable, "is locked by another process"),
        (_of_sqlite(sqlite3.SQLITE_IOERR_FSYNC), StoreUnavailable, "cannot be read or written"),
        (_of_sqlite(sqlite3.SQLITE_READONLY_DBMOVED), StoreUnavailable, "is read-only"),
        (_of_sqlite(sqlite3.SQLITE_FULL), StoreUnavailable, "has no room left"),
        (_of_sqlite(sqlite3.SQLITE_CORRUPT), StoreError, "the SQLite store failed: the driver's words"),
        (
            _of_sqlite(sqlite3.SQLITE_ERROR, "no such table: jobs"),
            StoreUnavailable,
            "tables are not there yet",
        ),
        (_of_sqlite(sqlite3.SQLITE_ERROR, "no such column: x"), StoreError, "no such column: x"),
        (
            ProgrammingError("", {}, sqlite3.ProgrammingError("a misuse")),
            StoreError,
            "the SQLite store failed: a misuse",
        ),
        (PoolTimeout("QueuePool limit"), StoreUnavailable, "all connections are in use"),
        (ArgumentError("nonsense"), StoreError, "the store failed: nonsense"),
        (OverflowError("int too large"), StoreError, "cannot hold a value: int too large"),
    ],
)
def test_errors_become_the_stores_own(error: Exception, kind: type[Exception], says: str) -> None:
    with pytest.raises(kind) as caught, translated():
        raise error
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.__cause__ is error


@pytest.mark.parametrize(
    "error",
    [
        _of_postgres("08006"),
        _of_postgres("42P01"),
        _of_sqlite(sqlite3.SQLITE_BUSY, "the server's words"),
        OperationalError("", {}, psycopg.OperationalError("the server's words")),
    ],
)
def test_what_anybody_may_read_quotes_no_database(error: Exception) -> None:
    """PostgreSQL's words hold its address and the user's name."""
    with pytest.raises(StoreUnavailable) as caught, translated():
        raise error
    assert "the server's words" in str(caught.value)
    assert "the server's words" not in caught.value.why
    assert str(caught.value).startswith(caught.value.why)


def test_errors_of_others_pass() -> None:
    with pytest.raises(ZeroDivisionError), translated():
        raise ZeroDivisionError
