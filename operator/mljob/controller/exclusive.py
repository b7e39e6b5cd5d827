"""Exclusive jobs: which of the unfinished jobs with one key comes first. It compares, and ends none."""

from mljob.controller.view import JobEntry, View


def rivals(view: View, entry: JobEntry) -> list[JobEntry]:
    """The other unfinished jobs of its key."""
    if entry.exclusive_key is None:
        return []
    uids = view.exclusive.get((entry.namespace, entry.exclusive_key), ())
    return [view.jobs[uid] for uid in uids if uid != entry.uid]


def holder(view: View, entry: JobEntry) -> JobEntry | None:
    """The rival that a job gives way to. None: it comes first, or it has run and keeps its place."""
    if view.latest_attempt(entry.uid) > 0:
        return None
    mine = _standing(view, entry)
    before = {standing: rival for rival in rivals(view, entry) if (standing := _standing(view, rival)) < mine}
    return before[min(before)] if before else None


def begun_without_key(view: View, entry: JobEntry) -> list[JobEntry]:
    """The jobs of its name that have begun, and whose keys nobody has asked for yet."""
    unfinished = view.unfinished_jobs(entry.group)
    return [other for other in unfinished if other.exclusive_key is None and has_begun(view, other)]


def has_begun(view: View, entry: JobEntry) -> bool:
    """Was the creation of an attempt ever on its way?

    One that a quota then held back comes before what was submitted meanwhile: else each of the two could be
    canceled for the other's sake.
    """
    return view.latest_attempt(entry.uid) > 0 or view.in_flight(entry.uid) or entry.held_until is not None


def _standing(view: View, entry: JobEntry) -> tuple[bool, int, str, str]:
    """Those that have begun come first, then the earliest."""
    return (not has_begun(view, entry), entry.created_ms, entry.name, entry.uid)
