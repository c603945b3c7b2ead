"""The RPC methods of both kinds of child, media and worker. `initialize` selects the kind."""

from __future__ import annotations

import os
import platform
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

from . import protocol
from .attempt import Attempt, AttemptKey, Notify, notifier
from .process.channel import Channel
from .process.heartbeat import Heart
from .process.rpc import EndOfService, Handler, InvalidParams, Listener, Request, Server
from .process.strict_json import Json, parse, to_json
from .protocol import PROTOCOL_VERSION, Failure

if TYPE_CHECKING:
    from .engine import Engine

Params = TypeVar("Params")


def serve(source: BinaryIO, sink_fd: int) -> None:
    """Serve requests on these two descriptors until the server requests `shutdown`."""
    channel = Channel(source, sink_fd)
    child = Child(notifier(channel.write))
    heart = Heart(child.notify, lambda: child.attempt)
    # A heartbeat after each answer reports the memory at rest, even if the next task follows at once.
    Server(channel, child.handlers(), child.listeners(), on_answered=heart.beat, on_rest=child.rest).serve()


class Child:
    """The request handlers of both roles, and the attempt in progress."""

    def __init__(self, notify: Notify) -> None:
        self.notify = notify
        self.attempt: Attempt | None = None
        self._role: str | None = None
        self._engine: Engine | None = None

    def handlers(self) -> dict[str, Handler]:
        """The request handlers by method name."""
        return {
            "initialize": self._initialize,
            "probe": self._in_role("media", self._probe),
            "stage": self._in_role("media", self._stage),
            "separate": self._in_role("worker", self._separate),
            "load": self._in_role("worker", self._load),
            "unload": self._in_role("worker", self._unload),
            "shutdown": self._shutdown,
        }

    def listeners(self) -> dict[str, Listener]:
        """The notification listeners by method name."""
        return {"prepare": self._prepare}

    def rest(self) -> None:
        """Called when no requests are waiting: warms up the engine."""
        if self._engine is not None:
            self._engine.warm_up()

    def _initialize(self, params: Any, request: Request) -> Json:
        if self._role is not None:
            raise InvalidParams("this child is initialized already")
        wanted = _valid(protocol.parse_initialize, params)
        ready = _start_media() if wanted.role == "media" else self._start_worker(wanted)
        self._role = wanted.role
        return to_json(ready)

    def _start_worker(self, params: protocol.InitializeWorker) -> protocol.WorkerReady:
        # Imported here because a media child has no torch.
        from .engine import Engine

        self._engine = Engine(Path(params.msst_root), params.device, shares_device=params.shares_device)
        return protocol.WorkerReady(
            protocol_version=PROTOCOL_VERSION,
            pid=os.getpid(),
            python_version=platform.python_version(),
            torch_version=self._engine.torch_version,
            msst=self._engine.msst_info,
            device=self._engine.device_info,
        )

    def _separate(self, params: Any, request: Request) -> Json:
        wanted = _valid(lambda value: parse(protocol.SeparateParams, value), params)
        assert self._engine is not None  # the engine is created before the role is set
        with self._telling_holding(), self._attempt(wanted, request) as attempt:
            return to_json(self._engine.separate(wanted, attempt))

    def _prepare(self, params: Any) -> None:
        wanted = _valid(lambda value: parse(protocol.Prepare, value), params)
        if self._engine is not None:
            self._engine.prepare(wanted)

    def _load(self, params: Any, request: Request) -> Json:
        wanted = _valid(lambda value: parse(protocol.LoadParams, value), params)
        assert self._engine is not None  # the engine is created before the role is set
        with self._telling_holding():
            return to_json(self._engine.load(wanted.model, self._log))

    def _unload(self, params: Any, request: Request) -> Json:
        _valid(lambda value: parse(protocol.UnloadParams, value), params)
        assert self._engine is not None  # the engine is created before the role is set
        with self._telling_holding():
            return to_json(self._engine.unload())

    def _probe(self, params: Any, request: Request) -> Json:
        from .media import probe

        wanted = _valid(lambda value: parse(protocol.ProbeParams, value), params)
        return to_json(probe(wanted.path))

    def _stage(self, params: Any, request: Request) -> Json:
        from .media import stage

        wanted = _valid(lambda value: parse(protocol.StageParams, value), params)
        with self._attempt(wanted, request) as attempt:
            return to_json(stage(wanted, attempt.is_cancelled))

    def _shutdown(self, params: Any, request: Request) -> Json:
        raise EndOfService

    def _log(self, level: protocol.LogLevel, message: str) -> None:
        """Write a line to the server's log that belongs to no attempt."""
        self.notify("log", protocol.Log(None, None, level, message[: protocol.MAX_LOG_CHARS]))

    @contextmanager
    def _telling_holding(self) -> Iterator[None]:
        """Notify the server of the loaded models when the block ends, even on error, before the answer."""
        try:
            yield
        finally:
            assert self._engine is not None  # only a worker calls this
            self.notify("holding", self._engine.holding())

    @contextmanager
    def _attempt(
        self, params: protocol.SeparateParams | protocol.StageParams, request: Request
    ) -> Iterator[Attempt]:
        self.attempt = Attempt(AttemptKey(params.task_id, params.attempt), request, self.notify)
        try:
            yield self.attempt
        finally:
            self.attempt.end()
            self.attempt = None

    def _in_role(self, role: str, handler: Handler) -> Handler:
        def guarded(params: Any, request: Request) -> Json:
            if self._role != role:
                raise InvalidParams(f"only an initialized {role} child has this method")
            return handler(params, request)

        return guarded


def _start_media() -> protocol.MediaReady:
    try:
        # Imported now so that the first probe does not pay for it.
        from .media import limit_memory
    except ImportError as error:
        sentence = f"This Python cannot import PyAV: {error}"
        raise Failure("INTERNAL", sentence, traceback.format_exc()) from error
    limit_memory()
    return protocol.MediaReady(PROTOCOL_VERSION)


def _valid(read: Callable[[object], Params], value: object) -> Params:
    try:
        return read(value)
    except ValueError as error:
        raise InvalidParams(str(error)) from error
