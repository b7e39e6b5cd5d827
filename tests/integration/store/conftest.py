"""The store on PostgreSQL, one new database per test."""

from collections.abc import Iterator

import pytest
from mljob.store import Store, open_store

from tests.postgres.fixtures import postgres, postgres_empty_url, postgres_names, postgres_url

__all__ = ["postgres", "postgres_empty_url", "postgres_names", "postgres_url"]


@pytest.fixture
def empty_url(postgres_empty_url: str) -> str:
    return postgres_empty_url


@pytest.fixture
def url(postgres_url: str) -> str:
    return postgres_url


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    store = open_store(url)
    yield store
    store.close()
