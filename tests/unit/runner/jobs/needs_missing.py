"""A module with a dependency that the image does not have."""

import a_package_that_is_not_there  # type: ignore[import-not-found]


def never() -> None:
    a_package_that_is_not_there.use()
