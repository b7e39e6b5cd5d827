"""The images that run in the cluster: what goes into each, when it must be built again, its names."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from .builder import Builder
from .cache import Cache, digest
from .paths import Paths
from .wheels import Wheels

REGISTRY = "mljob.dev"
KEPT_BUILDS = 3  # of each image: every edit of our code makes one


@dataclass(frozen=True)
class ImageSpec:
    """One image. `base` is another image's logical name, or None for Debian with python3."""

    logical_name: str
    repository: str
    tag: str  # the stable one, for manifests; the other is the hash of what went in
    folder: str  # below deploy/images
    python_version: str
    suite: str = ""
    base: str | None = None
    requirements: tuple[str, ...] = ()  # files below the checkout
    with_our_package: bool = False

    @property
    def stable_name(self) -> str:
        return f"{REGISTRY}/{self.repository}:{self.tag}"


INSTALL = "deploy/images/install/requirements.txt"
IMAGES = {
    spec.logical_name: spec
    for spec in (
        ImageSpec("python-3.11", "python", "3.11", "python", "3.11", suite="bookworm"),
        ImageSpec("python-3.13", "python", "3.13", "python", "3.13", suite="trixie"),
        ImageSpec(
            *("operator", "operator", "dev", "operator", "3.11"),
            base="python-3.11",
            requirements=(INSTALL, "requirements/operator.txt"),
            with_our_package=True,
        ),
        ImageSpec(
            *("example-sklearn", "example-sklearn", "1", "examples/sklearn", "3.11"),
            base="python-3.11",
            requirements=(INSTALL, "deploy/images/examples/sklearn/requirements.txt"),
        ),
    )
}


class JobImages:
    """Builds images into the cache as archives, each again only when its inputs have changed."""

    def __init__(self, paths: Paths, cache: Cache, wheels: Wheels, builder: Builder) -> None:
        self._paths = paths
        self._cache = cache
        self._wheels = wheels
        self._builder = builder
        # A run sees the checkout as it was at first sight, also when somebody edits it meanwhile.
        self._keys: dict[str, str] = {}

    def key(self, spec: ImageSpec) -> str:
        if spec.logical_name not in self._keys:
            self._keys[spec.logical_name] = self._compute_key(spec)
        return self._keys[spec.logical_name]

    def _compute_key(self, spec: ImageSpec) -> str:
        base = (
            self.key(IMAGES[spec.base])
            if spec.base
            else self._builder.base_key(spec.suite, spec.python_version)
        )
        parts = [
            self._paths.images / spec.folder,
            *(self._paths.checkout / name for name in spec.requirements),
        ]
        if spec.with_our_package:
            parts += [self._paths.checkout / "pyproject.toml", self._paths.checkout / "operator" / "mljob"]
        return digest(base, spec.stable_name, *parts)

    def full_name(self, spec: ImageSpec) -> str:
        """The name that says what is in it: a new one whenever that changes."""
        return _full_name(spec, self.key(spec))

    def is_built(self, spec: ImageSpec) -> bool:
        return self._cache.has(_kind(spec), self.key(spec))

    def build(self, spec: ImageSpec) -> Path:
        """The docker-archive of the image, with its stable and its full name."""
        if not self.is_built(spec):
            for key in self._cache.evict(_kind(spec), KEPT_BUILDS - 1):
                self._builder.forget(_full_name(spec, key))
        return (
            self._cache.get(_kind(spec), self.key(spec), lambda place: self._build(spec, place)) / "image.tar"
        )

    def size_bytes(self, spec: ImageSpec) -> int:
        return self.build(spec).stat().st_size

    def write_names(self, file: Path) -> None:
        """Logical name to full name as JSON, for whoever installs the chart."""
        names = {spec.logical_name: self.full_name(spec) for spec in IMAGES.values()}
        fresh = file.with_suffix(".new")
        fresh.write_text(json.dumps(names, indent=2) + "\n")
        fresh.rename(file)

    def _build(self, spec: ImageSpec, place: Path) -> None:
        if spec.base:
            base = self._builder.ensure(self.full_name(IMAGES[spec.base]), self.build(IMAGES[spec.base]))
        else:
            base = self._builder.base(spec.suite, spec.python_version)
        names = (self.full_name(spec), spec.stable_name)
        # Beside the cache, so that wheels are linked and not copied.
        with TemporaryDirectory(dir=self._paths.cache, prefix=".image-") as folder:
            context = Path(folder)
            self._lay_out(spec, context)
            self._builder.build(context, base, names, place / "image.tar")

    def _lay_out(self, spec: ImageSpec, context: Path) -> None:
        shutil.copytree(self._paths.images / spec.folder, context, dirs_exist_ok=True)
        if spec.requirements:
            (context / "wheels").mkdir()
        for name in spec.requirements:
            file = self._paths.checkout / name
            shutil.copy(file, context / ("install.txt" if name == INSTALL else "requirements.txt"))
            for wheel in self._wheels.fetch(file, spec.python_version).iterdir():
                (context / "wheels" / wheel.name).hardlink_to(wheel)
        if spec.with_our_package:
            source = context / "src"
            ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
            shutil.copytree(self._paths.checkout / "operator", source / "operator", ignore=ignored)
            shutil.copy(self._paths.checkout / "pyproject.toml", source)
            (source / "README.md").touch()  # named in pyproject.toml; its text must not make a new image


def _kind(spec: ImageSpec) -> str:
    return f"image-{spec.logical_name}"


def _full_name(spec: ImageSpec, key: str) -> str:
    tag = key if spec.tag == "dev" else f"{spec.tag}-{key}"
    return f"{REGISTRY}/{spec.repository}:{tag}"
