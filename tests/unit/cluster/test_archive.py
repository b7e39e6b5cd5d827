"""docker-archive files: what any engine's `load` expects to find in them."""

import hashlib
import io
import json
import tarfile
from pathlib import Path

import pytest

from deploy.kind.mljob_kind.archive import Image, package_files, write


@pytest.fixture
def binary(tmp_path: Path) -> Path:
    file = tmp_path / "program"
    file.write_bytes(b"\x7fELF")
    return file


def test_the_manifest_names_config_and_layer_and_the_config_the_layers_hash(
    tmp_path: Path, binary: Path
) -> None:
    image = Image(("a/b:1", "a/b:2"), {"usr/bin/program": binary}, ("/usr/bin/program",), {"bin/p": "/x"})
    write(image, tmp_path / "image.tar")
    with tarfile.open(tmp_path / "image.tar") as archive:
        [manifest] = json.loads(_read(archive, "manifest.json"))
        config_text = _read(archive, manifest["Config"])
        [layer_name] = manifest["Layers"]
        layer_bytes = _read(archive, layer_name)
    assert manifest["RepoTags"] == ["a/b:1", "a/b:2"]
    assert manifest["Config"] == f"{hashlib.sha256(config_text).hexdigest()}.json"
    config = json.loads(config_text)
    assert config["rootfs"]["diff_ids"] == [f"sha256:{hashlib.sha256(layer_bytes).hexdigest()}"]
    assert config["config"]["Entrypoint"] == ["/usr/bin/program"]
    with tarfile.open(fileobj=io.BytesIO(layer_bytes)) as layer:
        member = layer.getmember("usr/bin/program")
        assert (member.mode, member.uid) == (0o755, 0)
        assert layer.getmember("bin/p").linkname == "/x"


def test_the_same_inputs_make_the_same_bytes(tmp_path: Path, binary: Path) -> None:
    image = Image(("a/b:1",), {"program": binary})
    write(image, tmp_path / "1.tar")
    write(image, tmp_path / "2.tar")
    assert (tmp_path / "1.tar").read_bytes() == (tmp_path / "2.tar").read_bytes()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A root file system with merged /usr, in which one package has installed a library and a manual."""
    folder = tmp_path / "root"
    for name, text in {
        "var/lib/dpkg/info/libx1:amd64.list": "/.\n/lib\n/lib/libx.so.1\n/usr/share/man/x\n",
        "var/lib/dpkg/info/libx10.list": "/usr/lib/other.so\n",
        "usr/lib/libx.so.1": "library",
        "usr/lib/other.so": "another package's",
        "usr/share/man/x": "manual",
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    (folder / "lib").symlink_to("usr/lib")
    with tarfile.open(tmp_path / "root.tar", "w") as archive:
        archive.add(folder, ".")
    return tmp_path / "root.tar"


def test_a_packages_files_are_found_behind_merged_usr_without_manuals(root: Path) -> None:
    with tarfile.open(root) as archive:
        members = [each for each in package_files(archive, ["libx1"]) if not each[0].isdir()]
    found = {member.name.removeprefix("./"): text for member, text in members}
    assert found == {"lib": b"", "usr/lib/libx.so.1": b"library"}


def test_a_package_that_is_not_there_is_named(root: Path) -> None:
    with tarfile.open(root) as archive, pytest.raises(ValueError, match="package iptables is not installed"):
        package_files(archive, ["iptables"])


def _read(archive: tarfile.TarFile, name: str) -> bytes:
    handle = archive.extractfile(name)
    assert handle is not None
    return handle.read()
