"""Writes docker-archive files from files at hand, without a container engine. It runs nothing."""

import hashlib
import io
import json
import tarfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .debian import machine_architecture

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class Image:
    """One image of a single layer: its full names, files by their place in it, and symbolic links."""

    names: tuple[str, ...]
    files: Mapping[str, Path]
    entrypoint: tuple[str, ...] = ()
    links: Mapping[str, str] = field(default_factory=dict)
    user: str = "0:0"


def write(image: Image, target: Path, members: Iterable[tuple[tarfile.TarInfo, bytes]] = ()) -> None:
    """Write the image to `target`; `members` go into its layer first, as they are."""
    layer = _layer(image, members)
    layer_id = hashlib.sha256(layer).hexdigest()
    config = json.dumps(
        {
            "architecture": machine_architecture(),
            "os": "linux",
            "config": {"Env": [f"PATH={PATH}"], "Entrypoint": list(image.entrypoint), "User": image.user},
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{layer_id}"]},
            "history": [{"created_by": "mljob_kind"}],
        },
        sort_keys=True,
    ).encode()
    config_name = f"{hashlib.sha256(config).hexdigest()}.json"
    manifest = [{"Config": config_name, "RepoTags": list(image.names), "Layers": [f"{layer_id}/layer.tar"]}]
    with tarfile.open(target, "w") as archive:
        _add(archive, config_name, config)
        _add(archive, f"{layer_id}/layer.tar", layer)
        _add(archive, "manifest.json", json.dumps(manifest).encode())


def package_files(root: tarfile.TarFile, packages: Sequence[str]) -> list[tuple[tarfile.TarInfo, bytes]]:
    """What Debian packages have installed into a root file system's tar, by dpkg's own lists."""
    names = {name.removeprefix("./"): name for name in root.getnames()}
    wanted: set[str] = set()
    for package in packages:
        lists = [n for n in names if n.startswith(f"var/lib/dpkg/info/{package}") and n.endswith(".list")]
        exact = [n for n in lists if n.split("/")[-1].removesuffix(".list").split(":")[0] == package]
        if len(exact) != 1:
            raise ValueError(f"package {package} is not installed in that root file system")
        text = _content(root, root.getmember(names[exact[0]])).decode()
        wanted.update(line.strip("/") for line in text.splitlines())
    # With merged /usr the lists say lib/x, and the file is usr/lib/x.
    merged = {name for name in wanted if name in names} | {
        f"usr/{name}" for name in wanted if f"usr/{name}" in names
    }
    links = {name for name in ("bin", "sbin", "lib", "lib64") if name in names}
    chosen = [root.getmember(names[name]) for name in sorted(merged | links) if _is_needed(name)]
    return [(member, _content(root, member)) for member in chosen]


def _is_needed(name: str) -> bool:
    return bool(name) and not name.startswith(("usr/share", "usr/lib/x86_64-linux-gnu/gconv", "etc/"))


def _content(source: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    handle = source.extractfile(member) if member.isreg() else None
    return handle.read() if handle else b""


def _layer(image: Image, members: Iterable[tuple[tarfile.TarInfo, bytes]]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as layer:
        for member, content in members:
            layer.addfile(member, io.BytesIO(content) if member.isreg() else None)
        for place, file in sorted(image.files.items()):
            _add(layer, place.lstrip("/"), file.read_bytes(), mode=0o755)
        for place, goal in sorted(image.links.items()):
            link = tarfile.TarInfo(place.lstrip("/"))
            link.type, link.linkname, link.mode = tarfile.SYMTYPE, goal, 0o777
            layer.addfile(link)
    return buffer.getvalue()


def _add(archive: tarfile.TarFile, name: str, content: bytes, mode: int = 0o644) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode = len(content), mode
    archive.addfile(member, io.BytesIO(content))
