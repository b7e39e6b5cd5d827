"""What tests of the whole loop begin with."""

from collections.abc import Iterator

import pytest

from tests.unit.controller.loop import Loop


@pytest.fixture
def loop() -> Iterator[Loop]:
    """A loop of its own, closed whatever happens."""
    made = Loop()
    try:
        yield made
    finally:
        made.close()
