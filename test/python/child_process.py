"""A real child of ours on two pipes, driven frame by frame."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

from python_worker.process.channel import encode_frame, read_message

PROJECT = Path(__file__).parents[2]
Message = dict[str, Any]


class ChildProcess:
    """Spawned as the server does it; killed at the end of the block whatever happens."""

    def __init__(self, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, *(arguments or ("-m", "python_worker"))],
            cwd=PROJECT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self.notifications: list[Message] = []

    def __enter__(self) -> ChildProcess:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            assert stream is not None
            try:
                stream.close()
            except BrokenPipeError:
                pass  # It ended before it had read all.

    def send(self, method: str, params: Any = None, request_id: int | None = None) -> None:
        message: Message = {"jsonrpc": "2.0", "method": method, "params": params}
        self.send_bytes(encode_frame(message if request_id is None else {**message, "id": request_id}))

    def send_bytes(self, data: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def call(self, method: str, params: Any, request_id: int) -> Message:
        """Send a request and wait for its answer."""
        self.send(method, params, request_id)
        return self.answer(request_id)

    def answer(self, request_id: int | None) -> Message:
        """Wait for the answer to a request; what the child notifies meanwhile is kept."""
        return self.wait_for(lambda message: "method" not in message and message["id"] == request_id)

    def notification(self, method: str) -> Message:
        """Wait for a notification."""
        return self.wait_for(lambda message: message.get("method") == method)

    def wait_for(self, is_it: Callable[[Message], bool]) -> Message:
        assert self.process.stdout is not None
        while (message := read_message(self.process.stdout)) is not None:  # type: ignore[arg-type]
            if "method" in message:
                self.notifications.append(message)
            if is_it(message):
                return message
        raise AssertionError(f"the child ended: {self.ended()}")

    def ended(self) -> tuple[int, str]:
        """Wait for the end; the exit status and what it said."""
        assert self.process.stderr is not None
        said = self.process.stderr.read().decode()
        return self.process.wait(30), said
