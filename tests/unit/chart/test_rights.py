"""Least privilege as a reader sees it: every verb in the operator's rules says what needs it."""

import re

import yaml

from tests.unit.chart.rendering import CHART, needs_helm, one, render

pytestmark = needs_helm

RULES = (CHART / "templates" / "_rules.tpl").read_text()
VERB = re.compile(r"^ {4}- (?P<verb>[a-z]+)(?P<why> # \S.*)?$", re.MULTILINE)

EVERYTHING = {"*", "escalate", "bind", "impersonate", "deletecollection", "update"}


def test_every_verb_says_what_needs_it() -> None:
    verbs = list(VERB.finditer(RULES))
    assert len(verbs) > 25
    assert not [verb["verb"] for verb in verbs if verb["why"] is None]


def test_nothing_is_granted_by_wildcard_and_nothing_is_replaced_whole() -> None:
    for rule in one(render({}), "ClusterRole")["rules"]:
        assert "*" not in rule["apiGroups"] + rule["resources"]
        excess = set(rule["verbs"]) & EVERYTHING
        # `update` of the finalizers subresource is what OwnerReferencesPermissionEnforcement asks for.
        assert not excess or rule["resources"] == ["mljobs/finalizers"]


def test_the_operator_reads_no_secrets_and_starts_nothing_in_pods() -> None:
    granted = {name for rule in one(render({}), "ClusterRole")["rules"] for name in rule["resources"]}
    assert not granted & {"secrets", "pods/exec", "pods/attach", "serviceaccounts", "serviceaccounts/token"}


def test_roles_for_people_join_the_roles_that_clusters_have() -> None:
    roles = {each["metadata"]["name"]: each for each in render({}) if each["kind"] == "ClusterRole"}
    for who, joined in (("submitter", "edit"), ("author", "admin"), ("viewer", "view")):
        labels = roles[f"mljob-{who}"]["metadata"]["labels"]
        assert labels[f"rbac.authorization.k8s.io/aggregate-to-{joined}"] == "true"


def test_a_submitter_cannot_change_definitions() -> None:
    rules = one(render({}), "ClusterRole", "mljob-submitter")["rules"]
    [definitions] = [rule for rule in rules if "mljobdefinitions" in rule["resources"]]
    assert definitions["verbs"] == ["get", "list", "watch"], yaml.safe_dump(rules)
