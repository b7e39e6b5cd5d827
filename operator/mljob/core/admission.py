"""How many attempts may still start: the arithmetic of the caps. Who starts them is the controller's."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Slots:
    """A cap and what holds it now. `cap` None: no limit. `held` counts creations in flight as well."""

    cap: int | None
    held: int

    @property
    def free(self) -> int | None:
        """Slots left, never negative: a lowered cap drains, it kills nothing. None: no limit."""
        return None if self.cap is None else max(0, self.cap - self.held)


def free_slots(limits: Iterable[Slots]) -> int | None:
    """The smallest of several limits: of the name, of the namespace, of the installation."""
    known = [slots.free for slots in limits if slots.free is not None]
    return min(known) if known else None
