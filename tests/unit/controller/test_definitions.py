"""Definitions: one verdict per generation, told to the jobs that wait for it, and nothing from the dead."""

import asyncio
from typing import Any

import pytest
from mljob.api import errors
from mljob.controller.definitions import DefinitionJudge, Definitions
from mljob.controller.view import Group
from mljob.core.config import OperatorConfig
from mljob.core.facts import DefinitionFacts
from mljob.core.refusal import Refusal
from mljob.core.subject import RunnerRef

from tests.unit.controller.fakes import Clock, FakeCluster
from tests.unit.controller.objects import NAMESPACE

Json = dict[str, Any]
GROUP = (NAMESPACE, "train")
UID = "uid-of-train"


def a_definition(*, version: int = 1, generation: int = 1, status: Json | None = None, **spec: Any) -> Json:
    return {
        "metadata": {
            "name": "train",
            "namespace": NAMESPACE,
            "uid": UID,
            "resourceVersion": str(version),
            "generation": generation,
            "creationTimestamp": "2026-01-01T00:00:00Z",
        },
        "spec": {"function": "m.f", **spec},
        "status": status or {},
    }


class Server(FakeCluster):
    """It has one definition, and takes its time over a dry run while `answers` is not set."""

    def __init__(self) -> None:
        super().__init__()
        self.answers = asyncio.Event()
        self.asked = asyncio.Event()
        self.refusal: errors.ApiError | None = None
        self.definition = a_definition()
        self.statuses: list[Json] = []

    async def dry_run(self, namespace: str, job: Json, pod: Json) -> None:
        refusal = self.refusal
        self.asked.set()
        await self.answers.wait()
        if refusal is not None:
            raise refusal

    async def patch_definition_status(self, namespace: str, name: str, patch: Json) -> Json:
        self.statuses.append(patch)
        self.definition["status"] = patch
        self.definition["metadata"]["resourceVersion"] = str(self.version + 1)
        return self.seen()

    @property
    def version(self) -> int:
        return int(self.definition["metadata"]["resourceVersion"])

    def change(self, *, new_generation: bool = False, **spec: Any) -> Json:
        """Somebody edits the spec, or with no new generation a label of it."""
        status = self.definition["status"]
        generation = self.definition["metadata"]["generation"] + new_generation
        self.definition = a_definition(version=self.version + 1, generation=generation, status=status, **spec)
        return self.seen()

    def seen(self) -> Json:
        """As the watch brings it."""
        return {**self.definition, "metadata": dict(self.definition["metadata"])}


class Court:
    """The definitions, the judge over them, and what was heard of both."""

    def __init__(self) -> None:
        self.to_judge: list[str] = []
        self.groups: list[Group] = []
        self.server = Server()
        self.definitions = Definitions(self.to_judge.append, self.groups.append)
        runner = RunnerRef("0" * 64, {"run.py": "x"}, (("run.py", "run.py"),))
        self.judge = DefinitionJudge(
            self.definitions, self.server, OperatorConfig(), runner, self.groups.append, Clock()
        )
        self.definitions.upsert(self.server.seen())

    async def judging(self) -> asyncio.Task[None]:
        """The server is being asked about the definition as it is now."""
        self.server.asked.clear()
        self.to_judge.clear()
        self.groups.clear()
        task = asyncio.create_task(self.judge.judge(UID))
        await self.server.asked.wait()
        return task

    def resolved(self) -> DefinitionFacts | Refusal | None:
        return self.definitions.resolve(GROUP, None)


@pytest.fixture
def court() -> Court:
    return Court()


async def test_verdict_is_kept_when_the_definition_is_seen_again_meanwhile(court: Court) -> None:
    """A relist or a changed label brings the same generation once more: no second judgement is due."""
    judging = await court.judging()
    court.definitions.upsert(court.server.change())
    court.server.answers.set()
    await judging
    assert isinstance(court.resolved(), DefinitionFacts)
    assert court.groups == [GROUP], "the jobs that wait for the verdict look again"
    assert court.server.definition["status"]["conditions"][0]["status"] == "True"


async def test_verdict_on_an_older_generation_says_nothing_of_the_newer_one(court: Court) -> None:
    court.server.refusal = errors.Invalid(422, "Invalid", "containers[0].resourcez")
    judging = await court.judging()
    court.definitions.upsert(court.server.change(new_generation=True, maxWorkers=2))
    court.server.answers.set()
    await judging
    assert court.resolved() is None, "not judged yet"
    assert court.server.statuses == []
    assert court.to_judge == [UID], "it is judged as it is now"
    court.server.refusal = None
    await court.judge.judge(UID)
    assert isinstance(court.resolved(), DefinitionFacts)
    assert court.server.statuses[0]["observedGeneration"] == 2


async def test_definition_deleted_while_it_is_judged_stays_gone(court: Court) -> None:
    judging = await court.judging()
    court.definitions.remove(UID)
    court.server.answers.set()
    await judging
    assert court.definitions.entries == {}
    assert court.server.statuses == []


async def test_definition_that_was_deleted_does_not_come_back(court: Court) -> None:
    """A page of a list, or the answer to our own write, may be read after the DELETED was seen."""
    court.definitions.remove(UID)
    court.groups.clear()
    court.definitions.upsert(court.server.seen())
    assert court.definitions.in_force(GROUP) is None
    assert court.groups == []


@pytest.mark.parametrize(
    "refusal",
    [
        errors.BadRequest(
            400,
            "BadRequest",
            'Job in version "v1" cannot be handled as a Job: strict decoding error: '
            'unknown field "spec.template.spec.containers[0].securityContxt"',
        ),
        errors.Invalid(
            422,
            "Invalid",
            "",
            {"causes": [{"field": "spec.template.spec.containers[0].securityContxt", "message": "no"}]},
        ),
    ],
)
async def test_verdict_names_the_field_as_the_author_wrote_it(court: Court, refusal: errors.ApiError) -> None:
    template = {"spec": {"containers": [{"name": "main", "securityContxt": {}}]}}
    court.definitions.upsert(court.server.change(new_generation=True, podTemplate=template))
    court.server.refusal = refusal
    court.server.answers.set()
    await court.judge.judge(UID)
    resolved = court.resolved()
    assert isinstance(resolved, Refusal)
    assert resolved.reason == "InvalidTemplate"
    assert "spec.podTemplate.spec.containers[main].securityContxt" in resolved.message
    assert "spec.template" not in resolved.message
    assert "handled as a Job" not in resolved.message
