"""What an installation configures, as the chart renders it. Owns the defaults; never reads a file itself."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic.alias_generators import to_camel

from mljob.api.common import MAX_SECONDS, explain
from mljob.api.definition import (
    START_DEADLINE_SECONDS,
    TTL_FAILED_SECONDS,
    TTL_FINISHED_SECONDS,
)

Seconds = Annotated[int, Field(ge=1, le=MAX_SECONDS)]
DelaySeconds = Annotated[int, Field(ge=0, le=MAX_SECONDS)]
Budget = Annotated[int, Field(ge=0, le=1000)]
UnixId = Annotated[int, Field(ge=1, le=2**31 - 1)]
ConfiguredVersion = Annotated[str, Field(pattern=r"^3\.[0-9]{1,2}(\.[0-9]{1,2})?$")]
ImageName = Annotated[str, Field(min_length=1, max_length=1024, pattern=r"^[^ \t\r\n]+$")]


class ConfigError(Exception):
    """The configuration cannot be used; one line per mistake, each naming its field."""


class _Section(BaseModel):
    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, frozen=True, strict=True, extra="forbid"
    )


class Limits(_Section):
    """How many attempts may hold a slot at a time, whatever their names. None: no limit; 0 admits nothing."""

    total: Annotated[int, Field(ge=0)] | None = None
    per_namespace: Annotated[int, Field(ge=0)] | None = None


class RetryDefaults(_Section):
    """For definitions that do not say."""

    max_retries: Budget = 3
    base_delay_seconds: DelaySeconds = 15
    max_delay_seconds: DelaySeconds = 60
    disruption_limit: Budget = 5

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.max_delay_seconds < self.base_delay_seconds:
            raise ValueError(
                f"maxDelaySeconds ({self.max_delay_seconds}) must not be less than "
                f"baseDelaySeconds ({self.base_delay_seconds})"
            )
        return self


class Security(_Section):
    """Numeric ids, for an image whose user is a name or root cannot be shown to be non-root.

    None leaves the id to the cluster (OpenShift assigns one per namespace).
    """

    run_as_user: UnixId | None = 65532
    run_as_group: UnixId | None = 65532
    fs_group: UnixId | None = 65532


class OperatorConfig(_Section):
    """The whole configuration; `OperatorConfig()` is a usable one."""

    python_images: Annotated[dict[ConfiguredVersion, ImageName], Field(min_length=1)] = Field(
        default_factory=lambda: {"3.11": "mljob.dev/python:3.11"}
    )
    """Python version to the image that brings it."""
    default_python_version: ConfiguredVersion = "3.11"
    """For definitions that name neither an image nor a version."""
    limits: Limits = Limits()
    retry: RetryDefaults = RetryDefaults()
    ttl_seconds_after_finished: DelaySeconds = TTL_FINISHED_SECONDS
    ttl_seconds_after_failed: DelaySeconds = TTL_FAILED_SECONDS
    start_deadline_seconds: Seconds = START_DEADLINE_SECONDS
    security: Security = Security()
    inline_definitions: bool = True
    """Whether an MlJob may bring its definition."""
    api_url: Annotated[str, Field(pattern=r"^https?://[^\s$]+$")] | None = None
    """Where jobs reach the REST API. No `$`: an environment variable's value is expanded."""
    image_pull_policy: Literal["Always", "IfNotPresent", "Never"] = "IfNotPresent"
    termination_grace_period_seconds: DelaySeconds = 30

    @model_validator(mode="after")
    def _default_version_has_an_image(self) -> Self:
        if choose_version(self.default_python_version, self.python_images) is None:
            raise ValueError(
                f"defaultPythonVersion is {self.default_python_version!r}, but pythonImages has only "
                f"{', '.join(sorted_versions(self.python_images))}"
            )
        return self


def parse_config(values: Mapping[str, Any]) -> OperatorConfig:
    """The configuration from its JSON values. Raises ConfigError."""
    try:
        return OperatorConfig.model_validate(dict(values))
    except ValidationError as error:
        raise ConfigError("\n".join(f"config: {line}" for line in explain(error))) from None


def choose_version(wanted: str, available: Mapping[str, str]) -> str | None:
    """`3.11.9` exactly; `3.11` itself if there is one, else the newest 3.11.x. None: there is none."""
    if wanted in available:
        return wanted
    matching = [version for version in available if version.startswith(f"{wanted}.")]
    return sorted_versions(matching)[-1] if matching else None


def sorted_versions(versions: Mapping[str, str] | list[str]) -> list[str]:
    """Oldest first: 3.9 before 3.10."""
    return sorted(versions, key=lambda version: [int(part) for part in version.split(".")])
