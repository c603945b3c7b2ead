"""Content-Length framing of JSON over two file descriptors, as in `vscode-jsonrpc`; stdlib only."""

from __future__ import annotations

import json
import os
import threading
from typing import Any, BinaryIO

from ..protocol import MAX_FRAME_BYTES
from .strict_json import Json

MAX_HEADER_BYTES = 4096


class ChannelError(Exception):
    """The peer sent an invalid frame. The start of the next one is unknown, so the channel is unusable."""


class Channel:
    """Reads and writes the frames between the server and this child.

    Args:
        source: the stream of incoming frames.
        sink_fd: the blocking descriptor for outgoing frames.
    """

    def __init__(self, source: BinaryIO, sink_fd: int) -> None:
        self._source = source
        self._sink_fd = sink_fd
        self._write_lock = threading.Lock()

    def read(self) -> dict[str, Any] | None:
        """Read the peer's next message; None when the peer closed the stream between two frames."""
        return read_message(self._source)

    def write(self, message: dict[str, Json]) -> None:
        """Send one message; thread-safe. Exits the process when the peer has closed the pipe.

        Raises:
            ValueError: the message is not valid JSON or exceeds the frame limit; nothing was sent.
        """
        frame = memoryview(encode_frame(message))
        try:
            with self._write_lock:
                while frame:
                    frame = frame[os.write(self._sink_fd, frame) :]
        except (BrokenPipeError, ConnectionResetError):
            # The server is gone: nobody can use the result.
            os._exit(0)


def encode_frame(message: dict[str, Json]) -> bytes:
    """Encode a message as one frame, header and body.

    Raises:
        ValueError: the message holds NaN or infinity, or is longer than MAX_FRAME_BYTES.
    """
    # ASCII only, so that file names that are not UTF-8 (lone surrogates in Python) can be sent.
    body = json.dumps(message, allow_nan=False, ensure_ascii=True, separators=(",", ":")).encode("ascii")
    if len(body) > MAX_FRAME_BYTES:
        raise ValueError(f"a message of {len(body)} bytes is longer than a frame may be ({MAX_FRAME_BYTES})")
    return b"Content-Length: %d\r\n\r\n%b" % (len(body), body)


def read_message(source: BinaryIO) -> dict[str, Any] | None:
    """Read one frame from a blocking stream.

    Returns:
        The JSON object in it, or None if the stream ends between two frames.

    Raises:
        ChannelError: the frame is malformed, or its body is not a JSON object.
    """
    length = _read_header(source)
    if length is None:
        return None
    body = source.read(length)
    if len(body) < length:
        raise ChannelError("the stream ended inside a frame")
    try:
        message = json.loads(body.decode("utf-8"), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise ChannelError(f"a frame holds no JSON: {error}") from error
    if not isinstance(message, dict):
        raise ChannelError("a frame holds no JSON object")
    return message


def _read_header(source: BinaryIO) -> int | None:
    """Read the headers, in any order. Returns the body's length in bytes; None at the end of the stream."""
    length: int | None = None
    room = MAX_HEADER_BYTES
    first = True
    while True:
        line = source.readline(room)
        if not line and first:
            return None
        room -= len(line)
        if not line.endswith(b"\r\n"):
            raise ChannelError(f"a header line does not end: {line[:60]!r}")
        if line == b"\r\n":
            break
        first = False
        name, colon, value = line[:-2].partition(b":")
        if not colon:
            raise ChannelError(f"not a header: {line[:60]!r}")
        if name.strip().lower() == b"content-length":
            if length is not None:
                raise ChannelError("Content-Length stands twice in a header")
            length = _content_length(value.strip())
    if length is None:
        raise ChannelError("a header without Content-Length")
    return length


def _content_length(digits: bytes) -> int:
    if not digits.isdigit() or len(digits) > 20:
        raise ChannelError(f"Content-Length is no number: {digits[:60]!r}")
    length = int(digits)
    if length > MAX_FRAME_BYTES:
        raise ChannelError(f"a frame of {length} bytes is longer than it may be ({MAX_FRAME_BYTES})")
    return length


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")
