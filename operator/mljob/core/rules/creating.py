"""A job whose attempt is being created: until that is known, nothing ends or moves it but people."""

from mljob.core.decision import Decision
from mljob.core.facts import Facts


def creating(facts: Facts, now: float) -> Decision | None:
    """It waits no more, and what would end its waiting would end a Job that is there a moment later.

    The end of its creation, whichever it is, brings it back: no time to look again is asked for.
    """
    return Decision(status=facts.status) if facts.in_flight else None
