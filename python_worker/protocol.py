"""The messages between Node and this child as dataclasses; mirrors `src/contract/protocol.ts`.

The tests of both sides read `test/fixtures/protocol/*.json`, so that the two cannot diverge unnoticed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from .process.strict_json import Json, NonNegative, Positive, parse

PROTOCOL_VERSION = 1

REQUEST_FAILED = -32001
"""The JSON-RPC error code of a failed request; `data` holds the kind of failure."""

MAX_FRAME_BYTES = 8 * 1024 * 1024
"""Maximum frame size in either direction; audio is passed by path."""

MAX_LOG_CHARS = 10_000
"""Longer log messages are truncated."""

FailureKind = Literal[
    "UNSUPPORTED_FORMAT",
    "INVALID_AUDIO",
    "NEEDS_STAGING",
    "MODEL_UNAVAILABLE",
    "OUT_OF_MEMORY",
    "INSUFFICIENT_STORAGE",
    "SEPARATION_FAILED",
    "CANCELLED",
    "INTERNAL",
]
Stage = Literal["loading_model", "decoding", "separating", "encoding"]
Container = Literal["wav", "flac", "mp3", "ogg", "mp4"]
OutputFormat = Literal["wav", "flac"]
PcmType = Literal["PCM_16", "PCM_24", "FLOAT"]
LogLevel = Literal["debug", "info", "warn", "error"]
CallShape = Literal["package", "bigshifts", "demix"]
DeviceKind = Literal["cpu", "cuda", "mps"]
Precision = Literal["fp32", "bf16", "fp16"]


class Failure(Exception):
    """A request failed, with a reason that may be shown to clients.

    Args:
        kind: the kind of failure; determines what the server does next.
        message: a plain sentence that says what is wrong and what can be done. No local paths, no traceback.
        traceback: for the log only.
    """

    def __init__(self, kind: FailureKind, message: str, traceback: str | None = None) -> None:
        super().__init__(message)
        self.kind: FailureKind = kind
        self.message = message
        self.traceback = traceback

    def to_json(self) -> dict[str, Json]:
        """The JSON-RPC error object of this failure."""
        return {
            "code": REQUEST_FAILED,
            "message": self.message,
            "data": {"kind": self.kind, "traceback": self.traceback},
        }


class Cancelled(BaseException):
    """Raised while a request runs that its caller has cancelled.

    Not an Exception, because MSST wraps or swallows every Exception.
    """


@dataclass(frozen=True)
class InitializeMedia:
    """The first request to a media child."""

    role: Literal["media"]
    protocol_version: int


@dataclass(frozen=True)
class InitializeWorker:
    """The first request to a worker: its device and its MSST."""

    role: Literal["worker"]
    protocol_version: int
    device: str
    msst_root: str
    shares_device: bool


@dataclass(frozen=True)
class MediaReady:
    """A media child's answer to `initialize`."""

    protocol_version: int


@dataclass(frozen=True)
class MsstInfo:
    """The MSST that a worker wraps."""

    call_shape: CallShape
    version: str | None


@dataclass(frozen=True)
class DeviceInfo:
    """The device that a worker is bound to."""

    kind: DeviceKind
    name: str
    uuid: str | None
    total_memory_bytes: NonNegative


@dataclass(frozen=True)
class WorkerReady:
    """A worker's answer to `initialize`, once torch and MSST are imported."""

    protocol_version: int
    pid: int
    python_version: str
    torch_version: str
    msst: MsstInfo
    device: DeviceInfo


@dataclass(frozen=True)
class ModelParams:
    """A model: its YAML, its checkpoint and whether it is trusted, LoRA adapters, how it is computed."""

    name: str
    architecture: str
    config_path: str
    checkpoint_path: str
    trust_pickle: bool
    lora_checkpoint_peft: str | None
    lora_checkpoint_loralib: str | None
    precision: Precision
    compile: bool
    msst_arguments: list[str]
    """Command-line arguments for options that only a fork of MSST has."""


@dataclass(frozen=True)
class SeparateOptions:
    """The options of one separation; None: as in the model's YAML."""

    instruments: list[str]
    use_tta: bool
    extract_instrumental: bool
    output_format: OutputFormat
    pcm_type: PcmType
    bigshifts: Positive
    num_overlap: Positive | None
    batch_size: Positive | None

    def __post_init__(self) -> None:
        if not self.instruments:
            raise ValueError("instruments must not be empty")
        if self.output_format == "flac" and self.pcm_type == "FLOAT":
            raise ValueError("FLAC holds no FLOAT samples")


@dataclass(frozen=True)
class SeparateParams:
    """The parameters of one attempt, fully resolved; audio is passed by path.

    Attributes:
        duration_seconds: the mixture's length as counted by the probe.
        piece_seconds: the mixture is separated in pieces of at most this length, if that gives the same
            stems; None: as a whole.
        whole_fits: whether the host has memory for the whole mixture, if it cannot be cut into pieces.
    """

    task_id: str
    attempt: Positive
    mixture_path: str
    output_dir: str
    scratch_dir: str
    duration_seconds: float
    piece_seconds: float | None
    whole_fits: bool
    model: ModelParams
    options: SeparateOptions

    def __post_init__(self) -> None:
        if self.duration_seconds <= 0:
            raise ValueError("duration_seconds must be above 0")
        if self.piece_seconds is not None and self.piece_seconds <= 0:
            raise ValueError("piece_seconds must be above 0")


@dataclass(frozen=True)
class Prepare:
    """The mixture most likely to be separated next, to be decoded while the network is busy."""

    mixture_path: str
    sample_rate: Positive
    duration_seconds: float


@dataclass(frozen=True)
class WrittenStem:
    """A finished stem. `peak` is the largest absolute sample value (1.0: full scale)."""

    instrument: str
    filename: str
    format: OutputFormat
    bytes: NonNegative
    sha256: str
    duration_seconds: float
    sample_rate: Positive
    channels: Positive
    peak: float
    clipped_samples: NonNegative


@dataclass(frozen=True)
class StageSeconds:
    """The seconds that each stage of an attempt took."""

    loading_model: float
    decoding: float
    separating: float
    encoding: float


@dataclass(frozen=True)
class DevicePeak:
    """Peak GPU memory of a separation in bytes; any_length: a longer mixture would not need more."""

    bytes: NonNegative
    any_length: bool


@dataclass(frozen=True)
class SeparateResult:
    """The result of a completed attempt."""

    task_id: str
    attempt: Positive
    stems: list[WrittenStem]
    warnings: list[str]
    stage_seconds: StageSeconds
    model_loads: NonNegative
    forward_seconds: float
    memory_retries: NonNegative
    device_peak: DevicePeak | None


@dataclass(frozen=True)
class LoadParams:
    """The model to load in advance."""

    model: ModelParams


@dataclass(frozen=True)
class LoadResult:
    """The seconds that loading took, and the models loaded now."""

    seconds: float
    model_loads: NonNegative
    resident: list[str]


@dataclass(frozen=True)
class UnloadParams:
    """A request to unload every model; it has no parameters."""


@dataclass(frozen=True)
class UnloadResult:
    """The models that were unloaded, and the bytes freed."""

    unloaded: list[str]
    freed_bytes: NonNegative


@dataclass(frozen=True)
class ProbeParams:
    """The file to probe."""

    path: str


@dataclass(frozen=True)
class ProbeResult:
    """The audio in a file; its duration is counted, never taken from a header."""

    container: Container
    codec: str
    sample_rate: Positive
    channels: Positive
    duration_seconds: float
    staging_reason: str | None


@dataclass(frozen=True)
class StageParams:
    """A file that MSST cannot read, its counted duration, and the path for the float WAV made from it."""

    task_id: str
    attempt: Positive
    path: str
    container: Container
    duration_seconds: float
    output_path: str


@dataclass(frozen=True)
class StageResult:
    """The duration of the WAV written, and warnings about it."""

    duration_seconds: float
    warnings: list[str]


@dataclass(frozen=True)
class Progress:
    """Forward calls begun and expected in total; 0 of 0 outside `separating`."""

    task_id: str
    attempt: Positive
    stage: Stage
    done: NonNegative
    total: NonNegative


@dataclass(frozen=True)
class Heartbeat:
    """A sign of life, with the process's CPU time and resident memory."""

    task_id: str | None
    attempt: Positive | None
    cpu_seconds: float
    rss_bytes: NonNegative


@dataclass(frozen=True)
class Holding:
    """What an idle worker holds: its loaded models, and its GPU memory in bytes, if it has a GPU."""

    models: list[str]
    device_bytes: NonNegative | None
    device_used_bytes: NonNegative | None


@dataclass(frozen=True)
class Log:
    """A line for the log; task_id and attempt are None if it belongs to no task."""

    task_id: str | None
    attempt: Positive | None
    level: LogLevel
    message: str


def parse_initialize(value: object) -> InitializeMedia | InitializeWorker:
    """Parse the params of `initialize`.

    Raises:
        ValueError: they are invalid; the message gives the reason.
    """
    role = value.get("role") if isinstance(value, dict) else None
    if role == "media":
        return parse(InitializeMedia, value)
    if role == "worker":
        return parse(InitializeWorker, value)
    raise ValueError("role must be media or worker")
