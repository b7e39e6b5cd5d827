"""pytest fixtures: a server per test session, a database per test. Import them in a conftest to use them."""

import itertools
from collections.abc import Iterator

import pytest
from mljob.store import open_store

from tests.postgres.server import PostgresServer

_TEMPLATE = "mljob_migrated"


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """Shared by all tests: leave it running. A test that stops one starts its own PostgresServer."""
    with PostgresServer() as server:
        store = open_store(server.create_database(_TEMPLATE))
        store.migrate()
        store.close()
        yield server


@pytest.fixture(scope="session")
def postgres_names() -> Iterator[str]:
    return (f"test_{number}" for number in itertools.count())


@pytest.fixture
def postgres_empty_url(postgres: PostgresServer, postgres_names: Iterator[str]) -> Iterator[str]:
    """Of a new database without tables."""
    name = next(postgres_names)
    yield postgres.create_database(name)
    postgres.drop_database(name)


@pytest.fixture
def postgres_url(postgres: PostgresServer, postgres_names: Iterator[str]) -> Iterator[str]:
    """Of a new, migrated database."""
    name = next(postgres_names)
    yield postgres.create_database(name, template=_TEMPLATE)
    postgres.drop_database(name)
