"""What the tests of the recipe share: its commands as a person runs them, tiny songs and a tiny network."""

from __future__ import annotations

import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import yaml
from architectures import MDX23C, RATE

from training.tensors import write_tensors
from training.train.start import started

ROOT = Path(__file__).parents[2]
STEMS = ("drums", "bass", "other")
FONT = "FluidR3_GM.sf2"
HELD_OUT = "TimGM6mb.sf2"
CHUNK = MDX23C["audio"]["chunk_size"]
# The settings of a training run of seconds.
TINY = ["--batch", "2", "--chunk", str(CHUNK), "--threads", "1", "--device", "cpu", "--rate", "0.01"]


def missing_packages() -> list[str]:
    """The packages of Debian that composing and rendering need and this machine lacks."""
    fonts = Path("/usr/share/sounds/sf2")
    there = {
        "fluidsynth": shutil.which("fluidsynth") is not None,
        "timidity": shutil.which("timidity") is not None,
        "mma": shutil.which("mma") is not None,
        "freepats": Path("/etc/timidity/freepats.cfg").is_file(),
        "fluid-soundfont-gm": (fonts / FONT).is_file(),
        "timgm6mb-soundfont": (fonts / HELD_OUT).is_file(),
    }
    return [package for package, found in there.items() if not found]


def begin(
    command: str, *arguments: object, room: int | None = None, path: str | None = None
) -> subprocess.Popen[str]:
    """Begin a command of the recipe, in a process group of its own.

    Args:
        room: the bytes that a file may have: a full disk.
        path: PATH.
    """

    def limit() -> None:
        if room is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))

    return subprocess.Popen(
        [sys.executable, "-m", f"training.{command}", *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1", **({"PATH": path} if path is not None else {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=limit,
    )


class Ran:
    """How a command ended.

    Attributes:
        code: its exit status.
        output: what it printed.
        errors: the lines on stderr that are not the progress bar's.
    """

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.output, stderr = process.communicate(timeout=300)
        self.code = process.returncode
        self.errors = lines_without_bar(stderr)

    @property
    def sentence(self) -> str:
        """The one line on stderr."""
        (line,) = self.errors
        return line


def run(command: str, *arguments: object, **options: Any) -> Ran:
    """Run a command of the recipe to its end."""
    return Ran(begin(command, *arguments, **options))


def lines_without_bar(stderr: str) -> list[str]:
    """The lines that are not those of a progress bar."""
    lines = (line.strip() for line in re.split(r"[\r\n]+", stderr))
    return [line for line in lines if line and not re.search(r"\d+%\|.*\[.*\]$", line)]


def everything_in(folder: Path) -> list[str]:
    """All files and folders below, hidden ones too."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def contents_of(folder: Path) -> dict[str, bytes]:
    """The files of a folder by name."""
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def noise_songs(folder: Path, *, count: int, seconds: float) -> Path:
    """Song folders of noise."""
    rng = np.random.default_rng(7)
    for index in range(count):
        song = folder / f"{index:05d}"
        song.mkdir(parents=True)
        for stem in STEMS:
            samples = rng.uniform(-0.2, 0.2, (round(seconds * RATE), 2))
            soundfile.write(song / f"{stem}.wav", samples, RATE, subtype="PCM_16")
    return folder


def samples_of(song: Path) -> np.ndarray:
    """A song's stems as 16-bit numbers: (stems, samples, 2)."""
    return np.stack([soundfile.read(song / f"{stem}.wav", dtype="int16")[0] for stem in STEMS])


def tiny_config(
    path: Path, *, instruments: tuple[str, ...] = STEMS, channels: int = 4, model_type: str | None = "mdx23c"
) -> Path:
    """The YAML of a small MDX23C."""
    training = {"instruments": list(instruments), "target_instrument": None, "use_amp": False}
    if model_type is not None:
        training["model_type"] = model_type
    config = {
        "audio": {"num_channels": 2, "sample_rate": RATE, "min_mean_abs": 0.0, **MDX23C["audio"]},
        "model": {**MDX23C["model"], "num_channels": channels},
        "training": training,
        "inference": {"batch_size": 1, "num_overlap": 2, "dim_t": 64},
    }
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    return path


def tiny_model(config: Path) -> Path:
    """Write the YAML of a small MDX23C, and weights of chance beside it, under the same name."""
    network, _ = started(tiny_config(config), None)
    write_tensors(config.with_suffix(".ckpt"), network.state_dict())
    return config


def stop_when(process: subprocess.Popen[str], is_time: Callable[[], bool], number: int) -> Ran:
    """Wait for the moment, then interrupt all of the command as Ctrl-C does, or kill its first process."""
    while not is_time():
        assert process.poll() is None, Ran(process).errors
        time.sleep(0.005)
    if number == signal.SIGKILL:
        process.kill()
    else:
        os.killpg(process.pid, number)
    return Ran(process)
