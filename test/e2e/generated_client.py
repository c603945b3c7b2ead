"""Runs the README's session with a client generated from the OpenAPI document, and with nothing else.

    python test/e2e/generated_client.py FOLDER URL SONG KEY

FOLDER holds the generated package `client`. Prints what it got, as JSON; ends with an error where the client
did not understand an answer.
"""

from __future__ import annotations

import hashlib
import io
import json
import sys
import time
from pathlib import Path
from typing import Any

folder, url, song, key = sys.argv[1:]
sys.path.insert(0, folder)

from client import AuthenticatedClient, Client  # noqa: E402
from client.api.models import get_model, list_models  # noqa: E402
from client.api.results import download_stem, get_results  # noqa: E402
from client.api.server import get_health, get_metrics  # noqa: E402
from client.api.tasks import cancel_task, delete_task, get_task, list_tasks, separate  # noqa: E402
from client.models import (  # noqa: E402
    Health,
    Metrics,
    Model,
    ModelList,
    Problem,
    Results,
    SeparateBody,
    SeparateBodyOutputFormat,
    Task,
    TaskPage,
)
from client.types import File  # noqa: E402

DEADLINE_S = 120

api = AuthenticatedClient(base_url=url, token=key, raise_on_unexpected_status=True)


def expect(kind: type, answer: Any) -> Any:
    """The parsed answer, which must be of that generated class."""
    if not isinstance(answer.parsed, kind):
        raise TypeError(f"{kind.__name__} expected, got {answer.status_code}: {answer.content[:500]!r}")
    return answer.parsed


def submit(**options: Any) -> Any:
    """Posts the song. Returns the whole answer."""
    file = File(payload=io.BytesIO(Path(song).read_bytes()), file_name="song.mp3", mime_type="audio/mpeg")
    return separate.sync_detailed(client=api, body=SeparateBody(file=file, **options))


def follow(task_id: Any) -> Any:
    """Asks for the task until it has ended."""
    deadline = time.monotonic() + DEADLINE_S
    while True:
        task = expect(Task, get_task.sync_detailed(task_id, client=api))
        if task.status in ("completed", "failed", "cancelled"):
            return task
        if time.monotonic() > deadline:
            raise TimeoutError(f"still {task.status}: {task.progress}")
        time.sleep(0.1)


def download(task_id: Any, stem: Any) -> dict[str, Any]:
    """Fetches a stem and compares it with what the results say of it."""
    answer = download_stem.sync_detailed(task_id, stem.filename, client=api)
    bytes_ = expect(File, answer).payload.read()
    return {
        "instrument": stem.instrument,
        "filename": stem.filename,
        "type": answer.headers["content-type"],
        "whole": len(bytes_) == stem.bytes_ and hashlib.sha256(bytes_).hexdigest() == stem.sha256,
    }


def session() -> dict[str, Any]:
    """What the README shows, in its order."""
    accepted = expect(Task, submit())
    completed = follow(accepted.task_id)
    results = expect(Results, get_results.sync_detailed(accepted.task_id, client=api))
    stems = [download(accepted.task_id, stem) for stem in results.stems]

    choosy = expect(
        Task,
        submit(
            model_type="starter",
            instruments=["drums", "bass"],
            output_format=SeparateBodyOutputFormat.FLAC,
            use_tta=True,
            extract_instrumental=True,
        ),
    )
    cancelled = expect(Task, cancel_task.sync_detailed(choosy.task_id, client=api))
    again = expect(Problem, cancel_task.sync_detailed(choosy.task_id, client=api))
    deleted = delete_task.sync_detailed(choosy.task_id, client=api)
    gone = expect(Problem, get_task.sync_detailed(choosy.task_id, client=api))
    refused = expect(Problem, submit(model_type="statrer"))

    models = expect(ModelList, list_models.sync_detailed(client=api)).models
    model = expect(Model, get_model.sync_detailed("starter", client=api))
    page = expect(TaskPage, list_tasks.sync_detailed(client=api))
    metrics = expect(Metrics, get_metrics.sync_detailed(client=api))
    anyone = Client(base_url=url, raise_on_unexpected_status=True)
    health = expect(Health, get_health.sync_detailed(client=anyone))
    keyless = expect(Problem, list_tasks.sync_detailed(client=anyone))
    return {
        "accepted": accepted.status,
        "completed": {"status": completed.status, "percent": completed.progress.percent},
        "stems": stems,
        "chosen": choosy.parameters.to_dict(),
        "cancelled": cancelled.status,
        "cancelled_again": again.error.code,
        "deleted": deleted.status_code,
        "gone": gone.error.code,
        "refused": refused.error.code,
        "valid_model_types": refused.error.details.valid_model_types,
        "models": [entry.model_type for entry in models],
        "model": model.instruments,
        "tasks": [str(task.task_id) == str(accepted.task_id) for task in page.tasks],
        "metrics": {"completed": metrics.completed_tasks, "cancelled": metrics.cancelled_tasks},
        "health": health.status,
        "keyless": keyless.error.code,
    }


print(json.dumps(session()))
