"""A waiting job that may not run as it is: no definition, wrong params, a wish that is not allowed."""

from dataclasses import replace

from pydantic import ValidationError

from mljob.api.common import explain
from mljob.api.job import MlJobSpec, Phase
from mljob.core.decision import Decision, Note
from mljob.core.definition_rules import check_overrides, check_priority
from mljob.core.facts import DefinitionFacts, Facts
from mljob.core.params import function_name, missing_text, unknown_text
from mljob.core.refusal import Refusal
from mljob.core.rules.ended import ERROR_LIMIT_CHARACTERS, MESSAGE_LIMIT_CHARACTERS, final_status

UNKNOWN_NAME_PATIENCE_SECONDS = 3
"""One `kubectl apply` brings job and definition; two watches may tell of them in the wrong order"""


def refused(facts: Facts, now: float) -> Decision | None:
    """Failed at once for what can never change (the params); else Pending until it is mended."""
    if facts.attempt is not None:
        # It was accepted when it first ran; a retry runs what that attempt ran.
        return None
    definition = facts.definition
    if definition is None:
        return Decision(status=facts.status)
    if isinstance(definition, Refusal):
        known_from = facts.created_time + UNKNOWN_NAME_PATIENCE_SECONDS
        if definition.reason == "UnknownJobName" and now < known_from:
            return Decision(status=facts.status, wake_at=known_from)
        return _not_accepted(facts, definition, now)
    wrong_params = _params_error(facts, definition)
    if wrong_params is not None:
        status = final_status(
            facts, facts.status, Phase.FAILED, wrong_params.reason, wrong_params.message, now
        )
        return Decision(
            status=replace(status, error=wrong_params.message[:ERROR_LIMIT_CHARACTERS]),
            note=Note(wrong_params.reason, wrong_params.message),
        )
    wish = _wish_refused(facts, definition)
    return _not_accepted(facts, wish, now) if wish is not None else None


def _not_accepted(facts: Facts, refusal: Refusal, now: float) -> Decision:
    # A server's dry run can list a page of mistakes.
    message = refusal.message[:MESSAGE_LIMIT_CHARACTERS]
    status = replace(
        facts.status,
        phase=Phase.PENDING,
        reason=refusal.reason,
        message=message,
        observed_generation=facts.generation,
    ).with_condition("Accepted", False, refusal.reason, message, now=now)
    told = facts.status.reason == refusal.reason
    return Decision(status=status, note=None if told else Note(refusal.reason, message))


def _wish_refused(facts: Facts, definition: DefinitionFacts) -> Refusal | None:
    """What the job sets itself, against what its definition lets it set."""
    if not facts.spec.overrides and not facts.spec.priority:
        return None
    wish = {"priority": facts.spec.priority, "overrides": facts.spec.overrides}
    try:
        asked = MlJobSpec.model_validate({"jobName": facts.spec.job_name} | wish)
    except ValidationError as error:
        return Refusal("InvalidSpec", "; ".join(f"spec.{line}" for line in explain(error)))
    return check_overrides(definition.spec, asked) or check_priority(definition.spec, asked)


def _params_error(facts: Facts, definition: DefinitionFacts) -> Refusal | None:
    if facts.spec.params_error is not None:
        return Refusal("InvalidParams", facts.spec.params_error)
    display_name = function_name(definition.spec, facts.spec.job_name)
    given = facts.spec.param_names or ()
    missing = missing_text(definition.spec, display_name, given)
    if missing:
        return Refusal("MissingParams", missing)
    # A container that is not Python would not notice, and succeed with its defaults.
    unknown = unknown_text(definition.spec, given)
    return Refusal("UnknownParams", unknown) if unknown else None
