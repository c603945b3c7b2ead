"""Writes stems by the real stem writer, and says what is in a file by soundfile alone: a line of JSON each.

The sound is noise that only the request decides, so that whoever reads a file knows what was to be written.
"""

from __future__ import annotations

import json
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy
import soundfile

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from python_worker.engine.stems.stem_writer import StemWriter
from python_worker.protocol import SeparateOptions

BITS = {"PCM_16": 16, "PCM_24": 24}


def noise(sound: dict[str, Any], stem: int) -> Any:
    """The samples of one stem; beyond full scale where `level` is above 1."""
    shape = (sound["frames"], sound["channels"])
    samples = numpy.random.default_rng([sound["seed"], stem]).uniform(-1, 1, shape)
    return (samples * sound["level"]).astype(numpy.float32)


def write(request: dict[str, Any]) -> dict[str, Any]:
    """Writes every stem of one attempt."""
    options = SeparateOptions(**request["options"])
    writer = StemWriter(Path(request["output_dir"]), options, lambda: None)
    for stem, instrument in enumerate(request["instruments"]):
        sound = noise(request["sound"], stem)
        writer.append(instrument, sound, request["sample_rate"], of=len(sound))
    return {"stems": [asdict(stem) for stem in writer.finish()]}


def inspect(request: dict[str, Any]) -> dict[str, Any]:
    """What a file is, and how far its samples are from the noise and from what soundfile makes of that."""
    path, subtype = request["path"], request["pcm_type"]
    info = soundfile.info(path)
    decoded = soundfile.read(path, dtype="float64", always_2d=True)[0]
    meant = noise(request["sound"], request["stem"])
    with tempfile.NamedTemporaryFile() as plain:
        soundfile.write(plain.name, meant, info.samplerate, subtype=subtype, format=info.format)
        by_soundfile = soundfile.read(plain.name, dtype="float64", always_2d=True)[0]
    # Floats are kept as they are; PCM clips, and is as near as its steps allow.
    kept = meant if subtype == "FLOAT" else numpy.clip(meant, -1, 1)
    step = 1.0 if subtype == "FLOAT" else 2.0 ** (1 - BITS[subtype])
    is_whole = decoded.shape == meant.shape
    return {
        "container": info.format,
        "subtype": info.subtype,
        "frames": info.frames,
        "channels": info.channels,
        "sample_rate": info.samplerate,
        "peak": float(numpy.abs(meant).max()),
        "beyond_full_scale": int((numpy.abs(meant) > 1).sum()),
        "steps_off": float(numpy.abs(decoded - kept).max() / step) if is_whole else None,
        "same_as_soundfile": is_whole and bool((decoded == by_soundfile).all()),
    }


def main() -> None:
    """Answers every line with one."""
    for line in sys.stdin:
        request = json.loads(line)
        answer = write(request) if request["do"] == "write" else inspect(request)
        print(json.dumps(answer), flush=True)


main()
