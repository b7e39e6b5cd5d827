"""What a Job is made from, besides its definition: the MlJob, and the runner it is started by."""

from collections.abc import Mapping
from dataclasses import dataclass

from mljob.api.job import MlJobSpec


@dataclass(frozen=True, slots=True)
class Subject:
    """The MlJob that an attempt belongs to, with its limits as they are in force (see effective.py)."""

    uid: str
    namespace: str
    name: str
    """metadata.name of the MlJob"""
    job_name: str
    labels: Mapping[str, str]
    """The MlJob's own labels, as the user wrote them."""
    spec: MlJobSpec
    params_text: str
    """Exact JSON text."""
    timeout_seconds: int | None
    """Run time of one attempt; None: no limit."""
    start_deadline_seconds: int


@dataclass(frozen=True, slots=True)
class RunnerRef:
    """The runner as it lies in a ConfigMap. `files`: key to text; `items`: (key, path in the volume)."""

    sha256: str
    files: Mapping[str, str]
    items: tuple[tuple[str, str], ...]

    @property
    def name(self) -> str:
        """Name of the ConfigMap: the same bytes have the same name in every namespace."""
        return f"mljob-runner-{self.sha256[:10]}"
