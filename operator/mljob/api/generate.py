"""`python -m mljob.api.generate [--check]`: writes crds/ and the chart's copy, or finds drift."""

import argparse
import sys
from pathlib import Path
from typing import Any

import yaml

from mljob.api.crd import KINDS, crd

HEADER = "# Generated from operator/mljob/api by `make generate`. Do not edit.\n"
CRDS = Path("crds")
CHART_CRDS = Path("charts/mljob/templates/crds")


class _Dumper(yaml.SafeDumper):
    """Writes repeated parts out: anchors are hard to read and some tools refuse them."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def as_yaml(manifest: dict[str, Any]) -> str:
    """Stable YAML: keys in the order of the models, nothing folded."""
    return yaml.dump(manifest, Dumper=_Dumper, sort_keys=False, width=10_000, allow_unicode=True)


def for_chart(manifest: dict[str, Any]) -> str:
    """The chart's copy: a template that can be switched off and that Helm never deletes."""
    kept = {
        **manifest,
        "metadata": {**manifest["metadata"], "annotations": {"helm.sh/resource-policy": "keep"}},
    }
    text = as_yaml(kept)
    if "{{" in text:
        raise ValueError("a schema holds '{{', which Helm would take for a template")
    return f"{{{{- if .Values.crds.enabled }}}}\n{HEADER}{text}{{{{- end }}}}\n"


def generated_files() -> dict[Path, str]:
    """Every generated file, by its path from the top of the repository."""
    files: dict[Path, str] = {}
    for kind in KINDS:
        manifest = crd(kind)
        files[CRDS / f"{kind.plural}.yaml"] = HEADER + as_yaml(manifest)
        files[CHART_CRDS / f"{kind.plural}.yaml"] = for_chart(manifest)
    return files


def drifted(top: Path) -> dict[Path, str]:
    """Generated files that are missing or differ, with the text that the models say."""
    return {
        path: text
        for path, text in generated_files().items()
        if not (top / path).is_file() or (top / path).read_text("utf-8") != text
    }


def main(arguments: list[str] | None = None) -> int:
    """Exit code 0; with --check 1 when a file has drifted."""
    parser = argparse.ArgumentParser(prog="python -m mljob.api.generate", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, fail when a file has drifted")
    parser.add_argument("--top", type=Path, default=Path(), help="top of the repository; default: here")
    options = parser.parse_args(arguments)
    stale = drifted(options.top)
    if options.check:
        for path in stale:
            print(f"{path}: differs from the models: run `make generate`", file=sys.stderr)
        return 1 if stale else 0
    for path, text in stale.items():
        (options.top / path).parent.mkdir(parents=True, exist_ok=True)
        (options.top / path).write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
