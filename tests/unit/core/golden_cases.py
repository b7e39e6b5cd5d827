"""The Jobs that are kept in golden/*.yaml.

`python -m tests.unit.core.golden_cases` (with operator/ and . on PYTHONPATH) writes them anew; read the diff.
"""

from pathlib import Path
from typing import Any

import yaml

from tests.unit.core.rendering import (
    COMMAND,
    CONFIGURED,
    EVERYTHING,
    FUNCTION,
    ROOT_AND_PRIVILEGED,
    rendered,
)

FOLDER = Path(__file__).parent / "golden"


def cases() -> dict[str, dict[str, Any]]:
    """File name to Job."""
    overrides = {
        "resources": {"limits": {"memory": "4Gi"}},
        "env": [{"name": "OMP_NUM_THREADS", "value": "4"}],
    }
    return {
        "function.yaml": rendered(FUNCTION, paramsJSON='{"x": 1.0}'),
        "everything.yaml": rendered(
            EVERYTHING, CONFIGURED, attempt=2, params={"alpha": 0.1}, overrides=overrides
        ),
        "command.yaml": rendered(COMMAND, activeDeadlineSeconds=30),
        "root_and_privileged.yaml": rendered(ROOT_AND_PRIVILEGED),
    }


def main() -> None:
    """Write the files anew."""
    for name, job in cases().items():
        (FOLDER / name).write_text(yaml.safe_dump(job, sort_keys=False, width=110))


if __name__ == "__main__":
    main()
