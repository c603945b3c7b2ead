"""The real worker, which also writes down when it begins and ends a task, and each of its chunks.

WATCHED_NOTES names the file. With WATCHED_HOLD_GIL it never ends its first task, and never lets go of the
interpreter in it.
"""

from __future__ import annotations

import json
import os
import re
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))
from python_worker import __main__ as worker
from python_worker.attempt import Attempt
from python_worker.child import Child

notes = os.open(os.environ["WATCHED_NOTES"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
separate, progress = Child._separate, Attempt.progress


def note(event: str, task_id: str) -> None:
    entry = {"event": event, "task_id": task_id, "ms": time.monotonic() * 1000}
    os.write(notes, json.dumps(entry).encode() + b"\n")


def watched_separate(child: Child, params: Any, request: Any) -> Any:
    note("begin", params["task_id"])
    if "WATCHED_HOLD_GIL" in os.environ:
        # A regular expression that backtracks for ages never lets go of the interpreter.
        re.match(r"(a+)+$", "a" * 60 + "b")
    try:
        return separate(child, params, request)
    finally:
        note("end", params["task_id"])


def watched_progress(attempt: Attempt, stage: Any, done: int = 0, total: int = 0) -> None:
    if stage == "separating" and done > 0:
        note("chunk", attempt.key.task_id)
    progress(attempt, stage, done, total)


Child._separate = watched_separate  # type: ignore[method-assign]
Attempt.progress = watched_progress  # type: ignore[method-assign]
sys.argv[1:] = []
worker.main()
