"""A view, and what it called back."""

from mljob.controller.view import Group, View

from tests.unit.controller.objects import NAMESPACE, uid_of

TRAIN: Group = (NAMESPACE, "train")
A = uid_of("a")


class Seen:
    """`jobs`: uids to be looked at again; `slots`: groups to be looked at again; both in order."""

    def __init__(self) -> None:
        self.jobs: list[str] = []
        self.slots: list[Group] = []
        self.view = View(self.jobs.append, self.slots.append)

    def held(self) -> tuple[int, int, int]:
        """Slots held by TRAIN, in its namespace, and in all."""
        slots = self.view.slots
        return slots.by_group(TRAIN), slots.in_namespace(NAMESPACE), slots.in_all
