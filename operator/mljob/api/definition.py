"""The MlJobDefinition resource: what `@job` declares, and how its jobs run."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from mljob.api import names
from mljob.api.common import (
    DOTTED_NAME,
    WHOLE,
    Count,
    DelaySeconds,
    Items,
    JobName,
    Lenient,
    Model,
    NullIsAbsent,
    ObjectMeta,
    ObjectName,
    Priority,
    Resource,
    Seconds,
    WithoutNulls,
)
from mljob.api.conditions import Conditions
from mljob.api.pod import (
    Env,
    EnvFrom,
    ImagePullSecrets,
    Quantity,
    Resources,
    VolumeMounts,
    Volumes,
)
from mljob.api.pod_template import PodTemplate
from mljob.api.rules import Distinct, Rule, Transition
from mljob.api.structural import STORED_DEFAULT

MAX_SOURCE_BYTES = 512 * 1024
START_DEADLINE_SECONDS = 3600
TTL_FINISHED_SECONDS = 86_400
TTL_FAILED_SECONDS = 604_800
EXIT_CODE_TRANSIENT = 75

SOURCE_FILE = r"^[A-Za-z0-9_][-A-Za-z0-9_.]*$"
PYTHON_VERSION = r"^3\.([89]|[1-9][0-9])(\.(0|[1-9][0-9]?))?$"

Override = Literal["resources", "env"]


class Retry(Model):
    """What is done again, how often and when."""

    max_retries: Annotated[Count, NullIsAbsent] = 3
    """Retries after transient errors, the first attempt not counted. Default 3."""
    base_delay_seconds: Annotated[DelaySeconds, NullIsAbsent] = 15
    """Wait before the first retry; it doubles with each. Default 15."""
    max_delay_seconds: Annotated[DelaySeconds, NullIsAbsent] = 60
    """The longest wait. Default 60."""
    exit_codes: Annotated[
        Items[Annotated[int, Field(ge=1, le=255), WHOLE]],
        Field(max_length=64),
        Distinct(),
        NullIsAbsent,
    ] = (EXIT_CODE_TRANSIENT,)
    """Exit codes of a container without `function` that are transient. Default [75]."""
    disruption_limit: Annotated[Count, NullIsAbsent] = 5
    """New attempts after evictions, preemption, lost nodes and kubelet refusals. Default 5."""

    rules: ClassVar = (
        Rule(
            cel="(has(self.maxDelaySeconds) ? self.maxDelaySeconds : 60) >= "
            "(has(self.baseDelaySeconds) ? self.baseDelaySeconds : 15)",
            holds=lambda retry: retry.max_delay_seconds >= retry.base_delay_seconds,
            message="maxDelaySeconds (default 60) must not be less than baseDelaySeconds (default 15)",
            field=".maxDelaySeconds",
        ),
    )


class Python(Model):
    """The Python environment of a job."""

    version: Annotated[str, Field(pattern=PYTHON_VERSION, max_length=16)] | None = None
    """`3.11` takes any 3.11 there is, `3.11.9` exactly that one. Quote it: 3.10 is a number in YAML."""
    requirements: Annotated[
        Items[Annotated[str, Field(min_length=1, max_length=1024)]], Field(max_length=256), NullIsAbsent
    ] = ()
    """Packages to install before the run, as in a requirements file (PEP 508)."""
    executable: Annotated[str, Field(min_length=1, max_length=1024)] | None = None
    """The interpreter in the image. Default `python3` on PATH."""


class Source(Model):
    """Modules put on `sys.path`, so that a first job needs no image build."""

    inline: (
        Annotated[
            dict[
                Annotated[str, Field(max_length=253, pattern=SOURCE_FILE)],
                Annotated[str, Field(max_length=MAX_SOURCE_BYTES)],
            ],
            Field(min_length=1, max_length=32),
            WithoutNulls,
        ]
        | None
    ) = None
    """File name to text, at most 32 files and 512 KiB of UTF-8 together."""
    config_map_name: ObjectName | None = None
    """A ConfigMap of the same namespace, one key per file."""

    rules: ClassVar = (
        Rule(
            cel="has(self.inline) != has(self.configMapName)",
            holds=lambda source: (source.inline is None) != (source.config_map_name is None),
            message="source: set exactly one of inline and configMapName",
        ),
        Rule(
            cel="!has(self.inline) || self.inline.all(name, size(name) <= 253 && "
            f"name.matches('{SOURCE_FILE}'))",
            holds=lambda source: True,  # The key's own type says it in Python.
            message="source.inline: a file name holds letters, digits, '_', '-' and '.', and no folder",
            field=".inline",
        ),
        Rule(
            cel="!has(self.inline) || self.inline.map(name, bytes(self.inline[name]).size()).sum() "
            f"<= {MAX_SOURCE_BYTES}",
            holds=lambda source: (
                sum(len(text.encode()) for text in (source.inline or {}).values()) <= MAX_SOURCE_BYTES
            ),
            message="source.inline: the files exceed 512 KiB together: build an image or use a volume",
            field=".inline",
        ),
    )


class ParamDeclaration(Model):
    """One parameter of the function, in the order of its signature."""

    name: Annotated[str, Field(min_length=1, max_length=253)]
    """The parameter's name."""
    required: Annotated[bool, NullIsAbsent] = False
    """Whether a job must pass it."""


class Exclusive(Model):
    """At most one unfinished job per key; a later one does not wait, it ends as Canceled."""

    params: Annotated[
        Items[Annotated[str, Field(min_length=1, max_length=253)]],
        Field(max_length=64),
        Distinct(),
        NullIsAbsent,
    ] = ()
    """The parameters that make the key, of those that params declares. None named: all of them."""


class MlJobDefinitionSpec(Model):
    """A kind of job: what it runs, in which environment, how many at a time, what happens on failure."""

    job_name: JobName | None = None
    """The name that MlJobs, REST and the cap use. Default: metadata.name. It cannot change."""
    function: Annotated[str, Field(max_length=512, pattern=DOTTED_NAME)] | None = None
    """The Python function to call, as `package.module.function`. Exclusive with command and args."""
    command: Annotated[Items[str], Field(min_length=1, max_length=256)] | None = None
    """The entry point of a container that is not Python."""
    args: Annotated[Items[str], Field(max_length=1024)] | None = None
    """Arguments of the entry point. Without command: of the image's own; empty says that it needs none."""
    image: Annotated[str, Field(min_length=1, max_length=1024, pattern=r"^[^ \t\r\n]+$")] | None = None
    """The container image. Without it, python.version chooses one, or the default Python image is used."""
    python: Python | None = None
    """The Python environment."""
    source: Source | None = None
    """Modules put on `sys.path`."""
    params: Annotated[Items[ParamDeclaration], Field(max_length=256), Distinct("name")] | None = None
    """In the order of the signature. A job that misses a required one or passes another fails at once."""
    allow_extra_params: Annotated[bool, NullIsAbsent] = False
    """Whether a job may pass parameters that `params` does not declare (`**kwargs`)."""
    max_workers: Annotated[
        int, Field(ge=1, le=1_000_000, json_schema_extra={STORED_DEFAULT: True}), WHOLE, NullIsAbsent
    ] = 1
    """How many jobs of this name run at a time. Default 1. A lowered value drains, it never kills."""
    transient_errors: Annotated[
        Items[Annotated[str, Field(max_length=512, pattern=DOTTED_NAME)]],
        Field(max_length=64),
        Distinct(),
        NullIsAbsent,
    ] = ()
    """Exception classes that are retried, as `package.module.Class`; subclasses are not."""
    retry: Annotated[Retry, NullIsAbsent] = Retry()
    """Budgets and delays of retries."""
    active_deadline_seconds: Seconds | None = None
    """Run time of one attempt. Default: no limit."""
    start_deadline_seconds: Annotated[Seconds, NullIsAbsent] = START_DEADLINE_SECONDS
    """How long an admitted job may take to start. Default 3600."""
    queue_deadline_seconds: Seconds | None = None
    """How long a job may wait for its turn. Default: no limit."""
    ttl_seconds_after_finished: Annotated[DelaySeconds, NullIsAbsent] = TTL_FINISHED_SECONDS
    """How long a succeeded or canceled job stays in the cluster. Default 86400; SQL keeps it longer."""
    ttl_seconds_after_failed: Annotated[DelaySeconds, NullIsAbsent] = TTL_FAILED_SECONDS
    """How long a failed or timed out job stays in the cluster. Default 604800."""
    exclusive: Exclusive | None = None
    """At most one unfinished job per key; a later one does not wait, it ends as Canceled."""
    max_priority: Annotated[Priority, NullIsAbsent] = 0
    """The highest priority that a job may ask for. Default 0."""
    allowed_overrides: Annotated[Items[Override], Field(max_length=2), Distinct(), NullIsAbsent] = ()
    """Which of resources and env a job may set itself. Default none."""
    resources: Resources | None = None
    """Resources of the container `main`."""
    env: Annotated[Env, NullIsAbsent] = ()
    """Environment of the container `main`; merged by name."""
    env_from: Annotated[EnvFrom, NullIsAbsent] = ()
    """ConfigMaps and Secrets whose keys become environment variables."""
    volumes: Annotated[Volumes, NullIsAbsent] = ()
    """Volumes of the pod; merged by name."""
    volume_mounts: Annotated[VolumeMounts, NullIsAbsent] = ()
    """Where the container `main` sees them; merged by mountPath."""
    shared_memory_size: Quantity | None = None
    """Size of /dev/shm, for data loaders with worker processes."""
    service_account_name: ObjectName | None = None
    """The account the pod runs as. Its token is mounted only if this is set."""
    image_pull_secrets: Annotated[ImagePullSecrets, NullIsAbsent] = ()
    """Secrets for the registry."""
    pod_template: PodTemplate | None = None
    """A pod template (metadata, spec) under everything above; the job's container is called `main`."""
    suspend: Annotated[bool, NullIsAbsent] = False
    """Admit no new job of this name."""

    rules: ClassVar = (
        Rule(
            cel="has(self.__function__) != (has(self.command) || has(self.args))",
            holds=lambda spec: (
                (spec.function is not None) != (spec.command is not None or spec.args is not None)
            ),
            message="set exactly one of function, and command or args",
        ),
        Rule(
            cel="!has(self.__function__) || self.__function__.indexOf('.') > 0",
            holds=lambda spec: spec.function is None or "." in spec.function,
            message="function must be package.module.function: a module and a name in it",
            field=".function",
        ),
        Rule(
            cel="!has(self.image) || !has(self.python) || !has(self.python.version)",
            holds=lambda spec: spec.image is None or spec.python is None or spec.python.version is None,
            message="image and python.version both choose the image: set one",
            field=".python.version",
        ),
        Rule(
            cel="has(self.__function__) || !has(self.source)",
            holds=lambda spec: spec.function is not None or spec.source is None,
            message="source is for a function: a command has no sys.path",
            field=".source",
        ),
        Rule(
            cel="has(self.__function__) || !has(self.transientErrors) || size(self.transientErrors) == 0",
            holds=lambda spec: spec.function is not None or not spec.transient_errors,
            message="transientErrors is for a function: a command has retry.exitCodes",
            field=".transientErrors",
        ),
    )
    transitions: ClassVar = (
        Transition(
            cel="has(self.jobName) == has(oldSelf.jobName) && "
            "(!has(self.jobName) || self.jobName == oldSelf.jobName)",
            holds=lambda new, old: new.job_name == old.job_name,
            message="jobName cannot change: make another MlJobDefinition",
            field=".jobName",
        ),
    )


class MlJobDefinitionStatus(Lenient):
    """What the operator made of the definition."""

    observed_generation: int | None = None
    """The metadata.generation that was judged."""
    job_name: str | None = None
    """The job name in force."""
    conditions: Conditions = ()
    """Accepted: whether jobs of this name can be submitted, and why not."""


class MlJobDefinition(Resource):
    """A kind of job that MlJobs, REST and `submit_job` refer to by its job name."""

    api_version: Literal["mljob.dev/v1alpha1"] = names.API_VERSION
    kind: Literal["MlJobDefinition"] = names.KIND_DEFINITION
    metadata: ObjectMeta
    spec: MlJobDefinitionSpec
    status: Annotated[MlJobDefinitionStatus, NullIsAbsent] = MlJobDefinitionStatus()

    @property
    def job_name(self) -> str:
        """The name in force: spec.jobName, else metadata.name."""
        return self.spec.job_name or self.metadata.name or ""
