"""The wire between Node and this child, as dataclasses: the mirror of `src/worker/protocol.ts`.

Both sides' tests read `test/fixtures/protocol/*.json`, so that neither can drift unseen.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from .strict_json import Json, NonNegative, Positive, parse

PROTOCOL_VERSION = 1

REQUEST_FAILED = -32001
"""The application error code of a request this child refused; `data` says which kind it was."""

MAX_FRAME_BYTES = 8 * 1024 * 1024
"""No frame may be longer than this, in either direction: audio travels by path."""

MAX_LOG_CHARS = 10_000
"""A longer log message is cut."""

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
    """A request that cannot be done, with a reason fit for a client.

    Args:
        kind: which sort of failure it is; decides what the server does next.
        message: a plain sentence: what is wrong and what can be done. No path of this machine, no traceback.
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
    """Raised in the middle of a request whose caller no longer wants it.

    Not an Exception: MSST wraps or swallows every Exception, and this one must pass through.
    """


@dataclass(frozen=True)
class InitializeMedia:
    """The first request to a media child."""

    role: Literal["media"]
    protocol_version: int


@dataclass(frozen=True)
class InitializeWorker:
    """The first request to a worker: the device it works on and the MSST it wraps."""

    role: Literal["worker"]
    protocol_version: int
    device: str
    msst_root: str
    shares_device: bool


@dataclass(frozen=True)
class MediaReady:
    """What a media child answers to it."""

    protocol_version: int


@dataclass(frozen=True)
class MsstInfo:
    """Which MSST a worker wraps."""

    call_shape: CallShape
    version: str | None


@dataclass(frozen=True)
class DeviceInfo:
    """The device a worker is bound to; memory in bytes."""

    kind: DeviceKind
    name: str
    uuid: str | None
    total_memory_bytes: NonNegative


@dataclass(frozen=True)
class WorkerReady:
    """What a worker answers once torch and MSST are imported."""

    protocol_version: int
    pid: int
    python_version: str
    torch_version: str
    msst: MsstInfo
    device: DeviceInfo


@dataclass(frozen=True)
class ModelParams:
    """A model: its configuration, its checkpoint, how far the latter is trusted, and how it is computed."""

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
    """Words of a command line, for options that a fork has of its own."""


@dataclass(frozen=True)
class SeparateOptions:
    """What is wanted of one separation; None: as the model's YAML says."""

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
    """One attempt of a task: everything resolved, audio by path, its length in seconds.

    Attributes:
        piece_seconds: too long to be held as a whole, it goes through MSST in pieces of at most so many
            seconds, where that gives the same stems; None: as a whole.
        whole_fits: whether it may be held as a whole all the same, where it does not.
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
    """The mixture of the task that will most likely come next, to be decoded while the network is busy."""

    mixture_path: str
    sample_rate: Positive
    duration_seconds: float


@dataclass(frozen=True)
class WrittenStem:
    """A finished stem: size in bytes, length in seconds, level as an absolute sample (1.0: full scale)."""

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
    """How long each stage of an attempt took."""

    loading_model: float
    decoding: float
    separating: float
    encoding: float


@dataclass(frozen=True)
class DevicePeak:
    """What a separation took of a GPU at most, in bytes; any_length: a longer mixture takes no more."""

    bytes: NonNegative
    any_length: bool


@dataclass(frozen=True)
class SeparateResult:
    """What a completed attempt answers."""

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
    """The model to load ahead of any task."""

    model: ModelParams


@dataclass(frozen=True)
class LoadResult:
    """How long that took, and what is loaded now."""

    seconds: float
    model_loads: NonNegative
    resident: list[str]


@dataclass(frozen=True)
class UnloadParams:
    """Every loaded model is to be freed."""


@dataclass(frozen=True)
class UnloadResult:
    """What was freed."""

    unloaded: list[str]
    freed_bytes: NonNegative


@dataclass(frozen=True)
class ProbeParams:
    """The file to look at."""

    path: str


@dataclass(frozen=True)
class ProbeResult:
    """What kind of audio a file holds; its length is counted, never read off a header."""

    container: Container
    codec: str
    sample_rate: Positive
    channels: Positive
    duration_seconds: float
    staging_reason: str | None


@dataclass(frozen=True)
class StageParams:
    """The file that MSST cannot read, its length in seconds as counted, and where it goes as a float WAV."""

    task_id: str
    attempt: Positive
    path: str
    container: Container
    duration_seconds: float
    output_path: str


@dataclass(frozen=True)
class StageResult:
    """What was written."""

    duration_seconds: float
    warnings: list[str]


@dataclass(frozen=True)
class Progress:
    """Forward calls begun so far and expected in all; 0 of 0 outside `separating`."""

    task_id: str
    attempt: Positive
    stage: Stage
    done: NonNegative
    total: NonNegative


@dataclass(frozen=True)
class Heartbeat:
    """The process lives; CPU time in seconds, memory in bytes."""

    task_id: str | None
    attempt: Positive | None
    cpu_seconds: float
    rss_bytes: NonNegative


@dataclass(frozen=True)
class Holding:
    """What a worker holds while it rests: models, and memory of its GPU in bytes, where it has one."""

    models: list[str]
    device_bytes: NonNegative | None
    device_used_bytes: NonNegative | None


@dataclass(frozen=True)
class Log:
    """A line for the log, about a task or about none."""

    task_id: str | None
    attempt: Positive | None
    level: LogLevel
    message: str


def parse_initialize(value: object) -> InitializeMedia | InitializeWorker:
    """The params of `initialize`; raises ValueError with the reason when they are not valid."""
    role = value.get("role") if isinstance(value, dict) else None
    if role == "media":
        return parse(InitializeMedia, value)
    if role == "worker":
        return parse(InitializeWorker, value)
    raise ValueError("role must be media or worker")
