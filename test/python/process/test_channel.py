"""The framing, on its own and against vscode-jsonrpc."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from python_worker.process.channel import ChannelError, encode_frame, read_message
from python_worker.protocol import MAX_FRAME_BYTES

# JavaScript's numbers are doubles: beyond 2**53 it writes them as other whole numbers of the same double.
EXACT = 2**53 - 1
NUMBERS = st.integers(-EXACT, EXACT) | st.floats(-EXACT, EXACT).map(lambda number: number + 0.0)
# Lone surrogates included: file names that are not UTF-8 hold them.
TEXTS = st.text(st.characters(exclude_categories=()), max_size=30)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)
MESSAGES = st.builds(lambda params: {"jsonrpc": "2.0", "method": "m", "params": params}, VALUES)


class Drip(io.RawIOBase):
    """A stream that gives its bytes in pieces of the given sizes, as a pipe may."""

    def __init__(self, data: bytes, sizes: list[int]) -> None:
        self._data = data
        self._sizes = sizes

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        size = min(self._sizes.pop() if self._sizes else len(buffer), len(buffer), len(self._data))
        buffer[:size] = self._data[:size]
        self._data = self._data[size:]
        return size


def read_all(data: bytes, sizes: list[int] | None = None) -> list[dict[str, Any]]:
    source = io.BufferedReader(Drip(data, sizes or []))
    messages = []
    while (message := read_message(source)) is not None:
        messages.append(message)
    return messages


@given(st.lists(MESSAGES, max_size=4), st.lists(st.integers(1, 50), max_size=60))
def test_messages_survive_however_the_stream_is_cut(messages: list[dict[str, Any]], sizes: list[int]) -> None:
    assert read_all(b"".join(map(encode_frame, messages)), sizes) == messages


@given(
    MESSAGES,
    st.permutations(
        ["Content-Length: {}", "content-TYPE: application/vscode-jsonrpc; charset=utf-8", "X-Other:"]
    ),
)
def test_headers_may_come_in_any_order_and_with_others(message: dict[str, Any], headers: list[str]) -> None:
    body = json.dumps(message).encode()
    head = "".join(f"{header.format(len(body))}\r\n" for header in headers)
    assert read_all(head.encode() + b"\r\n" + body) == [message]


@given(MESSAGES)
def test_a_body_in_utf_8_is_read_as_one_in_escapes(message: dict[str, Any]) -> None:
    body = json.dumps(message, ensure_ascii=False).encode("utf-8", errors="replace")
    assert read_all(b"Content-Length: %d\r\n\r\n%b" % (len(body), body)) == [json.loads(body)]


@given(st.binary(min_size=1, max_size=80))
def test_garbage_is_an_error_and_never_a_message(garbage: bytes) -> None:
    with pytest.raises(ChannelError):
        read_all(garbage)


@pytest.mark.parametrize(
    "data",
    [
        b"Content-Length: 2\r\n\r\n[]",
        b"Content-Length: 9\r\n\r\n{}",
        b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
        b"Content-Length: -2\r\n\r\n{}",
        b"Content-Length: 0x2\r\n\r\n{}",
        b"Content-Length: %d\r\n\r\n" % (MAX_FRAME_BYTES + 1),
        b"Content-Type: x\r\n\r\n{}",
        b'Content-Length: 11\r\n\r\n{"a":NaN}  ',
        b"Content-Length: 2\n\n{}",
        b"X: " + b"y" * 10_000 + b"\r\n\r\n",
        b"Content-Length: 200000\r\n\r\n" + b'{"a":' + b"[" * 199_995,
    ],
)
def test_what_is_no_frame_is_refused(data: bytes) -> None:
    with pytest.raises(ChannelError):
        read_all(data)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "x" * MAX_FRAME_BYTES])
def test_what_cannot_be_sent_raises_before_a_byte_is_written(value: Any) -> None:
    with pytest.raises(ValueError):
        encode_frame({"value": value})


@pytest.fixture(scope="module")
def vscode() -> Iterator[subprocess.Popen[bytes]]:
    node = shutil.which("node")
    assert node is not None, "node runs the server; it must be on the PATH"
    script = Path(__file__).with_name("vscode_peer.mjs")
    with subprocess.Popen([node, str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        yield process
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(20) == 0


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(messages=st.lists(MESSAGES, min_size=1, max_size=3), cuts=st.lists(st.integers(1, 40), max_size=5))
def test_vscode_jsonrpc_understands_us_and_we_understand_it(
    vscode: subprocess.Popen[bytes], messages: list[dict[str, Any]], cuts: list[int]
) -> None:
    assert vscode.stdin is not None and vscode.stdout is not None
    data = b"".join(map(encode_frame, messages))
    for cut in cuts:
        os.write(vscode.stdin.fileno(), data[:cut])
        data = data[cut:]
    os.write(vscode.stdin.fileno(), data)
    assert [read_message(vscode.stdout) for _ in messages] == messages  # type: ignore[arg-type]
