"""What the server says of a Job, said of the definition that the Job was made from."""

from typing import Any

import pytest
from mljob.core.written import as_written

from tests.unit.core.rendering import CONFIGURED, EVERYTHING, definition_of, rendered

UNHANDLED = 'Job in version "v1" cannot be handled as a Job: '
POD = rendered(EVERYTHING, CONFIGURED)["spec"]["template"]["spec"]
MAIN = "spec.podTemplate.spec.containers[main]"


def place(entries: list[dict[str, Any]], key: str, value: str) -> int:
    return next(i for i, entry in enumerate(entries) if entry.get(key) == value)


def told(text: str) -> str:
    """The server's text about the Job of a definition with everything, as its author reads it."""
    return as_written(text, definition_of(EVERYTHING), POD)


def path_of(container: str, field: str = "", key: str = "", value: str = "") -> str:
    """Where the rendered Job has it, by number."""
    number = place(POD["containers"], "name", container)
    found = f"spec.template.spec.containers[{number}]"
    if not field:
        return found
    if not key:
        return f"{found}.{field}"
    return f"{found}.{field}[{place(POD['containers'][number][field], key, value)}]"


def test_an_unknown_field_is_named_as_it_was_written() -> None:
    text = f'{UNHANDLED}strict decoding error: unknown field "{path_of("main")}.securityContxt"'
    assert told(text) == f'unknown field "{MAIN}.securityContxt"'


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (path_of("proxy") + ".image", "spec.podTemplate.spec.containers[proxy].image"),
        (path_of("main") + ".lifecycle", f"{MAIN}.lifecycle"),
        (path_of("main", "env", "name", "OMP_NUM_THREADS") + ".value", "spec.env[OMP_NUM_THREADS].value"),
        (path_of("main", "env", "name", "TOKEN") + ".valueFrom.x", "spec.env[TOKEN].valueFrom.x"),
        (path_of("main", "env", "name", "HOME"), f"{MAIN}.env[HOME]"),
        (path_of("main", "volumeMounts", "mountPath", "/data") + ".x", "spec.volumeMounts[/data].x"),
        (path_of("main", "volumeMounts", "mountPath", "/cache"), f"{MAIN}.volumeMounts[/cache]"),
        (path_of("main", "resources") + ".limits[cpu]", "spec.resources.limits[cpu]"),
        (path_of("main", "envFrom") + "[0].configMapRef", "spec.envFrom[0].configMapRef"),
        (path_of("main", "env") + "[99]", f"{MAIN}.env[99]"),
        ("spec.template.spec.containers[99].x", "spec.podTemplate.spec.containers[99].x"),
        (path_of("main"), MAIN),
        ("spec.template.spec.serviceAccountName", "spec.serviceAccountName"),
        ("spec.template.spec.nodeSelectr", "spec.podTemplate.spec.nodeSelectr"),
        ("spec.template.metadata.labels", "spec.podTemplate.metadata.labels"),
        ("spec.completions", "spec.completions"),
    ],
)
def test_a_path_leads_to_what_was_written(path: str, expected: str) -> None:
    assert told(f"{path}: Required value") == f"{expected}: Required value"


@pytest.mark.parametrize(("name", "owner"), [("data", "spec"), ("cache", "spec.podTemplate.spec")])
def test_a_volume_is_named(name: str, owner: str) -> None:
    number = place(POD["volumes"], "name", name)
    assert told(f"spec.template.spec.volumes[{number}].emptyDir: x") == f"{owner}.volumes[{name}].emptyDir: x"


def test_all_paths_of_a_text_are_told() -> None:
    text = f'strict decoding error: unknown field "{path_of("main")}.a", unknown field "spec.template.b"'
    assert told(text) == f'unknown field "{MAIN}.a", unknown field "spec.podTemplate.b"'


def test_a_text_without_paths_stays() -> None:
    text = 'pods "x" is forbidden: violates PodSecurity "restricted": privileged (container "main")'
    assert told(text) == text
