"""The way to a server and back. Other tasks have their turn on it, and a message may be late or lost."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from mljob.api import errors

FATES = ("request lost", "answer lost", "request late", "answer late")


class Wire:
    """`fates`: what the next calls meet, in order; `fate_of`: what the next call of a name meets.

    What is late is on its way until it is told to arrive.
    """

    def __init__(self) -> None:
        self.fates: list[str] = []
        self.fate_of: dict[str, str] = {}
        self.calls = 0
        self.prompt = False
        """nothing is late now, whatever its fate"""
        self._late: dict[asyncio.Future[None], str] = {}

    @asynccontextmanager
    async def call(self, what: str, about: str = "") -> AsyncIterator[None]:
        """One call, about the object of that name; what it does at the server is done within."""
        fate = self.fate_of.pop(what, None) or (self.fates.pop(0) if self.fates else None)
        self.calls += 1
        await self._travel(about, late=fate == "request late")
        if fate == "request lost":
            raise errors.Unavailable(0, "", "the request was lost")
        yield
        await self._travel(about, late=fate == "answer late")
        if fate == "answer lost":
            raise errors.Unavailable(0, "", "the answer was lost")

    async def _travel(self, about: str, *, late: bool) -> None:
        if not late or self.prompt:
            await asyncio.sleep(0)
            return
        arrival = asyncio.get_running_loop().create_future()
        self._late[arrival] = about
        try:
            await arrival
        finally:
            del self._late[arrival]

    @property
    def late_about(self) -> set[str]:
        """The names of the objects about which something is on its way."""
        return set(self._late.values())

    def arrive(self, count: int | None = None) -> None:
        """Have the oldest of what is late arrive; None: all of it."""
        for arrival in list(self._late)[:count]:
            if not arrival.done():
                arrival.set_result(None)

    def time_out(self, count: int | None = None) -> None:
        """Nobody waits any longer for the oldest of what is late; None: for all of it."""
        for arrival in list(self._late)[:count]:
            if not arrival.done():
                arrival.set_exception(errors.Unavailable(0, "", "no answer in time"))
