"""What any program needs that separates with this model: `bare_start.py CONFIG CHECKPOINT SONG`.

Prints a line of JSON for each step, by the machine's clock that never jumps: torch is imported, MSST has
loaded the model, and its decoder has read a song, whose first time in a process costs imports of its own.
"""

import json
import sys
import time


def tell(step: str) -> None:
    """Print what is done, and when."""
    print(json.dumps({"step": step, "ms": time.monotonic() * 1000}), flush=True)


config_path, checkpoint_path, song = sys.argv[1:]

import torch  # noqa: E402, F401

tell("torch")

from msst import Separator  # noqa: E402

Separator(config_path=config_path, checkpoint_path=checkpoint_path, model_type="mdx23c", force_cpu=True)
tell("loaded")

import librosa  # noqa: E402

librosa.load(song, sr=44100, mono=False)
tell("decoded")
