"""Turns pydantic's JSON schema into a structural schema of Kubernetes. Knows no kind and writes no file."""

from typing import Any

from pydantic import BaseModel

STORED_DEFAULT = "x-mljob-stored-default"
"""Marks a field whose default the API server fills in. Other defaults are the reader's, so that an
installation can set its own and objects stay small."""

_DROPPED = ("title", "propertyNames", STORED_DEFAULT)
_REFUSED = ("ge", "le", "exclusiveMinimum", "exclusiveMaximum", "oneOf", "prefixItems")
_ORDER = ("description", "type", "format", "default", "enum", "required", "properties", "items")

Schema = dict[str, Any]


def structural_schema(model: type[BaseModel]) -> Schema:
    """The schema of the model as Kubernetes wants it: no references, no unions with null, no titles."""
    schema = model.model_json_schema(by_alias=True, mode="validation")
    return _convert(schema, schema.get("$defs", {}))


def _convert(schema: Schema, definitions: Schema) -> Schema:
    schema = _without_null(_resolved(schema, definitions), definitions)
    refused = [key for key in _REFUSED if key in schema]
    if refused:
        raise ValueError(f"not structural: {refused[0]} in {schema}")
    if "const" in schema:
        schema["enum"] = [schema.pop("const")]
    if "patternProperties" in schema:  # What keys look like is told by a CEL rule.
        (schema["additionalProperties"],) = schema.pop("patternProperties").values()
    if not schema.get(STORED_DEFAULT):
        schema.pop("default", None)
    result = {key: value for key, value in schema.items() if key not in ("$defs", *_DROPPED)}
    if "properties" in result:
        result.pop("additionalProperties", None)
        result["properties"] = {
            name: _convert(inner, definitions) for name, inner in result["properties"].items()
        }
    elif isinstance(result.get("additionalProperties"), dict):
        result["additionalProperties"] = _convert(result["additionalProperties"], definitions)
    if "items" in result:
        result["items"] = _convert(result["items"], definitions)
    if result.get("type") == "object" and "maxItems" in result:
        result["maxProperties"] = result.pop("maxItems")
    if result.get("type") == "integer":
        result.setdefault("format", "int64")
    return {key: result[key] for key in sorted(result, key=_place)}


def _place(key: str) -> int:
    return _ORDER.index(key) if key in _ORDER else len(_ORDER)


def _resolved(schema: Schema, definitions: Schema) -> Schema:
    """The schema with what it refers to; what stands beside the reference wins."""
    while "$ref" in schema:
        target = definitions[schema["$ref"].rsplit("/", 1)[-1]]
        schema = {**target, **{key: value for key, value in schema.items() if key != "$ref"}}
    return dict(schema)


def _without_null(schema: Schema, definitions: Schema) -> Schema:
    """`anyOf` of one type and null is that type: the API server drops a null before it validates."""
    if "anyOf" not in schema:
        return schema
    types = [option for option in schema["anyOf"] if option != {"type": "null"}]
    if len(types) != 1:
        raise ValueError(f"not structural: a union of {len(types)} types in {schema}")
    beside = {key: value for key, value in schema.items() if key != "anyOf"}
    return _without_null({**_resolved(types[0], definitions), **beside}, definitions)
