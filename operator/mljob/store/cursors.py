"""Page cursors: the place of the last job of a page, as an opaque text that is checked when it comes back."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import NamedTuple

from mljob.store.errors import InvalidCursor
from mljob.store.query import Order

_MAX_CHARS = 2048
_HINT = "use a cursor as it was returned, with the same order, or leave it out to begin at the first page"


class Place(NamedTuple):
    """Where a job stands in the one order there is."""

    creation_time: int
    name: str
    id: str


def encode(order: Order, place: Place) -> str:
    text = json.dumps([1, order.value, *place], separators=(",", ":"))
    return urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode(order: Order, cursor: str) -> Place:
    """Raises InvalidCursor."""
    match _parsed(cursor):
        case [1, str(made_for), int(creation_time), str(name), str(id_)] if abs(creation_time) < 2**63:
            if made_for != order.value:
                raise InvalidCursor(
                    f"the cursor was made for order {made_for!r}, not {order.value!r}; {_HINT}"
                )
            return Place(creation_time, name, id_)
        case _:
            raise InvalidCursor(f"the cursor was not made by this server; {_HINT}")


def _parsed(cursor: str) -> object:
    if len(cursor) > _MAX_CHARS:
        return None
    try:
        return json.loads(urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4)))
    except (ValueError, RecursionError):
        return None
