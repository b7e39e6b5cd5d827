"""Who calls. Today nobody is asked; every route that means somebody depends on `CurrentCaller` already."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends


@dataclass(frozen=True, slots=True)
class Caller:
    """`name` None: not known, because the server runs without logins."""

    name: str | None = None


async def authenticate() -> Caller:
    """The one place where a request becomes a caller."""
    return Caller()


CurrentCaller = Annotated[Caller, Depends(authenticate)]
