"""Events for people, one object per attempt; source ConfigMaps that nothing needs any more."""

import re

import pytest
from mljob.controller.definitions import Definitions
from mljob.controller.events import event_for
from mljob.controller.sources import collect_sources
from mljob.controller.view import View
from mljob.core.decision import Note
from mljob.core.owned import source_name

from tests.unit.controller.fakes import FakeCluster
from tests.unit.controller.objects import NAMESPACE, NOW, Json, a_kube_job, an_mljob, final, uid_of

DNS_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
FILES = {"train.py": "def f(): ..."}


@pytest.fixture
def view() -> View:
    return View(lambda uid: None, lambda group: None)


@pytest.mark.parametrize(
    "name", ["a", "a" * 253, ("a" * 62 + ".") * 4 + "a", "a" * 241 + "-b", "a" * 240 + "-.b"]
)
def test_an_events_name_is_a_name_and_the_same_for_an_attempt(view: View, name: str) -> None:
    body = an_mljob(name)
    body["metadata"]["uid"] = uid = "0a1b2c3d-0000-4000-8000-000000000001"
    view.upsert_job(body)
    first = event_for(view.jobs[uid], Note("Retrying", "x" * 5_000), 2, NOW)
    second = event_for(view.jobs[uid], Note("Failed", "other", warning=False), 2, NOW + 5)
    event_name = first["metadata"]["name"]
    assert event_name == second["metadata"]["name"]
    assert len(event_name) <= 253
    assert DNS_SUBDOMAIN.fullmatch(event_name)
    assert (first["type"], second["type"]) == ("Warning", "Normal")
    assert len(first["message"]) == 1_024
    assert first["involvedObject"]["uid"] == uid


def a_source(name: str) -> Json:
    return {"metadata": {"name": name, "namespace": NAMESPACE, "uid": uid_of(name)}}


def a_definition(**spec: object) -> Json:
    return {
        "metadata": {
            "name": "train",
            "namespace": NAMESPACE,
            "uid": "d",
            "resourceVersion": "1",
            "generation": 1,
        },
        "spec": {"function": "train.f", **spec},
    }


async def collected(view: View, definitions: Definitions | None = None) -> list[str]:
    cluster = FakeCluster()
    cluster.config_maps = [a_source(source_name(FILES)), a_source("mounted")]
    definitions = definitions or Definitions(lambda uid: None, lambda group: None)
    await collect_sources(cluster, view, definitions, lambda config_map: False)
    return [name for _, name in cluster.deleted_config_maps]


async def test_what_nothing_needs_is_collected(view: View) -> None:
    view.upsert_job(an_mljob())
    assert await collected(view) == [source_name(FILES), "mounted"]


async def test_a_source_stays_while_a_definition_has_it(view: View) -> None:
    definitions = Definitions(lambda uid: None, lambda group: None)
    definitions.upsert(a_definition(source={"inline": FILES}))
    definitions.upsert(
        a_definition()
        | {"spec": {"function": 5}}
        | {"metadata": a_source("bad")["metadata"] | {"resourceVersion": "1"}}
    )
    assert await collected(view, definitions) == ["mounted"]


async def test_a_source_stays_while_an_unfinished_job_brings_it(view: View) -> None:
    view.upsert_job(an_mljob(definition={"function": "train.f", "source": {"inline": FILES}}))
    assert await collected(view) == ["mounted"]


async def test_a_source_stays_while_an_unfinished_jobs_attempt_mounts_it(view: View) -> None:
    """A retry runs what the attempt before ran, whatever the definition says by now."""
    view.upsert_job(an_mljob())
    body = a_kube_job()
    body["spec"]["template"]["spec"]["volumes"] = [{"name": "mljob-source", "configMap": {"name": "mounted"}}]
    view.upsert_kube_job(body)
    assert await collected(view) == [source_name(FILES)]
    view.upsert_job(an_mljob(version=2, status=final()))
    assert await collected(view) == [source_name(FILES), "mounted"]


async def test_no_source_costs_no_look(view: View) -> None:
    cluster = FakeCluster()
    definitions = Definitions(lambda uid: None, lambda group: None)
    await collect_sources(cluster, view, definitions, lambda config_map: False)
    assert cluster.deleted_config_maps == []


async def test_a_source_that_an_attempt_was_launched_with_a_moment_ago_is_kept(view: View) -> None:
    cluster = FakeCluster()
    cluster.config_maps = [a_source("lately"), a_source("mounted")]
    definitions = Definitions(lambda uid: None, lambda group: None)
    await collect_sources(cluster, view, definitions, lambda config_map: config_map[1] == "lately")
    assert cluster.deleted_config_maps == [(NAMESPACE, "mounted")]
