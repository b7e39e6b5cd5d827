"""What a reader may ask for: filter, direction, page. Plain values; knows no database."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from mljob.api.job import Phase
from mljob.core.records import JobRecord


class Order(StrEnum):
    """Directions of the one order there is: creation time, then name, then uid."""

    OLDEST_FIRST = "oldest"
    NEWEST_FIRST = "newest"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFilter:
    """All that is set must hold. None: not filtered by. An empty set matches nothing."""

    cluster: str | None = None
    namespaces: frozenset[str] | None = None
    job_name: str | None = None
    phases: frozenset[Phase] | None = None
    group: str | None = None
    submitted_by: str | None = None
    created_from_ms: int | None = None
    """inclusive"""
    created_before_ms: int | None = None
    """exclusive"""
    params: Mapping[str, object] | None = None
    """Jobs that have at least these top-level values, compared as Python compares parsed JSON (1 == 1.0)."""
    error_contains: str | None = None
    """Text within the result or message of a job that did not succeed; ASCII letters in either case."""


@dataclass(frozen=True, slots=True)
class Page:
    """Some jobs in order, and how to ask for those after them."""

    jobs: tuple[JobRecord, ...]
    next_cursor: str | None
    """None: there are no more now."""


class Known(NamedTuple):
    """How far a stored row is: what a comparison with the cluster needs."""

    attempt: int
    rank: int
    phase: Phase


@dataclass(frozen=True, slots=True)
class WriteResult:
    """What a write found that its caller should act on."""

    missing_params: frozenset[str] = frozenset()
    """uids of written rows that have no params yet: write them once more with their params."""
    unknown_attempts: frozenset[tuple[str, int]] = frozenset()
    """(uid, attempt) of attempts that were not stored, because their job has no row (any more)."""
