"""The bundle is a valid ConfigMap that holds standard-library Python for old interpreters."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path, PurePosixPath

import pytest
from mljob.runner import bundle as module
from mljob.runner.bundle import ENTRY_POINT, MOUNT_PATH, bundle

from tests.unit.runner.harness import interpreters

COMPILE = "import pathlib, sys\nfor p in sys.argv[1:]: compile(pathlib.Path(p).read_text(), p, 'exec')"
SOURCES = sorted(bundle().files)


def test_it_is_a_valid_config_map_with_valid_items() -> None:
    found = bundle()
    assert [key for key, _ in found.items] == list(found.files)
    assert all(re.fullmatch(r"[-._a-zA-Z0-9]{1,253}", key) for key in found.files)
    paths = [path for _, path in found.items]
    assert len(set(paths)) == len(paths)
    assert not any(PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts for path in paths)
    assert sum(len(text.encode()) for text in found.files.values()) < 100 * 1024


def test_the_command_is_in_it() -> None:
    assert str(PurePosixPath(ENTRY_POINT).relative_to(MOUNT_PATH)) in dict(bundle().items).values()


def test_the_built_in_mljob_lies_in_a_folder_of_its_own() -> None:
    assert "shim/mljob/__init__.py" in dict(bundle().items).values()


def test_every_source_is_in_it() -> None:
    pod = Path(module.__file__).parent / "pod"
    texts = {path.read_text() for path in pod.rglob("*.py")}
    assert texts == set(bundle().files.values())


def test_the_hash_tells_any_two_bundles_apart() -> None:
    digests = {
        module._digest(texts, items)
        for texts, items in (
            ({"a": "x"}, (("a", "a.py"),)),
            ({"a": "y"}, (("a", "a.py"),)),
            ({"a": "x"}, (("a", "b.py"),)),
            ({"b": "x"}, (("b", "a.py"),)),
            ({"a": "x.py"}, (("a", "a"),)),
            ({"a": "x", "b": "x"}, (("a", "a.py"), ("b", "b.py"))),
        )
    }
    assert len(digests) == 6
    assert re.fullmatch("[0-9a-f]{64}", bundle().sha256)
    assert bundle() is bundle()


def test_the_hash_is_the_same_in_every_process() -> None:
    code = "from mljob.runner.bundle import bundle; print(bundle().sha256)"
    folder = str(Path(module.__file__).parents[2])
    ran = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == bundle().sha256


@pytest.mark.parametrize("key", SOURCES)
def test_sources_are_python_3_8_with_the_standard_library_alone(key: str) -> None:
    tree = ast.parse(bundle().files[key], feature_version=(3, 8))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            assert all(name.name.split(".")[0] in sys.stdlib_module_names for name in node.names)
        if isinstance(node, ast.ImportFrom) and node.level == 0:
            assert (node.module or "").split(".")[0] in sys.stdlib_module_names


@pytest.mark.parametrize("python", interpreters(), ids=lambda path: path)
def test_every_python_at_hand_compiles_it_without_a_warning(python: str, runner: Path) -> None:
    ran = subprocess.run(
        [
            python,
            "-I",
            "-W",
            "error",
            "-c",
            COMPILE,
        ]
        + [str(path) for path in runner.rglob("*.py")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (0, "")
