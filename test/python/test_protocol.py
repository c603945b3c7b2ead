"""The examples of every message are read and written here exactly as the TypeScript side has them."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from python_worker import protocol
from python_worker.process.strict_json import parse, to_json
from python_worker.protocol import Failure, parse_initialize

EXAMPLES = sorted((Path(__file__).parents[1] / "fixtures" / "protocol").glob("*.json"))

REQUESTS = {
    "separate": protocol.SeparateParams,
    "load": protocol.LoadParams,
    "unload": protocol.UnloadParams,
    "probe": protocol.ProbeParams,
    "stage": protocol.StageParams,
}
RESULTS = {
    "initialize.media": protocol.MediaReady,
    "initialize.worker": protocol.WorkerReady,
    "separate": protocol.SeparateResult,
    "load": protocol.LoadResult,
    "unload": protocol.UnloadResult,
    "probe": protocol.ProbeResult,
    "stage": protocol.StageResult,
}
NOTIFICATIONS = {
    "progress": protocol.Progress,
    "heartbeat": protocol.Heartbeat,
    "holding": protocol.Holding,
    "log": protocol.Log,
    "prepare": protocol.Prepare,
}


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_every_example_is_read_and_written_unchanged(path: Path) -> None:
    example = json.loads(path.read_text(encoding="utf-8"))
    name, message = path.name.rsplit(".", 2)[0], example["message"]
    assert message["jsonrpc"] == "2.0"
    if name in ("cancel", "shutdown"):
        return  # Their params are read by rpc.py, and tested there.
    if example["kind"] == "error":
        failure = Failure(
            message["error"]["data"]["kind"],
            message["error"]["message"],
            message["error"]["data"]["traceback"],
        )
        assert failure.to_json() == message["error"]
    elif example["kind"] == "result":
        assert to_json(parse(RESULTS[name], message["result"])) == message["result"]
    elif example["kind"] == "notification":
        assert to_json(parse(NOTIFICATIONS[name], message["params"])) == message["params"]
    elif example["method"] == "initialize":
        assert to_json(parse_initialize(message["params"])) == message["params"]
    else:
        assert to_json(parse(REQUESTS[name], message["params"])) == message["params"]


def test_there_are_examples_of_everything() -> None:
    names = {path.name.rsplit(".", 2)[0] for path in EXAMPLES}
    assert names >= {*REQUESTS, *RESULTS, *NOTIFICATIONS}


def separate_params() -> dict[str, Any]:
    path = next(path for path in EXAMPLES if path.name == "separate.request.json")
    params: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))["message"]["params"]
    return params


@pytest.mark.parametrize(
    ("where", "value", "complaint"),
    [
        (["attempt"], True, "attempt must be a int"),
        (["attempt"], 0, "attempt must be at least 1"),
        (["attempt"], 1.5, "attempt must be a int"),
        (["attempt"], "1", "attempt must be a int"),
        (["task_id"], None, "task_id must be a str"),
        (["duration_seconds"], 0, "duration_seconds must be above 0"),
        (["duration_seconds"], True, "duration_seconds must be a float"),
        (["model"], [], "model must be an object"),
        (["model", "trust_pickle"], 1, "trust_pickle must be a bool"),
        (["options", "instruments"], [], "instruments must not be empty"),
        (["options", "instruments"], ["drums", 3], r"instruments\[1\] must be a str"),
        (["options", "pcm_type"], "PCM_32", "PCM_24"),
        (["options", "num_overlap"], -1, "num_overlap must be at least 1"),
        (["options", "surprise"], 1, "unknown fields: surprise"),
    ],
)
def test_what_is_not_valid_is_refused_by_name(where: list[str], value: Any, complaint: str) -> None:
    params = copy.deepcopy(separate_params())
    place = params
    for name in where[:-1]:
        place = place[name]
    place[where[-1]] = value
    with pytest.raises(ValueError, match=complaint):
        parse(protocol.SeparateParams, params)


def test_a_missing_field_is_named() -> None:
    params = separate_params()
    del params["options"]["use_tta"]
    with pytest.raises(ValueError, match=r"params\.options lacks use_tta"):
        parse(protocol.SeparateParams, params)


def test_flac_with_float_is_refused() -> None:
    params = separate_params()
    params["options"].update(output_format="flac", pcm_type="FLOAT")
    with pytest.raises(ValueError, match="FLAC holds no FLOAT"):
        parse(protocol.SeparateParams, params)
