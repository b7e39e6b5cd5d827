"""How parts of a pod template are laid upon each other."""

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mljob.core.merge import merge, without_nulls


@pytest.mark.parametrize(
    ("base", "over", "expected"),
    [
        ({"a": 1}, {"b": 2}, {"a": 1, "b": 2}),
        ({"a": 1}, {"a": 2}, {"a": 2}),
        ({"a": 1}, {"a": None}, {"a": 1}),
        ({"a": {"x": 1, "y": 1}}, {"a": {"y": 2}}, {"a": {"x": 1, "y": 2}}),
        ({"a": 1}, {"a": {"y": 2}}, {"a": {"y": 2}}),
        ({"command": ["a", "b"]}, {"command": ["c"]}, {"command": ["c"]}),
        ({"command": "a"}, {"command": ["c"]}, {"command": ["c"]}),
        (
            {"tolerations": [{"key": "a"}, {"key": "b"}]},
            {"tolerations": [{"key": "b"}, {"key": "c"}]},
            {"tolerations": [{"key": "a"}, {"key": "b"}, {"key": "c"}]},
        ),
        (
            {"envFrom": [{"secretRef": {"name": "a"}}]},
            {"envFrom": [{"secretRef": {"name": "b"}}]},
            {"envFrom": [{"secretRef": {"name": "a"}}, {"secretRef": {"name": "b"}}]},
        ),
        # An entry keeps its place and is replaced whole: not half a value and half a valueFrom.
        (
            {"env": [{"name": "a", "valueFrom": {"fieldRef": {}}}, {"name": "b", "value": "1"}]},
            {"env": [{"name": "c", "value": "3"}, {"name": "a", "value": "2"}]},
            {"env": [{"name": "a", "value": "2"}, {"name": "b", "value": "1"}, {"name": "c", "value": "3"}]},
        ),
        (
            {"volumes": [{"name": "data", "emptyDir": {}}]},
            {"volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "d"}}]},
            {"volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "d"}}]},
        ),
        (
            {"volumeMounts": [{"name": "a", "mountPath": "/data", "readOnly": True}]},
            {"volumeMounts": [{"name": "b", "mountPath": "/data"}, {"name": "b", "mountPath": "/more"}]},
            {"volumeMounts": [{"name": "b", "mountPath": "/data"}, {"name": "b", "mountPath": "/more"}]},
        ),
        (
            {"imagePullSecrets": [{"name": "a"}]},
            {"imagePullSecrets": [{"name": "a"}, {"name": "b"}]},
            {"imagePullSecrets": [{"name": "a"}, {"name": "b"}]},
        ),
        # Containers are merged.
        (
            {"containers": [{"name": "main", "image": "a", "resources": {"limits": {"cpu": "1"}}}]},
            {"containers": [{"name": "side"}, {"name": "main", "resources": {"limits": {"memory": "1Gi"}}}]},
            {
                "containers": [
                    {"name": "main", "image": "a", "resources": {"limits": {"cpu": "1", "memory": "1Gi"}}},
                    {"name": "side"},
                ]
            },
        ),
    ],
)
def test_merge(base: dict[str, Any], over: dict[str, Any], expected: dict[str, Any]) -> None:
    before = copy.deepcopy((base, over))
    assert merge(base, over) == expected
    assert (base, over) == before


def test_without_nulls_copies_and_drops_what_says_nothing() -> None:
    original: dict[str, Any] = {"a": None, "b": {"c": None, "d": [{"e": None}, None, 1]}, "f": ("g",)}
    cleaned = without_nulls(original)
    assert cleaned == {"b": {"d": [{}, None, 1]}, "f": ["g"]}
    cleaned["b"]["d"].clear()
    assert original["b"]["d"]


NAMES = st.sampled_from(["a", "b", "c"])
SCALARS = st.integers(0, 3) | st.booleans() | NAMES
OBJECTS = st.dictionaries(st.sampled_from(["x", "y", "z"]), SCALARS, max_size=3)


def keyed(key: str, values: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[list[dict[str, Any]]]:
    """Lists as a checked definition has them: no key twice."""
    by_key = st.dictionaries(NAMES, values, max_size=3)
    return by_key.map(lambda items: [{**rest, key: name} for name, rest in items.items()])


CONTAINERS = keyed(
    "name",
    st.fixed_dictionaries(
        {},
        optional={
            "image": NAMES,
            "command": st.lists(NAMES, max_size=2),
            "env": keyed("name", OBJECTS),
            "envFrom": st.lists(OBJECTS, max_size=2),
            "volumeMounts": keyed("mountPath", OBJECTS),
            "resources": st.fixed_dictionaries(
                {}, optional={"limits": OBJECTS, "claims": keyed("name", OBJECTS)}
            ),
        },
    ),
)
PARTS = st.fixed_dictionaries(
    {},
    optional={
        "containers": CONTAINERS,
        "initContainers": CONTAINERS,
        "volumes": keyed("name", OBJECTS),
        "imagePullSecrets": keyed("name", OBJECTS),
        "tolerations": st.lists(OBJECTS, max_size=3),
        "nodeSelector": OBJECTS,
        "priority": st.integers(),
    },
)


@given(base=PARTS, over=PARTS)
def test_laying_a_part_on_twice_changes_nothing(base: dict[str, Any], over: dict[str, Any]) -> None:
    once = merge(base, over)
    assert merge(once, over) == once


@settings(max_examples=30)
@given(part=PARTS)
def test_an_empty_part_changes_nothing(part: dict[str, Any]) -> None:
    assert merge(part, {}) == part


@settings(max_examples=30)
@given(base=PARTS, over=PARTS)
def test_every_name_of_both_is_in_the_merged_list(base: dict[str, Any], over: dict[str, Any]) -> None:
    merged = merge(base, over)
    for field in ("containers", "volumes", "imagePullSecrets"):
        wanted = {item["name"] for part in (base, over) for item in part.get(field, ())}
        assert {item["name"] for item in merged.get(field, ())} == wanted
