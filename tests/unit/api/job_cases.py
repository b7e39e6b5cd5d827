"""The manifest table: MlJob."""

from tests.unit.api.cases import COMMAND, FUNCTION, Case, job, manifest

KIB = 1024


def _text_of(size_bytes: int, filler: str = "x") -> str:
    """JSON text of an object, `size_bytes` of UTF-8 long."""
    frame = len('{"x": ""}')
    return '{"x": "' + filler * ((size_bytes - frame) // len(filler.encode())) + '"}'


SUBMISSION = (
    job("a job name alone", {}),
    Case("no job name", manifest("MlJob", {}), "jobName"),
    job("a job name that is no label value", {"jobName": "a/b"}, "jobName"),
    job("a field that does not exist", {"param": {}}, "param"),
    Case(
        "an object name of 254 characters",
        manifest("MlJob", {"jobName": "a"}, name="a" * 254),
        "metadata.name",
    ),
    Case(
        "labels and annotations",
        manifest("MlJob", {"jobName": "a"}, labels={"mljob.dev/group": "g"}, annotations={"a": "b"}),
    ),
    Case("a label that is a number", manifest("MlJob", {"jobName": "a"}, labels={"team": 1}), "labels"),
)

PARAMS = (
    job("params", {"params": {"x": 1, "y": [1.5, None, {"z": "é"}]}}),
    job("no params", {"params": {}}),
    job("params of null are none", {"params": None}),
    job("params as a list", {"params": [1]}, "params"),
    job("params as a text", {"params": "{}"}, "params"),
    job("params as exact text", {"paramsJSON": '{"x": 1.0, "big": 12345678901234567890123}'}),
    job("exact text with space around", {"paramsJSON": '\n {"x":\r\n 1} \t'}),
    job("params in both ways", {"params": {}, "paramsJSON": "{}"}, "paramsJSON"),
    job("exact text of a list", {"paramsJSON": "[1]"}, "paramsJSON"),
    job("exact text of nothing", {"paramsJSON": ""}, "paramsJSON"),
    job("exact text as an object", {"paramsJSON": {}}, "paramsJSON"),
    job("exact text of 128 KiB", {"paramsJSON": _text_of(128 * KIB)}),
    job("exact text of more than 128 KiB", {"paramsJSON": _text_of(128 * KIB) + " "}, "paramsJSON"),
    job("exact text of more than 128 KiB of UTF-8", {"paramsJSON": _text_of(130 * KIB, "é")}, "paramsJSON"),
    job(
        "exact text that is broken inside",
        {"paramsJSON": '{"x": }'},
        "paramsJSON",
        refused_only_by="python",
        why="CEL cannot parse JSON: the operator says it on the object (Failed)",
    ),
    job(
        "exact text with a value that is not JSON",
        {"paramsJSON": '{"x": NaN}'},
        "paramsJSON",
        refused_only_by="python",
        why="CEL cannot parse JSON: the operator says it on the object (Failed)",
    ),
    job(
        "params of more than 128 KiB",
        {"params": {"x": "y" * 128 * KIB}},
        "params",
        refused_only_by="python",
        why="CEL cannot measure an object of unknown fields: the operator says it on the object (Failed)",
    ),
)

LIMITS = (
    job(
        "limits of its own",
        {
            "activeDeadlineSeconds": 5,
            "startDeadlineSeconds": 5,
            "queueDeadlineSeconds": 5,
            "ttlSecondsAfterFinished": 0,
        },
    ),
    job("a deadline of 0", {"activeDeadlineSeconds": 0}, "activeDeadlineSeconds"),
    job("a deadline of half a second", {"activeDeadlineSeconds": 0.5}, "activeDeadlineSeconds"),
    job("a queue deadline beyond ten years", {"queueDeadlineSeconds": 400_000_000}, "queueDeadlineSeconds"),
    job("a low priority", {"priority": -5}),
    job("a priority in words", {"priority": "high"}, "priority"),
    job("a priority beyond bounds", {"priority": -1_000_000_001}, "priority"),
    job("suspended", {"suspend": True}),
    job("canceled from the start", {"cancel": True}),
    job("cancel as a text", {"cancel": "true"}, "cancel"),
)

OVERRIDES = (
    job(
        "overrides",
        {"overrides": {"resources": {"limits": {"cpu": "2"}}, "env": [{"name": "A", "value": "1"}]}},
    ),
    job("an override of the image", {"overrides": {"image": "x"}}, "image"),
    job(
        "an override of the operator's environment",
        {"overrides": {"env": [{"name": "MLJOB_NAME"}]}},
        "MLJOB_",
    ),
    job("a definition inline", {"definition": FUNCTION | {"source": {"inline": {"a.py": ""}}}}),
    job("a container inline", {"definition": COMMAND}),
    job(
        "a definition inline with a job name",
        {"definition": FUNCTION | {"jobName": "a"}},
        "definition.jobName",
    ),
    job("a definition inline that runs nothing", {"definition": {}}, "function"),
    job("a definition inline with a wrong cap", {"definition": FUNCTION | {"maxWorkers": 0}}, "maxWorkers"),
)

CASES = (*SUBMISSION, *PARAMS, *LIMITS, *OVERRIDES)
