"""JSON-RPC 2.0: requests run one by one on the main thread; cancels and end of stream act immediately.

A daemon thread reads. It must never wait for a request to finish, or a cancel would queue behind the work
that it is meant to stop.
"""

from __future__ import annotations

import os
import queue
import sys
import threading
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, TypeGuard

from ..full_disk import full_disk_failure, is_full_disk
from ..protocol import Cancelled, Failure
from .channel import Channel, ChannelError
from .strict_json import Json

INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
BROKEN_EXIT_CODE = 70
INVALID_PARAMS = -32602

MAX_TRACEBACK = 100_000
"""Only the end of a traceback is sent, to keep answers well below the frame limit."""

REST_SECONDS = 0.5
"""Seconds without a request after which `on_rest` is called."""

RequestId = int | str
Handler = Callable[[Any, "Request"], Json]
Listener = Callable[[Any], None]


class InvalidParams(Exception):
    """The params of a request are not valid for its method."""


class EndOfService(Exception):
    """Raised by a handler to end the process after an empty answer is sent."""


class ProcessBroken(BaseException):
    """Raised by a handler when the process is unusable, such as after a fatal device error.

    The process exits without answering, so that the caller starts a new one.
    """


@dataclass(frozen=True)
class Request:
    """One open request."""

    id: RequestId
    method: str
    params: Any
    cancelled: threading.Event = field(default_factory=threading.Event)

    def is_cancelled(self) -> bool:
        """Whether the caller has cancelled it; may change at any time."""
        return self.cancelled.is_set()


class Server:
    """Answers requests from one peer until a handler ends the service or the stream ends.

    Args:
        channel: the connection to the peer.
        handlers: request handlers by method; each gets the unvalidated params and its request.
        listeners: notification listeners by method; called on the reader thread, so they must be quick.
        on_answered: called after each answer, before the next request is taken.
        on_rest: called once per idle period, after REST_SECONDS without a request. Requests that arrive
            meanwhile wait for it.
    """

    def __init__(
        self,
        channel: Channel,
        handlers: Mapping[str, Handler],
        listeners: Mapping[str, Listener] = MappingProxyType({}),
        on_answered: Callable[[], None] = lambda: None,
        on_rest: Callable[[], None] = lambda: None,
    ) -> None:
        self._channel = channel
        self._handlers = handlers
        self._listeners = listeners
        self._on_answered = on_answered
        self._on_rest = on_rest
        self._waiting: queue.SimpleQueue[Request] = queue.SimpleQueue()
        self._open: dict[RequestId, Request] = {}
        self._open_lock = threading.Lock()

    def serve(self) -> None:
        """Serve until a handler ends the service. The end of the stream exits the process instead."""
        threading.Thread(target=self._read_until_the_end, name="rpc-reader", daemon=True).start()
        while True:
            request = self._next_request()
            try:
                self._reply(request, **self._outcome(request))
                self._on_answered()
            except EndOfService:
                self._reply(request, result=None)
                return
            except ProcessBroken as broken:
                _exit_now(BROKEN_EXIT_CODE, str(broken))

    def _next_request(self) -> Request:
        try:
            return self._waiting.get(timeout=REST_SECONDS)
        except queue.Empty:
            pass
        try:
            self._on_rest()
        except Exception:
            _exit_now(1, f"what is done at rest failed: {traceback.format_exc()}")
        return self._waiting.get()

    def _read_until_the_end(self) -> None:
        try:
            while (message := self._channel.read()) is not None:
                self._take(message)
        except ChannelError as error:
            _exit_now(1, f"the channel cannot be trusted any more: {error}")
        except BaseException:
            _exit_now(1, f"the reader failed: {traceback.format_exc()}")
        # The server closed our stdin or died: there is nobody left to serve.
        _exit_now(0)

    def _take(self, message: dict[str, Any]) -> None:
        method, request_id = message.get("method"), message.get("id")
        if message.get("jsonrpc") != "2.0" or not isinstance(method, str):
            # An unsolicited response has no method and needs no answer.
            if "result" not in message and "error" not in message:
                self._refuse(request_id, INVALID_REQUEST, "This is not a JSON-RPC 2.0 request.")
        elif method == "$/cancelRequest":
            self._cancel(message.get("params"))
        elif "id" not in message:
            self._hear(method, message.get("params"))
        elif _is_request_id(request_id):
            self._enqueue(Request(request_id, method, message.get("params")))
        else:
            self._refuse(None, INVALID_REQUEST, "A request's id must be a string or a whole number.")

    def _hear(self, method: str, params: Any) -> None:
        # JSON-RPC: unknown notifications are ignored, and errors in known ones cannot be answered.
        listener = self._listeners.get(method, lambda params: None)
        try:
            listener(params)
        except InvalidParams as error:
            print(f"python_worker: {method}: {error}", file=sys.stderr, flush=True)

    def _enqueue(self, request: Request) -> None:
        with self._open_lock:
            is_new = request.id not in self._open
            if is_new:
                self._open[request.id] = request
        if is_new:
            self._waiting.put(request)
        else:
            self._refuse(request.id, INVALID_REQUEST, "A request with this id is still open.")

    def _cancel(self, params: Any) -> None:
        request_id = params.get("id") if isinstance(params, dict) else None
        with self._open_lock:
            request = self._open.get(request_id) if _is_request_id(request_id) else None
        if request is not None:
            request.cancelled.set()

    def _outcome(self, request: Request) -> dict[str, Any]:
        handler = self._handlers.get(request.method)
        if handler is None:
            return _error(METHOD_NOT_FOUND, f"There is no method {request.method}.")
        try:
            if request.is_cancelled():
                raise Cancelled
            return {"result": handler(request.params, request)}
        except (EndOfService, ProcessBroken):
            raise
        except InvalidParams as error:
            return _error(INVALID_PARAMS, f"{request.method}: {error}.")
        except Failure as failure:
            return {"error": failure.to_json()}
        except Cancelled:
            return {"error": Failure("CANCELLED", "The request was cancelled.").to_json()}
        except BaseException as error:
            # SystemExit included: model code must not be able to end the worker.
            return {"error": _failure_of(error, request.method).to_json()}

    def _reply(self, request: Request, **outcome: Any) -> None:
        with self._open_lock:
            del self._open[request.id]
        try:
            self._channel.write({"jsonrpc": "2.0", "id": request.id, **outcome})
        except (ValueError, TypeError, RecursionError):
            failure = _unexpected(request.method)
            self._channel.write({"jsonrpc": "2.0", "id": request.id, "error": failure.to_json()})

    def _refuse(self, request_id: Any, code: int, message: str) -> None:
        known_id = request_id if _is_request_id(request_id) else None
        self._channel.write({"jsonrpc": "2.0", "id": known_id, **_error(code, message)})


def _is_request_id(value: Any) -> TypeGuard[RequestId]:
    return isinstance(value, int | str) and not isinstance(value, bool)


def _error(code: int, message: str) -> dict[str, Any]:
    return {"error": {"code": code, "message": message}}


def _failure_of(error: BaseException, method: str) -> Failure:
    if is_full_disk(error):
        return full_disk_failure(traceback.format_exc()[-MAX_TRACEBACK:])
    return _unexpected(method)


def _unexpected(method: str) -> Failure:
    sentence = f"The worker failed at {method} in a way it did not expect."
    return Failure("INTERNAL", sentence, traceback.format_exc()[-MAX_TRACEBACK:])


def _exit_now(code: int, message: str = "") -> None:
    if message:
        print(f"python_worker: {message}", file=sys.stderr, flush=True)
    os._exit(code)
