"""The store on SQLite, one new file per test."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from mljob.store import Store, open_store


@pytest.fixture
def empty_url(tmp_path: Path) -> str:
    """Of a database without tables."""
    return f"sqlite:///{tmp_path}/mljob.db"


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Migrated once, copied for each test."""
    path = tmp_path_factory.mktemp("template") / "mljob.db"
    store = open_store(f"sqlite:///{path}")
    store.migrate()
    store.close()
    return path


@pytest.fixture
def url(empty_url: str, migrated_file: Path, tmp_path: Path) -> str:
    """Of a migrated database."""
    shutil.copy(migrated_file, tmp_path / "mljob.db")
    return empty_url


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    store = open_store(url)
    yield store
    store.close()
