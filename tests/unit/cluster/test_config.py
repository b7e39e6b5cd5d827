"""What a person asks for by environment variables, and the kind configuration that comes of it."""

import pytest

from deploy.kind.mljob_kind import versions
from deploy.kind.mljob_kind.config import Wanted, kind_config
from deploy.kind.mljob_kind.errors import CannotProceedError
from deploy.kind.mljob_kind.gotools import KUBERNETES_VERSION, TOOLS
from deploy.kind.mljob_kind.jobimages import IMAGES
from deploy.kind.mljob_kind.paths import Paths

PATHS = Paths.of_user()


@pytest.mark.parametrize(
    ("environment", "wanted"),
    [
        ({}, Wanted("mljob", 1, 8080)),
        ({"MLJOB_CLUSTER": "", "MLJOB_NODES": "", "MLJOB_PORT": ""}, Wanted("mljob", 1, 8080)),
        ({"MLJOB_NODES": "3", "MLJOB_PORT": "9000"}, Wanted("mljob", 3, 9000)),
        ({"MLJOB_CLUSTER": "second"}, Wanted("second", 1, None)),
        ({"MLJOB_CLUSTER": "second", "MLJOB_PORT": "9000"}, Wanted("second", 1, 9000)),
        ({"MLJOB_PORT": "0"}, Wanted("mljob", 1, None)),
    ],
)
def test_the_environment_says_which_cluster(environment: dict[str, str], wanted: Wanted) -> None:
    assert Wanted.from_environment(environment) == wanted


@pytest.mark.parametrize(
    ("name", "value"),
    [("MLJOB_NODES", "0"), ("MLJOB_NODES", "many"), ("MLJOB_PORT", "70000"), ("MLJOB_PORT", "-1")],
)
def test_a_wrong_number_is_named_with_what_was_expected(name: str, value: str) -> None:
    with pytest.raises(CannotProceedError, match=rf"{name} is '{value}'; expected a number from"):
        Wanted.from_environment({name: value})


def test_each_cluster_has_a_kubeconfig_and_names_of_images_of_its_own() -> None:
    first, second = Wanted("mljob", 1, None), Wanted("second", 1, None)
    assert (first.kubeconfig(PATHS).name, first.image_names(PATHS).name) == ("kubeconfig", "images.json")
    assert second.kubeconfig(PATHS).name == "kubeconfig-second"
    assert second.image_names(PATHS).name == "images-second.json"


def test_rest_is_mapped_to_loopback_alone_and_workers_are_added() -> None:
    config = kind_config(Wanted("x", 3, 9000), PATHS, offline=False)
    assert config["name"] == "x"
    assert [node["role"] for node in config["nodes"]] == ["control-plane", "worker", "worker"]
    assert config["nodes"][0]["extraPortMappings"] == [
        {"containerPort": 30080, "hostPort": 9000, "listenAddress": "127.0.0.1"}
    ]
    assert "networking" not in config


def test_without_a_port_nothing_is_mapped() -> None:
    assert "extraPortMappings" not in kind_config(Wanted("x", 1, None), PATHS, offline=True)["nodes"][0]


def test_our_own_node_image_is_named_with_the_versions_that_are_in_it() -> None:
    patches = "\n".join(kind_config(Wanted("x", 1, None), PATHS, offline=True)["kubeadmConfigPatches"])
    assert f"imageTag: {versions.coredns(PATHS.tools)}" in patches
    assert f"imageTag: {versions.etcd(PATHS.tools).removeprefix('v')}-0" in patches


def test_the_binaries_call_themselves_what_go_mod_pins() -> None:
    assert versions.kubernetes(PATHS.tools) == KUBERNETES_VERSION


def test_every_tool_and_image_has_its_files() -> None:
    assert all((PATHS.tools / tool.module / "go.mod").exists() for tool in TOOLS.values())
    assert all((PATHS.images / spec.folder / "Dockerfile").exists() for spec in IMAGES.values())
