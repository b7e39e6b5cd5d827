"""Which tests run one after the other, in one process: those that share something."""

from pathlib import Path

from xdist.scheduler.loadscope import LoadScopeScheduling

TESTS = Path(__file__).parent.name


def group_of(nodeid: str) -> str:
    """The group of a test by its place below tests/; itself: it shares nothing, and may run anywhere."""
    top, _, place = nodeid.partition("::")[0].partition("/")
    parts = place.split("/")
    match parts:
        case _ if top != TESTS:
            return nodeid
        case ["e2e", *_]:
            # One cluster, and whoever works on it may be in another's way.
            return "e2e"
        case ["unit", "runner", *_]:
            # They count the machine's processes.
            return "unit/runner"
        case ["unit", *_]:
            return nodeid
        case [_, "operator", *_]:
            # They mostly wait: each file has a control plane of its own beside the others.
            return place
        case _:
            return "/".join(parts[:2])


class ByPlace(LoadScopeScheduling):  # type: ignore[misc]  # it has no types
    """pytest-xdist's own groups, by a mark, are lost on pytest 9.2, where a test's id cannot be changed."""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)
