"""The one decision of the loop: facts and the time in, a decision out. No I/O, no clock, no client."""

from collections.abc import Callable

from mljob.core.decision import Decision
from mljob.core.facts import Facts
from mljob.core.rules.creating import creating
from mljob.core.rules.deleted import deleted
from mljob.core.rules.ended import ended
from mljob.core.rules.exclusivity import exclusivity
from mljob.core.rules.finished import finished
from mljob.core.rules.queueing import canceled, queue_deadline, queued, resumed, suspended
from mljob.core.rules.refused import refused
from mljob.core.rules.restored import restored
from mljob.core.rules.running import running
from mljob.core.rules.starting import starting
from mljob.core.rules.stopping import stopping

Rule = Callable[[Facts, float], Decision | None]

RULES: tuple[Rule, ...] = (
    # the object's own life
    restored,
    deleted,
    finished,
    # an attempt under way
    ended,
    stopping,
    running,
    starting,
    # waiting
    canceled,
    creating,
    refused,
    exclusivity,
    suspended,
    resumed,
    queue_deadline,
)
"""In order of precedence: the first rule that has something to say decides."""


def decide(facts: Facts, now: float) -> Decision:
    """What should become of this job. `now` is in seconds since the epoch."""
    for rule in RULES:
        decision = rule(facts, now)
        if decision is not None:
            return decision
    return queued(facts, now)
