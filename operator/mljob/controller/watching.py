"""Watches of Jobs and pods: every change after a list, in order, and a new list only when one is needed.

They bring ten of a job's thirteen events. docs/decisions/0006-kopf-as-shell.md says why kopf does not.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from mljob.api import errors
from mljob.controller.ports import Cluster, Json, Kind
from mljob.core.retry import request_delay_seconds

log = logging.getLogger(__name__)

Observe = Callable[[Kind, str, Json], Awaitable[None]]
BOOKMARK = "BOOKMARK"
"""An event that tells how far the watch has come, and of no object"""


class Watch:
    """One kind in one scope (a namespace; None: all of them), until cancelled.

    `observe(kind, type, object)` hears of every event. `list_again` compares the view with a new list and
    returns its resourceVersion: it is asked when the server no longer knows what came after the last event.
    """

    def __init__(
        self,
        cluster: Cluster,
        kind: Kind,
        scope: str | None,
        observe: Observe,
        list_again: Callable[[], Awaitable[int]],
    ) -> None:
        self._cluster = cluster
        self._kind = kind
        self._scope = scope
        self._observe = observe
        self._list_again = list_again

    async def run(self, version: int) -> None:
        """Go on from a resourceVersion. An interruption loses nothing: the next watch begins where it was."""
        position: int | None = version
        failures = 0
        while True:
            try:
                if position is None:
                    position = await self._list_again()
                start = position
                async for event_type, body in self._cluster.watch(self._kind, self._scope, start):
                    position = int(body["metadata"]["resourceVersion"])
                    failures = 0
                    await self._observe(self._kind, event_type, body)
                if position != start:
                    # The server ends every watch after some minutes.
                    continue
                error: errors.ApiError | None = None
            except errors.Gone as gone:
                log.info("watch of %ss: %s; listing again", self._kind, gone)
                error, position = gone, None
            except errors.ApiError as lost:
                error = lost
            failures += 1
            delay = request_delay_seconds(failures, error.retry_after_seconds if error else None)
            log.log(
                logging.WARNING if failures > 1 else logging.INFO,
                "watch of %ss: %s; again in %.1f s", self._kind, error or "it ended at once", delay,
            )  # fmt: skip
            await asyncio.sleep(delay)
