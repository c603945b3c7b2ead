"""A child whose methods are made for test_rpc.py."""

from __future__ import annotations

import sys
from typing import Any

from python_worker.process.channel import Channel
from python_worker.process.rpc import EndOfService, InvalidParams, Request, Server
from python_worker.process.strict_json import Json
from python_worker.protocol import Failure


def echo(params: Any, request: Request) -> Json:
    return params


def wait_for_cancel(params: Any, request: Request) -> Json:
    channel.write({"jsonrpc": "2.0", "method": "waiting", "params": None})
    assert request.cancelled.wait(20)
    raise Failure("CANCELLED", "Cancelled in the middle.")


def fail(params: Any, request: Request) -> Json:
    raise {"failure": Failure("INVALID_AUDIO", "No audio."), "exit": SystemExit(3)}.get(
        params, KeyError("secret")
    )


def refuse(params: Any, request: Request) -> Json:
    raise InvalidParams("path must be a str")


def answer_nan(params: Any, request: Request) -> Json:
    return float("nan")


def plan_rest(params: Any, request: Request) -> Json:
    plan.append(params)
    return None


def rest() -> None:
    if plan:
        assert plan.pop() != "fail", "as planned"
        channel.write({"jsonrpc": "2.0", "method": "rested", "params": None})


def shutdown(params: Any, request: Request) -> Json:
    raise EndOfService


plan: list[Any] = []
channel = Channel(open(0, "rb"), 1)
Server(
    channel,
    {
        "echo": echo,
        "wait": wait_for_cancel,
        "fail": fail,
        "refuse": refuse,
        "nan": answer_nan,
        "plan_rest": plan_rest,
        "shutdown": shutdown,
    },
    on_rest=rest,
).serve()
sys.stdout.flush()
