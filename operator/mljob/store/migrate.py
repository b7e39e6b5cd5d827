"""Brings a database's tables to this program's version, by Alembic, one process at a time."""

from functools import cache

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text

from mljob.store.engine import writing
from mljob.store.errors import StoreError, StoreUnavailable

# Any number that no other user of the database takes for its advisory locks.
_LOCK_KEY = 0x6D6C6A6F62


def upgrade(engine: Engine) -> None:
    """In one transaction that excludes every other migration: PostgreSQL by an advisory lock, SQLite by its
    one writer. A process killed half-way leaves the tables as they were."""
    with writing(engine) as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SET LOCAL lock_timeout = 0"))
            connection.execute(text("SET LOCAL statement_timeout = 0"))
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK_KEY})
        current = _current(connection)
        if current == head():
            return
        if current is not None and current not in _known():
            raise StoreError(
                f"the database has schema {current}, which is newer than this program's {head()}; "
                "run a version of the program at least as new, or restore the backup made before the upgrade"
            )
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def require_current(connection: Connection) -> None:
    """Raises StoreUnavailable while the tables are missing or older than this program."""
    # The table's own error says that it is missing: asking the catalogue first would double the statements.
    current = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()
    if current in _known() and current != head():
        raise StoreUnavailable(
            f"the database has schema {current}, this program needs {head()}; not migrated yet"
        )


@cache
def head() -> str:
    """The newest schema this program knows."""
    revision = ScriptDirectory.from_config(_config()).get_current_head()
    if revision is None:
        raise StoreError("the package holds no migrations; it was not built whole")
    return revision


@cache
def _known() -> frozenset[str]:
    return frozenset(script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions())


def _current(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", "mljob.store:migrations")
    return config
