"""The rows of jobs: handed to the mirror when they say anything new, an end before its slot is anybody's.

Nothing here waits for anything: what was found out and what is handed over are of one instant.
"""

import json
import logging
from collections.abc import Callable
from typing import Any

from mljob.controller.gather import Gatherer
from mljob.controller.mirror import Mirror
from mljob.controller.view import JobEntry, View
from mljob.core.facts import Facts, StatusFacts
from mljob.core.recording import attempt_record, job_record, rank_of
from mljob.core.records import AttemptRecord, Rank

Json = dict[str, Any]
log = logging.getLogger(__name__)


class Recorder:
    """One for a view, which tells it of every slot that is about to be free."""

    def __init__(
        self, view: View, gatherer: Gatherer, mirror: Mirror, cluster_id: str, clock: Callable[[], float]
    ) -> None:
        self._view = view
        self._gatherer = gatherer
        self._mirror = mirror
        self._cluster_id = cluster_id
        self._clock = clock
        view.before_free = self.record_end

    def record(self, entry: JobEntry, facts: Facts, status: StatusFacts) -> None:
        """The rows of a job and its attempt, with the status that was just written or found right."""
        attempt = facts.attempt
        pod = attempt.pod if attempt is not None else None
        # Whoever deletes a job will not be told when its pod has ended: its attempt's row ends with it.
        deleted = status if facts.deleting and status.phase.is_final else None
        alive = attempt is not None and attempt.alive and deleted is None
        signature = hash((status, alive, pod.uid if pod else None))
        if entry.mirrored == signature:
            return
        if entry.mirrored is None and not deleted and entry.recorded == (status.attempt, rank_of(status)):
            # After a restart: SQL has this row already.
            entry.mirrored, entry.told = signature, entry.recorded
            return
        entry.mirrored = signature
        told = attempt if attempt is not None and attempt.number == status.attempt else None
        row = attempt_record(facts, told, self._cluster_id, deleted=deleted) if told else None
        self._put(entry, facts, status, row)

    def record_end(self, entry: JobEntry) -> None:
        """The status tells an end, and a slot is about to be free: the row that says so goes first.

        Mostly it has gone already. But the watch may bring our own status before its answer comes, or that of
        somebody else; then this alone keeps the successor's row from overtaking it.
        """
        version = (entry.status.attempt, rank_of(entry.status))
        if all(known is None or known < version for known in (entry.told, entry.recorded)):
            # Its attempt's row is left to the next look, which knows more.
            self._put(entry, self._gatherer.facts_of_deleted(entry), entry.status)

    def record_ends(self) -> None:
        """At a start: what ended or went back into the queue while nobody could record it.

        All at once, before any look: a new RUNNING row would else come to stand beside an old one.
        """
        for entry in self._view.jobs.values():
            if rank_of(entry.status) in (Rank.BACKOFF, Rank.FINAL):
                self.record_end(entry)

    def fill_params(self, entry: JobEntry, spec: Json) -> None:
        """Its row turned out to lack its params: they were too large to be kept. `spec`: as it is now."""
        self._put(entry, self._gatherer.facts_of_deleted(entry), entry.status, params=_text_of(spec))

    def _put(
        self,
        entry: JobEntry,
        facts: Facts,
        status: StatusFacts,
        attempt: AttemptRecord | None = None,
        *,
        params: str | None = None,
    ) -> None:
        if not status.phase.is_known:
            # A later version wrote it, and this one was rolled back to: SQL has no word for it here.
            log.warning(
                "%s/%s: phase %s is unknown, no row is written", entry.namespace, entry.name, status.phase
            )
            return
        if params is None and entry.told is None and entry.raw_spec is not None:
            params = _text_of(entry.raw_spec)
        entry.told = (status.attempt, rank_of(status))
        job = job_record(
            facts,
            status,
            cluster=self._cluster_id,
            created_ms=entry.created_ms,
            submitted_by=entry.submitted_by,
            now=self._clock(),
            params=params,
            exclusive_key=entry.exclusive_key,
        )
        self._mirror.put(job, attempt)


def _text_of(spec: Json) -> str:
    """The exact params text."""
    text = spec.get("paramsJSON")
    return text if text is not None else json.dumps(spec.get("params") or {})
