"""The table of changes: which fields of an object that exists may change. docs/fields.md says it in words."""

from tests.unit.api.cases import COMMAND, FUNCTION, Change, Spec


def _definition(name: str, before: Spec, after: Spec, field: str | None = None) -> Change:
    return Change(name, "MlJobDefinition", FUNCTION | before, FUNCTION | after, field)


def _job(name: str, before: Spec, after: Spec, field: str | None = None) -> Change:
    return Change(name, "MlJob", {"jobName": "train"} | before, {"jobName": "train"} | after, field)


INLINE: Spec = {"definition": FUNCTION | {"podTemplate": {"spec": {"a": 1}}}}
OTHER_INLINE: Spec = {"definition": FUNCTION | {"podTemplate": {"spec": {"b": 1}}}}

CHANGES = (
    _definition("the cap of a definition", {"maxWorkers": 1}, {"maxWorkers": 9}),
    _definition("a definition's deadline goes", {"activeDeadlineSeconds": 5}, {}),
    _definition("a definition is suspended", {}, {"suspend": True}),
    Change("a function becomes a command", "MlJobDefinition", FUNCTION, COMMAND),
    _definition("a job name changes", {"jobName": "a"}, {"jobName": "b"}, "jobName"),
    _definition("a job name comes", {}, {"jobName": "b"}, "jobName"),
    _definition("a job name goes", {"jobName": "a"}, {}, "jobName"),
    _definition("a definition becomes invalid", {}, {"maxWorkers": 0}, "maxWorkers"),
    _job("nothing changes", {"params": {"x": 1}}, {"params": {"x": 1}}),
    _job("a job's name", {}, {"jobName": "other"}, "jobName"),
    _job("a value of params", {"params": {"x": 1}}, {"params": {"x": 2}}, "params"),
    _job("a key of params", {"params": {"x": 1}}, {"params": {"y": 1}}, "params"),
    _job("a key deep in params", {"params": {"x": {"y": 1}}}, {"params": {"x": {"z": 1}}}, "params"),
    _job("params come", {}, {"params": {"x": 1}}, "params"),
    _job("params go", {"params": {"x": 1}}, {}, "params"),
    _job("params become text", {"params": {"x": 1}}, {"paramsJSON": '{"x": 1}'}, "params"),
    _job("the text of params", {"paramsJSON": '{"x": 1}'}, {"paramsJSON": '{"x": 1.0}'}, "paramsJSON"),
    _job("the text of params comes", {}, {"paramsJSON": "{}"}, "paramsJSON"),
    _job("the text of params goes", {"paramsJSON": "{}"}, {}, "paramsJSON"),
    _job("a job is canceled", {}, {"cancel": True}),
    _job("a cancellation is taken back", {"cancel": True}, {"cancel": False}, "cancel"),
    _job("a cancellation is left out", {"cancel": True}, {}, "cancel"),
    _job("a job is suspended", {}, {"suspend": True}),
    _job("a job is resumed", {"suspend": True}, {"suspend": False}),
    _job("a priority", {"priority": 1}, {"priority": -1}),
    _job(
        "a job's deadlines",
        {"activeDeadlineSeconds": 5},
        {"startDeadlineSeconds": 9, "queueDeadlineSeconds": 9},
    ),
    _job("a job's time to live", {}, {"ttlSecondsAfterFinished": 0}),
    _job("a definition comes", {}, INLINE, "definition"),
    _job("a definition goes", INLINE, {}, "definition"),
    _job("a key deep in a definition", INLINE, OTHER_INLINE, "definition"),
    _job("overrides come", {}, {"overrides": {"env": [{"name": "A"}]}}, "overrides"),
    _job("overrides go", {"overrides": {"env": [{"name": "A"}]}}, {}, "overrides"),
    _job(
        "an override",
        {"overrides": {"env": [{"name": "A"}]}},
        {"overrides": {"env": [{"name": "B"}]}},
        "overrides",
    ),
)
