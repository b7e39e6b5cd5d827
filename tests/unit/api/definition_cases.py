"""The manifest table: MlJobDefinition."""

from tests.unit.api.cases import COMMAND, FUNCTION, Case, container, definition, manifest

KIB = 1024
SIMPLE_TEMPLATE = {
    "metadata": {"labels": {"team": "vision"}, "annotations": {"note": "x"}},
    "spec": {"nodeSelector": {"gpu": "yes"}, "containers": [{"name": "main", "anything": {"goes": 1}}]},
}

WHAT_RUNS = (
    container("a function alone", FUNCTION),
    container("a command", COMMAND),
    container("a command with arguments", COMMAND | {"args": ["-x"]}),
    container("arguments alone, for the image's entry point", {"image": "busybox", "args": ["-x"]}),
    container("empty arguments: the entry point needs none", {"image": "busybox", "args": []}),
    container("neither function nor command", {"image": "busybox"}, "function"),
    container("function and command", FUNCTION | COMMAND, "function"),
    container("function and args", FUNCTION | {"args": ["x"]}, "function"),
    container("an empty command", {"command": []}, "command"),
    container("a function without a module", {"function": "fun"}, "function"),
    container("a function that starts with a digit", {"function": "pkg.1fun"}, "function"),
    container("a function that ends with a dot", {"function": "pkg.mod."}, "function"),
    container("a function with a colon", {"function": "pkg.mod:fun"}, "function"),
    container("a function that is a number", {"function": 3}, "function"),
    container("an argument that is a number", {"image": "busybox", "args": ["-n", 3]}, "args"),
    Case(
        "no spec",
        {key: value for key, value in manifest("MlJobDefinition", {}).items() if key != "spec"},
        "spec",
    ),
    Case("an object name with capitals", manifest("MlJobDefinition", FUNCTION, name="Case"), "metadata.name"),
    Case(
        "an object name with an underscore",
        manifest("MlJobDefinition", FUNCTION, name="a_b"),
        "metadata.name",
    ),
    definition("a field that does not exist", {"maxWorker": 2}, "maxWorker"),
)

NAMES = (
    definition("a job name with underscores and capitals", {"jobName": "Simple_job_fun"}),
    definition("a job name of 63 characters", {"jobName": "a" * 63}),
    definition("a job name of 64 characters", {"jobName": "a" * 64}, "jobName"),
    definition("a job name that starts with an underscore", {"jobName": "_private"}, "jobName"),
    definition("a job name with a space", {"jobName": "my job"}, "jobName"),
    definition("a job name that ends with a dot", {"jobName": "job."}, "jobName"),
    definition("an empty job name", {"jobName": ""}, "jobName"),
    definition("a job name with a line break", {"jobName": "job\n"}, "jobName"),
)

ENVIRONMENT = (
    definition("a python version by prefix", {"python": {"version": "3.11"}}),
    definition("an exact python version", {"python": {"version": "3.11.9"}}),
    definition("requirements upon an image", {"image": "torch", "python": {"requirements": ["numpy>=2"]}}),
    definition("an interpreter in an image", {"image": "torch", "python": {"executable": "/opt/bin/python"}}),
    container(
        "a command in a python version's image", {"command": ["python3"], "python": {"version": "3.13"}}
    ),
    definition(
        "an image and a python version", {"image": "x", "python": {"version": "3.11"}}, "python.version"
    ),
    definition("a python version without minor", {"python": {"version": "3"}}, "version"),
    definition("a python version that is too old", {"python": {"version": "3.7"}}, "version"),
    definition("a python version without quotes", {"python": {"version": 3.11}}, "version"),
    definition("an empty requirement", {"python": {"requirements": [""]}}, "requirements"),
    definition("requirements as one text", {"python": {"requirements": "numpy"}}, "requirements"),
    definition("an empty image", {"image": ""}, "image"),
    definition("an image with a space", {"image": "torch latest"}, "image"),
    definition("a field of python that does not exist", {"python": {"verson": "3.11"}}, "verson"),
)

SOURCE = (
    definition("source inline", {"source": {"inline": {"train.py": "x = 1\n", "_util.py": ""}}}),
    definition("source in a ConfigMap", {"source": {"configMapName": "code"}}),
    definition("source of 512 KiB", {"source": {"inline": {"a.py": "x" * 512 * KIB}}}),
    definition(
        "source of more than 512 KiB together",
        {"source": {"inline": {"a.py": "x" * 512 * KIB, "b.py": "x"}}},
        "inline",
    ),
    definition(
        "source of more than 512 KiB of UTF-8", {"source": {"inline": {"a.py": "é" * 300 * KIB}}}, "inline"
    ),
    definition("source in two ways", {"source": {"inline": {"a.py": ""}, "configMapName": "code"}}, "source"),
    definition("source in no way", {"source": {}}, "source"),
    definition("source without a file", {"source": {"inline": {}}}, "inline"),
    definition("source in a folder", {"source": {"inline": {"pkg/a.py": ""}}}, "inline"),
    definition("source of 33 files", {"source": {"inline": {f"m{n}.py": "" for n in range(33)}}}, "inline"),
    container("source of a command", COMMAND | {"source": {"configMapName": "code"}}, "source"),
)

PARAMS = (
    definition("declared params", {"params": [{"name": "x", "required": True}, {"name": "y"}]}),
    definition("no params and no others", {"params": [], "allowExtraParams": False}),
    definition("a param declared twice", {"params": [{"name": "x"}, {"name": "x"}]}, "params"),
    definition("a param without a name", {"params": [{"required": True}]}, "name"),
    definition("required as a text", {"params": [{"name": "x", "required": "yes"}]}, "required"),
    definition("exclusive by all params", {"exclusive": {}}),
    definition("exclusive by chosen params", {"exclusive": {"params": ["x"]}}),
    definition("exclusive by one param twice", {"exclusive": {"params": ["x", "x"]}}, "params"),
)

LIMITS = (
    definition("a cap", {"maxWorkers": 4}),
    definition("a cap that JSON writes as 4.0", {"maxWorkers": 4.0}),
    definition("a cap of null is the default", {"maxWorkers": None}),
    definition("an image of null is none", {"image": None}),
    definition("a cap of 0", {"maxWorkers": 0}, "maxWorkers"),
    definition("half a worker", {"maxWorkers": 1.5}, "maxWorkers"),
    definition("a cap as a text", {"maxWorkers": "2"}, "maxWorkers"),
    definition("a cap of true", {"maxWorkers": True}, "maxWorkers"),
    definition(
        "all deadlines",
        {"activeDeadlineSeconds": 1, "startDeadlineSeconds": 315_360_000, "queueDeadlineSeconds": 60},
    ),
    definition("nothing is kept after the end", {"ttlSecondsAfterFinished": 0, "ttlSecondsAfterFailed": 0}),
    definition("a deadline of 0", {"activeDeadlineSeconds": 0}, "activeDeadlineSeconds"),
    definition(
        "a start deadline of more than ten years",
        {"startDeadlineSeconds": 315_360_001},
        "startDeadlineSeconds",
    ),
    definition("a queue deadline in words", {"queueDeadlineSeconds": "1h"}, "queueDeadlineSeconds"),
    definition("a negative time to live", {"ttlSecondsAfterFailed": -1}, "ttlSecondsAfterFailed"),
    definition("a priority ceiling", {"maxPriority": 10}),
    definition("a priority ceiling beyond bounds", {"maxPriority": 1_000_000_001}, "maxPriority"),
    definition("suspended", {"suspend": True}),
    definition("suspended in words", {"suspend": "yes"}, "suspend"),
)

RETRY = (
    definition(
        "retry in full",
        {
            "retry": {
                "maxRetries": 3,
                "baseDelaySeconds": 15,
                "maxDelaySeconds": 60,
                "exitCodes": [75],
                "disruptionLimit": 5,
            }
        },
    ),
    definition(
        "no retries",
        {"retry": {"maxRetries": 0, "disruptionLimit": 0, "baseDelaySeconds": 0, "maxDelaySeconds": 0}},
    ),
    definition("retry by defaults", {"retry": {}}),
    definition(
        "a delay that JSON writes as 60.0",
        {"retry": {"maxDelaySeconds": 60.0}},
        "maxDelaySeconds",
        refused_only_by="kubernetes",
        why="CEL reads a float where the rule on delays wants an int; fields without a rule take 4.0 for 4",
    ),
    definition("negative retries", {"retry": {"maxRetries": -1}}, "maxRetries"),
    definition(
        "the longest delay below the first",
        {"retry": {"baseDelaySeconds": 10, "maxDelaySeconds": 5}},
        "maxDelaySeconds",
    ),
    definition(
        "the longest delay below the first's default", {"retry": {"maxDelaySeconds": 14}}, "maxDelaySeconds"
    ),
    definition(
        "the first delay above the longest's default", {"retry": {"baseDelaySeconds": 61}}, "maxDelaySeconds"
    ),
    definition("exit code 0 is no error", {"retry": {"exitCodes": [0]}}, "exitCodes"),
    definition("exit code 256 does not exist", {"retry": {"exitCodes": [256]}}, "exitCodes"),
    definition("an exit code twice", {"retry": {"exitCodes": [75, 75]}}, "exitCodes"),
    definition(
        "transient errors",
        {"transientErrors": ["builtins.ConnectionError", "TimeoutError", "a.b.Outer.Inner"]},
    ),
    definition("a transient error twice", {"transientErrors": ["a.B", "a.B"]}, "transientErrors"),
    definition("a transient error that is no name", {"transientErrors": ["a-b"]}, "transientErrors"),
    container("transient errors of a command", COMMAND | {"transientErrors": ["a.B"]}, "transientErrors"),
)

POD = (
    definition("overrides allowed", {"allowedOverrides": ["resources", "env"]}),
    definition("overrides of what cannot be", {"allowedOverrides": ["image"]}, "allowedOverrides"),
    definition(
        "resources",
        {"resources": {"limits": {"cpu": 2, "memory": "1.5Gi"}, "requests": {"nvidia.com/gpu": "1"}}},
    ),
    definition(
        "memory in a unit that does not exist", {"resources": {"limits": {"memory": "1GB"}}}, "memory"
    ),
    definition("half a cpu without quotes", {"resources": {"limits": {"cpu": 0.5}}}, "cpu"),
    definition("a source file of null is none", {"source": {"inline": {"a.py": None, "b.py": ""}}}),
    definition("shared memory that JSON writes as 1024.0", {"sharedMemorySize": 1024.0}),
    definition("a limit of null is none", {"resources": {"limits": {"cpu": None}}}),
    definition("a number beyond 64 bits", {"resources": {"limits": {"memory": 2**63}}}, "memory"),
    definition("a field of resources that does not exist", {"resources": {"limit": {}}}, "limit"),
    definition(
        "environment",
        {
            "env": [
                {"name": "A", "value": "1"},
                {"name": "B"},
                {"name": "C", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
            ]
        },
    ),
    definition("environment from elsewhere", {"envFrom": [{"secretRef": {"name": "s"}}]}),
    definition("environment without a name", {"env": [{"value": "1"}]}, "name"),
    definition("environment with a number", {"env": [{"name": "A", "value": 1}]}, "value"),
    definition("environment set twice", {"env": [{"name": "A"}, {"name": "A"}]}, "env"),
    definition("environment with = in its name", {"env": [{"name": "A=B"}]}, "name"),
    definition(
        "environment that is the operator's", {"env": [{"name": "MLJOB_JOB_ID", "value": "x"}]}, "MLJOB_"
    ),
    definition(
        "environment with two values",
        {"env": [{"name": "A", "value": "1", "valueFrom": {"fieldRef": {}}}]},
        "valueFrom",
    ),
    definition("environment as a map", {"env": {"A": "1"}}, "env"),
    definition(
        "volumes",
        {
            "volumes": [{"name": "v", "emptyDir": {}}],
            "volumeMounts": [{"name": "v", "mountPath": "/v", "subPath": "x"}],
        },
    ),
    definition("a volume without a name", {"volumes": [{"emptyDir": {}}]}, "name"),
    definition("two volumes of one name", {"volumes": [{"name": "v"}, {"name": "v"}]}, "volumes"),
    definition("a mount without a path", {"volumeMounts": [{"name": "v"}]}, "mountPath"),
    definition(
        "two mounts at one path",
        {"volumeMounts": [{"name": "v", "mountPath": "/v"}, {"name": "w", "mountPath": "/v"}]},
        "volumeMounts",
    ),
    definition("shared memory", {"sharedMemorySize": "1Gi"}),
    definition("shared memory in words", {"sharedMemorySize": "much"}, "sharedMemorySize"),
    definition(
        "an account and pull secrets",
        {"serviceAccountName": "trainer", "imagePullSecrets": [{"name": "registry"}]},
    ),
    definition("an account that cannot be", {"serviceAccountName": "Trainer"}, "serviceAccountName"),
    definition(
        "a pull secret twice", {"imagePullSecrets": [{"name": "r"}, {"name": "r"}]}, "imagePullSecrets"
    ),
    definition("a pod template", {"podTemplate": SIMPLE_TEMPLATE}),
    definition(
        "a pod template with a restart policy",
        {"podTemplate": {"spec": {"restartPolicy": "Never"}}},
        "restartPolicy",
    ),
    definition(
        "a pod template with a deadline",
        {"podTemplate": {"spec": {"activeDeadlineSeconds": 5}}},
        "activeDeadlineSeconds",
    ),
    definition(
        "a pod template with our label",
        {"podTemplate": {"metadata": {"labels": {"mljob.dev/uid": "x"}}}},
        "labels",
    ),
    definition(
        "a pod template with the Job controller's label",
        {"podTemplate": {"metadata": {"labels": {"job-name": "x"}}}},
        "labels",
    ),
    definition(
        "a pod template with a label of batch",
        {"podTemplate": {"metadata": {"labels": {"batch.kubernetes.io/x": "x"}}}},
        "labels",
    ),
    definition(
        "a pod template with our annotation",
        {"podTemplate": {"metadata": {"annotations": {"mljob.dev/params": "x"}}}},
        "annotations",
    ),
    definition(
        "a pod template whose label is a number",
        {"podTemplate": {"metadata": {"labels": {"team": 1}}}},
        "labels",
    ),
    definition(
        "a pod template whose label is null", {"podTemplate": {"metadata": {"labels": {"team": None}}}}
    ),
    definition("a pod template whose spec is a list", {"podTemplate": {"spec": []}}, "podTemplate.spec"),
    definition("a pod template with a field beside spec", {"podTemplate": {"template": {}}}, "template"),
)

CASES = (*WHAT_RUNS, *NAMES, *ENVIRONMENT, *SOURCE, *PARAMS, *LIMITS, *RETRY, *POD)
