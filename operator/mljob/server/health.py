"""Whether this process lives, and whether it can serve. Reads the state of others, changes none."""

import asyncio
import logging
from dataclasses import dataclass, field

from mljob.server.cluster import Cluster
from mljob.server.definitions import Definitions
from mljob.server.ledger import Ledger
from mljob.server.problems import Problem
from mljob.store import StoreError

log = logging.getLogger(__name__)

CHECK_TIMEOUT_SECONDS = 3.0
OK = "ok"


@dataclass(slots=True)
class Health:
    """`failed` names background work that ended by an error: then only a restart helps."""

    cluster: Cluster
    definitions: Definitions
    ledger: Ledger
    schema_ready: bool = False
    failed: list[str] = field(default_factory=list)

    def liveness(self) -> dict[str, str]:
        """Check to OK or what is wrong."""
        return dict.fromkeys(self.failed, "ended by an error, see the log") or {"process": OK}

    async def readiness(self) -> tuple[bool, dict[str, str]]:
        """Ready, and the checks.

        The database must have answered once: settings that cannot reach it shall not replace those that can.
        Later it may be away and this stays ready. Jobs are still accepted, as promised, and those that live
        are found, cancelled and their logs read by their objects; what needs rows answers 503 with the reason
        and a Retry-After. Unready, every replica at once (they share the database) would leave its Service,
        and all of that would be a refused connection. `checks` tells it to people and to alerts.
        """
        store, cluster = await asyncio.gather(self._store(), self._cluster())
        definitions = OK if self.definitions.listed else "not listed yet"
        checks = {"store": store, "cluster": cluster, "definitions": definitions}
        return self.schema_ready and cluster == OK and definitions == OK, checks

    async def _store(self) -> str:
        try:
            async with asyncio.timeout(CHECK_TIMEOUT_SECONDS):
                await self.ledger.check()
        except TimeoutError:
            return "no answer in time"
        except Problem as error:
            return error.detail
        except StoreError:
            log.exception("store")
            return "fails: the log has the cause"
        self.schema_ready = True
        return OK

    async def _cluster(self) -> str:
        try:
            async with asyncio.timeout(CHECK_TIMEOUT_SECONDS):
                await self.cluster.check()
                await self.cluster.id()
        except TimeoutError:
            return "no answer in time"
        except Problem as error:
            return error.detail
        return OK
