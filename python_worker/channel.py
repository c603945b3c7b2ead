"""Content-Length frames of JSON over two file descriptors: the framing of `vscode-jsonrpc`, stdlib only."""

from __future__ import annotations

import json
import os
import threading
from typing import Any, BinaryIO

from .protocol import MAX_FRAME_BYTES
from .strict_json import Json

MAX_HEADER_BYTES = 4096


class ChannelError(Exception):
    """The peer sent what is no frame. Where the next one begins is then unknown: the channel is lost."""


class Channel:
    """Both directions of one child's wire.

    Args:
        source: where the peer's frames arrive.
        sink_fd: where ours go; blocking.
    """

    def __init__(self, source: BinaryIO, sink_fd: int) -> None:
        self._source = source
        self._sink_fd = sink_fd
        self._write_lock = threading.Lock()

    def read(self) -> dict[str, Any] | None:
        """The peer's next message, or None when the peer has closed its end between two frames."""
        return read_message(self._source)

    def write(self, message: dict[str, Json]) -> None:
        """Send one message; safe to call from any thread. Ends this process when nobody listens any more.

        Raises:
            ValueError: the message is no JSON or longer than a frame may be; nothing was sent.
        """
        frame = memoryview(encode_frame(message))
        try:
            with self._write_lock:
                while frame:
                    frame = frame[os.write(self._sink_fd, frame) :]
        except (BrokenPipeError, ConnectionResetError):
            # The server is gone: nothing this child computes can be of use to anyone.
            os._exit(0)


def encode_frame(message: dict[str, Json]) -> bytes:
    """One frame, header and body, to be written in one piece.

    Raises:
        ValueError: the message holds NaN or infinity, or is longer than MAX_FRAME_BYTES.
    """
    # ASCII only, so that a file name that is not UTF-8 (a lone surrogate in Python) can still be sent.
    body = json.dumps(message, allow_nan=False, ensure_ascii=True, separators=(",", ":")).encode("ascii")
    if len(body) > MAX_FRAME_BYTES:
        raise ValueError(f"a message of {len(body)} bytes is longer than a frame may be ({MAX_FRAME_BYTES})")
    return b"Content-Length: %d\r\n\r\n%b" % (len(body), body)


def read_message(source: BinaryIO) -> dict[str, Any] | None:
    """Read one frame from a stream that blocks until it has what was asked for.

    Returns:
        The JSON object in it, or None at the end of the stream between two frames.

    Raises:
        ChannelError: the bytes are no frame, or hold no JSON object.
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
    """The body's length in bytes, from headers in any order."""
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
