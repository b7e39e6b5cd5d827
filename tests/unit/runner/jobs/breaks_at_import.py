"""A module that raises AttributeError while it is imported."""

import os

os.there_is_no_such_function()  # type: ignore[attr-defined]


def never() -> None:
    pass
