"""A module that is slow to import."""

import time

time.sleep(600)


def never() -> None:
    pass
