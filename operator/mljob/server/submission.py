"""Takes a submission: checks what can be known now, creates the object, stores its row, in this order.

A refused submission leaves neither. An accepted one has both, or says that its row follows.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mljob.api import errors
from mljob.api.definition import MlJobDefinition, MlJobDefinitionSpec
from mljob.api.job import MlJobSpec
from mljob.core.definition_rules import check_overrides, check_priority
from mljob.core.params import check_params, unknown_params, unknown_text
from mljob.core.records import JobRecord
from mljob.server.cluster import Cluster
from mljob.server.creation import Creator, NameTaken
from mljob.server.definitions import Definitions
from mljob.server.ledger import Ledger
from mljob.server.metrics import Metrics
from mljob.server.mistakes import did_you_mean
from mljob.server.names import Moments
from mljob.server.objects import Submission, mljob_of, record_of_new
from mljob.server.problems import (
    ClusterAway,
    InvalidOption,
    InvalidParams,
    NamespaceNotServed,
    NoSuchNamespace,
    Problem,
    UnknownJobName,
    from_api_error,
)

log = logging.getLogger(__name__)

NAMES_TRIED = 3
NAMES_ADVISED = 5
"""Unknown params for which a like one is sought: it costs, and the first few show the mistake."""
MISSING_PARAMS = "MissingParams"


@dataclass(frozen=True, slots=True)
class Accepted:
    """A job that is in the cluster. `stored`: its row is in SQL as well."""

    record: JobRecord
    stored: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Submissions:
    """`namespaces`: the only ones served; empty: all."""

    cluster: Cluster
    definitions: Definitions
    creator: Creator
    ledger: Ledger
    moments: Moments
    metrics: Metrics
    namespaces: tuple[str, ...]
    record_finalizer: bool

    async def submit(self, submission: Submission, *, extra_params_pass: bool = False) -> Accepted:
        """`extra_params_pass`: undeclared params go through, as on MLflow's route. Raises a Problem."""
        try:
            accepted = await self._submit(submission, extra_params_pass)
        except Problem as problem:
            self.metrics.submissions.labels(problem.kind).inc()
            raise
        self.metrics.submissions.labels("accepted").inc()
        record = accepted.record
        log.info(
            "accepted %s/%s",
            record.namespace,
            record.name,
            extra={"job_id": record.uid, "job_name": record.job_name, "stored": accepted.stored},
        )
        return accepted

    async def _submit(self, submission: Submission, extra_params_pass: bool) -> Accepted:
        if self.namespaces and submission.namespace not in self.namespaces:
            raise NamespaceNotServed(
                f"Namespace {submission.namespace!r} is not served here. Expected one of: "
                f"{', '.join(self.namespaces)}."
            )
        cluster_id = await self.cluster.id()
        definition = await self._definition(submission.namespace, submission.spec.job_name)
        check(submission, definition.spec, extra_params_pass=extra_params_pass)
        item = await self._create(submission)
        record = record_of_new(item, submission, cluster_id, definition.spec)
        return Accepted(record, await self.ledger.insert(record))

    async def _definition(self, namespace: str, job_name: str) -> MlJobDefinition:
        """Raises UnknownJobName, or NoSuchNamespace where that is why there is none."""
        try:
            return await self.definitions.resolve(namespace, job_name)
        except UnknownJobName as unknown:
            # A namespace that is not there lists as one without definitions.
            if unknown.is_refused or not await self.cluster.lacks(namespace):
                raise
            raise NoSuchNamespace(job_name, namespace) from unknown

    async def _create(self, submission: Submission) -> dict[str, Any]:
        for _ in range(NAMES_TRIED):
            moment = self.moments.next(submission.spec.job_name)
            manifest = mljob_of(submission, moment, record_finalizer=self.record_finalizer)
            try:
                return await self.creator.create(manifest)
            except NameTaken:
                continue
            except errors.ApiError as error:
                raise from_api_error(error, "create the MlJob") from error
        raise ClusterAway("No free name was found for the MlJob; try again.", retry_after_seconds=1)


def check(
    submission: Submission, definition: MlJobDefinitionSpec, *, extra_params_pass: bool = False
) -> None:
    """What the operator would refuse later, refused now. Raises InvalidParams or InvalidOption."""
    spec = submission.spec
    _check_params(definition, spec, extra_params_pass=extra_params_pass)
    wish = check_priority(definition, spec) or check_overrides(definition, spec)
    if wish is not None:
        raise InvalidOption(wish.message, reason=wish.reason)


def _check_params(definition: MlJobDefinitionSpec, spec: MlJobSpec, *, extra_params_pass: bool) -> None:
    text = spec.params_text()
    refusal = check_params(definition, spec.job_name, text)
    if refusal is not None and (extra_params_pass or refusal.reason != MISSING_PARAMS):
        raise InvalidParams(refusal.message, reason=refusal.reason)
    # One that is missing was often given under a wrong name.
    unknown = [] if extra_params_pass else unknown_params(definition, text)
    meant = _likely_names(definition, unknown)
    if refusal is not None:
        told = f". Unknown parameters: {unknown}.{meant}" if unknown else ""
        raise InvalidParams(f"{refusal.message}{told}", reason=refusal.reason)
    if unknown:
        raise InvalidParams(f"{unknown_text(definition, unknown)}{meant}")


def _likely_names(definition: MlJobDefinitionSpec, unknown: Sequence[str]) -> str:
    declared = [declaration.name for declaration in definition.params or ()]
    return "".join(did_you_mean(name, declared, is_one_of_many=True) for name in unknown[:NAMES_ADVISED])
