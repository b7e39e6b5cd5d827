"""What can be said of a job's params before it runs. Reads their exact text and never rewrites it."""

import hashlib
import json
from collections.abc import Container, Iterable, Sequence
from typing import Any, NoReturn

from mljob.api.definition import MlJobDefinitionSpec, ParamDeclaration
from mljob.api.job import MAX_PARAMS_BYTES, MlJobSpec
from mljob.core.refusal import Refusal

_FIELD = "spec.params"


class UnreadableParams(Exception):
    """The text is not that of a JSON object that fits; the message says why, without the field."""


def params_text(spec: MlJobSpec) -> str:
    """The exact JSON text that every attempt gets: paramsJSON unchanged, or params as `json.dumps` writes."""
    return spec.params_text()


def function_name(definition: MlJobDefinitionSpec, job_name: str) -> str:
    """What errors call the job: the function's own name, or the job name of a command."""
    return definition.function.rpartition(".")[2] if definition.function else job_name


def check_params(definition: MlJobDefinitionSpec, job_name: str, text: str) -> Refusal | None:
    """Whether a job with these params may start."""
    try:
        params = _read(text)
    except UnreadableParams as error:
        return Refusal("InvalidParams", f"{_FIELD}: {error}")
    missing = missing_text(definition, function_name(definition, job_name), params)
    return Refusal("MissingParams", missing) if missing else None


def missing_params(definition: MlJobDefinitionSpec, function_display_name: str, text: str) -> str | None:
    """What is wrong with the params: required ones that are missing (MLflow's words), or no JSON object."""
    try:
        params = _read(text)
    except UnreadableParams as error:
        return f"{_FIELD}: {error}"
    return missing_text(definition, function_display_name, params)


def unknown_params(definition: MlJobDefinitionSpec, text: str) -> list[str]:
    """Params that the definition does not declare and does not allow besides. Raises UnreadableParams."""
    return undeclared(definition, _read(text))


def undeclared(definition: MlJobDefinitionSpec, given: Iterable[str]) -> list[str]:
    """The names that no job may pass: neither declared nor allowed besides. Nothing declared: any may be."""
    declared = definition.params
    if declared is None or definition.allow_extra_params or any(d.name.startswith("**") for d in declared):
        return []
    known = {declaration.name for declaration in declared}
    return [name for name in given if name not in known]


def exclusive_key(job_name: str, text: str, params: Sequence[str]) -> str:
    """What at most one unfinished job may have: the name and a hash of the exact text, or of chosen params.

    Chosen params are compared by value, whatever their order; one that is absent differs from null.
    Raises UnreadableParams.
    """
    if params:
        values = _read(text)
        text = json.dumps({name: values[name] for name in params if name in values}, sort_keys=True)
    return f"{job_name}:{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()}"


def missing_text(
    definition: MlJobDefinitionSpec, function_display_name: str, given: Container[str]
) -> str | None:
    """The sentence about params that are required and not given, in MLflow's words; None: none is missing.

    For those who hold the names alone; whoever holds the text takes missing_params.
    """
    declared = definition.params or ()
    missing = [d.name for d in declared if _is_needed(d) and d.name not in given]
    if not missing:
        return None
    return (
        f"Missing required parameters for function '{function_display_name}': {missing}. "
        f"Expected parameters: {[d.name.lstrip('*') for d in declared]}"
    )


def unknown_text(definition: MlJobDefinitionSpec, given: Iterable[str]) -> str | None:
    """The sentence about params that nobody declared; None: all of them may be passed."""
    unknown = undeclared(definition, given)
    if not unknown:
        return None
    return f"Unknown parameters: {unknown}. Expected parameters: {[d.name for d in definition.params or ()]}."


def _is_needed(declaration: ParamDeclaration) -> bool:
    """`*args` and `**kwargs` can be empty."""
    return declaration.required and not declaration.name.startswith("*")


def _read(text: str) -> dict[str, Any]:
    size = len(text.encode("utf-8", "surrogatepass"))
    if size > MAX_PARAMS_BYTES:
        raise UnreadableParams(
            f"found {size} bytes of JSON, at most {MAX_PARAMS_BYTES} (128 KiB) fit; pass a URI to larger data"
        )
    try:
        value = json.loads(text, parse_constant=_refuse_constant)
    except RecursionError:
        raise UnreadableParams("nested too deeply for JSON to be read") from None
    except ValueError as error:
        raise UnreadableParams(f"not JSON: {error}") from None
    if not isinstance(value, dict):
        raise UnreadableParams(f"expected the text of a JSON object, found {_json_type(value)}")
    return value


def _refuse_constant(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON number")


def _json_type(value: object) -> str:
    names = {list: "an array", str: "a string", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number")
