"""What tests of the view begin with."""

import pytest

from tests.unit.controller.view.seen import Seen


@pytest.fixture
def seen() -> Seen:
    """An empty view."""
    return Seen()
