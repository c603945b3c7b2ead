"""Speeds up a network as configured: reduced precision and torch.compile."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from ...protocol import Failure, ModelParams
from ..msst.failures import is_broken_device, is_out_of_memory
from .checkpoint import Log

DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}

# Every batch size is compiled once. torch's default limit is 8, for all models of an architecture together.
RECOMPILE_LIMIT = 64

Forward = Callable[..., Any]


class FastForward:
    """The forward of one network with the precision and compilation that its model's entry configures.

    Args:
        network: on its device, with its weights.
        model: the model's settings.
        log: receives a warning if it cannot be compiled.

    Raises:
        Failure: the device does not support that precision.
    """

    def __init__(self, network: torch.nn.Module, model: ModelParams, log: Log) -> None:
        self._model = model
        self._device_kind = next((tensor.device.type for tensor in network.parameters()), "cpu")
        self._log = log
        self._plain: Forward = network.forward
        self._compiled: Forward | None = None
        self._may_compile = model.compile
        self._compiled_sizes: set[tuple[int, ...]] = set()
        self._dtype = DTYPES.get(model.precision)
        if self._dtype is not None:
            _require(self._dtype, model, self._device_kind)

    @property
    def warning(self) -> str:
        """The warning for the owner of a task that was computed this way."""
        precision, wants_compiled = self._model.precision, self._model.compile
        ways = [f"in {precision}"] if self._dtype is not None else []
        if wants_compiled and self._may_compile:
            ways.append("compiled")
        sentence = (
            f"the model was computed {' and '.join(ways)}, as this server is configured: "
            "the stems differ slightly from those of MSST"
            if ways
            else "the model was computed as MSST does it"
        )
        if wants_compiled and not self._may_compile:
            sentence += "; it could not be compiled on this machine"
        return sentence

    def __call__(self, *inputs: Any, **options: Any) -> Any:
        """Compute the network's output, in float32."""
        with self._lowered():
            output = self._compute(inputs, options)
        return output.float() if isinstance(output, torch.Tensor) else output

    @contextmanager
    def _lowered(self) -> Iterator[None]:
        if self._dtype is None:
            yield
            return
        with torch.autocast(self._device_kind, dtype=self._dtype), _WholeComplexNumbers():
            yield

    def _compute(self, inputs: tuple[Any, ...], options: dict[str, Any]) -> Any:
        size = _size_of(inputs)
        if not self._may_compile or self._is_remainder(size):
            return self._plain(*inputs, **options)
        try:
            output = self._compile()(*inputs, **options)
        except Exception as error:
            if is_broken_device(error):
                raise
            if is_out_of_memory(error):
                # The batch will be halved; smaller batches are then not remainders of this one.
                self._compiled_sizes.discard(size)
                raise
            reason = f"{type(error).__name__}: {error}"
        else:
            self._compiled_sizes.add(size)
            return output
        # If the network itself is at fault rather than the compiler, this raises its error.
        output = self._plain(*inputs, **options)
        self._give_up_compiling(reason)
        return output

    def _compile(self) -> Forward:
        if self._compiled is None:
            _prepare_compiler()
            self._compiled = torch.compile(self._plain, dynamic=False)
        return self._compiled

    def _give_up_compiling(self, reason: str) -> None:
        self._may_compile = False
        self._compiled = None
        self._log(
            "warn",
            f"the model {self._model.name} could not be compiled and is computed uncompiled until it is"
            f" loaded again: {reason}",
        )

    def _is_remainder(self, size: tuple[int, ...]) -> bool:
        """Whether this is a smaller last batch: compiling for it would take longer than it saves."""
        if not size or size in self._compiled_sizes:
            return False
        return any(size[1:] == other[1:] and size[0] < other[0] for other in self._compiled_sizes)


class _WholeComplexNumbers(TorchFunctionMode):  # type: ignore[misc]
    """Makes view_as_complex use float32: torch has no complex bfloat16, and hardly any float16 operations."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is torch.view_as_complex and args[0].dtype in (torch.bfloat16, torch.float16):
            args = (args[0].float(),)
        return func(*args, **(kwargs or {}))


def make_fast(network: torch.nn.Module, model: ModelParams, log: Log) -> None:
    """Apply the precision and compilation of the model's entry to a network; by default there are none.

    The network stays the same object with its attributes, because MSST reads them. Only its class is
    replaced, by a subclass with another `forward`; a `forward` set on the network later takes precedence.

    Raises:
        Failure: the device does not support that precision.
    """
    if model.precision == "fp32" and not model.compile:
        return
    forward = FastForward(network, model, log)
    kind = type(network)

    # wraps: MSST reads the names of forward's parameters.
    @functools.wraps(getattr(network.forward, "__func__", network.forward))
    def fast_forward(self: torch.nn.Module, *inputs: Any, **options: Any) -> Any:
        return forward(*inputs, **options)

    vars(network).pop("forward", None)
    names = {"__module__": kind.__module__, "__qualname__": kind.__qualname__, "__doc__": kind.__doc__}
    changes = {"forward": fast_forward, "fast_forward": forward}
    network.__class__ = type(kind.__name__, (kind,), {**names, **changes})


def how_computed(model: ModelParams) -> str:
    """The end of a log message; empty if the model is computed as in MSST."""
    precision = "" if model.precision == "fp32" else f", computed in {model.precision}"
    return f"{precision}{', compiled at its first chunk' if model.compile else ''}"


def warnings_of(network: torch.nn.Module | None) -> list[str]:
    """Warnings for a task's owner about how this network is computed."""
    forward = getattr(network, "fast_forward", None)
    return [forward.warning] if isinstance(forward, FastForward) else []


def _require(dtype: torch.dtype, model: ModelParams, device_kind: str) -> None:
    # For unsupported types autocast only warns and stays in float32.
    with torch.autocast(device_kind, dtype=dtype):
        works = torch.is_autocast_enabled(device_kind)
    if not works or (device_kind == "cpu" and dtype == torch.float16 and not _cpu_has_fp16()):
        raise Failure(
            "MODEL_UNAVAILABLE",
            f"The model {model.name} cannot be loaded: this server's {_word_for(device_kind)} does not"
            f" compute in {model.precision}; its entry under models: in the configuration has to name"
            " another precision.",
        )


def _cpu_has_fp16() -> bool:
    """Whether the CPU has fp16 instructions: without, fp16 is about 100 times slower and some layers fail."""
    try:
        return bool(torch.ops.mkldnn._is_mkldnn_fp16_supported())
    except (AttributeError, RuntimeError):
        return False


def _word_for(device_kind: str) -> str:
    return "processor" if device_kind == "cpu" else "GPU"


def _prepare_compiler() -> None:
    import torch._dynamo
    import torch._inductor.config

    # Compile in this process: helper processes would each load torch and stay alive beside the tasks.
    torch._inductor.config.compile_threads = 1
    limit = "recompile_limit" if hasattr(torch._dynamo.config, "recompile_limit") else "cache_size_limit"
    setattr(torch._dynamo.config, limit, RECOMPILE_LIMIT)


def _size_of(inputs: tuple[Any, ...]) -> tuple[int, ...]:
    first = inputs[0] if inputs else None
    return tuple(first.shape) if isinstance(first, torch.Tensor) else ()
