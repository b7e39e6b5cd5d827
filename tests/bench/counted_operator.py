"""`python -m mljob` with its SQL statements counted: JSON into the file MLJOB_BENCH_SQL at its end."""

import json
import os
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from mljob.main import main
from sqlalchemy import event
from sqlalchemy.engine import Engine

_COUNTS: Counter[str] = Counter()


def _count_statement(
    _c: Any, _cursor: Any, statement: str, _p: Any, _context: Any, executemany: bool
) -> None:
    _COUNTS["statements"] += 1
    _COUNTS[statement.split(None, 1)[0].upper()] += 1
    if executemany:
        _COUNTS["of them with many rows"] += 1


def _count_commit(_connection: Any) -> None:
    _COUNTS["transactions"] += 1


if __name__ == "__main__":
    event.listen(Engine, "before_cursor_execute", _count_statement)
    event.listen(Engine, "commit", _count_commit)
    try:
        sys.exit(main())
    finally:
        Path(os.environ["MLJOB_BENCH_SQL"]).write_text(json.dumps(_COUNTS))
