"""A child that does nothing but talk, by the code that the real children talk with."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))
from python_worker.attempt import notifier
from python_worker.process.channel import Channel
from python_worker.process.rpc import EndOfService, Request, Server
from python_worker.process.strict_json import Json
from python_worker.protocol import Heartbeat

channel = Channel(open(0, "rb"), 1)
notify = notifier(channel.write)


def echo(params: Any, request: Request) -> Json:
    return params


def beat(params: Any, request: Request) -> Json:
    """Send so many heartbeats, so far apart; the CPU time of each is the moment at which it was made."""
    for _ in range(params["count"]):
        notify("heartbeat", Heartbeat("task", 1, time.monotonic(), 1))
        if params["seconds_between"] > 0:
            time.sleep(params["seconds_between"])
    return None


def shutdown(params: Any, request: Request) -> Json:
    raise EndOfService


Server(channel, {"echo": echo, "beat": beat, "shutdown": shutdown}).serve()
