"""Runs plain `proc_folder` of an MSST on mixtures and compares its stems with those that a server gave.

The argument is the folder of the MSST. Every line on stdin is a JSON object: config_path, checkpoint_path,
mixture, pcm_type, flac_file, perhaps bigshifts and use_tta, and `stems`, the server's file for each
instrument. It is answered by one line of JSON: for each instrument whether both decode to the same samples,
the largest difference, and a hash of MSST's samples. Nothing of ours is imported: this is MSST run by hand.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import soundfile as sf


def main() -> None:
    """The command: lines of JSON in, lines of JSON out."""
    # What MSST prints, and what its networks write past Python, must not stand in the answer.
    answer = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    sys.path.insert(0, sys.argv[1])
    from inference import proc_folder  # type: ignore[import-not-found]

    for line in sys.stdin:
        print(json.dumps(compared(proc_folder, json.loads(line))), file=answer, flush=True)


def compared(proc_folder: Callable[..., object], asked: dict[str, Any]) -> dict[str, object]:
    """Separates the mixture as asked, and compares each stem."""
    with tempfile.TemporaryDirectory() as scratch:
        mixtures = Path(scratch, "mixtures")
        mixtures.mkdir()
        shutil.copy(asked["mixture"], mixtures / f"mixture{Path(asked['mixture']).suffix}")
        proc_folder(
            {
                "model_type": "mdx23c",
                "config_path": asked["config_path"],
                "start_check_point": asked["checkpoint_path"],
                "input_folder": str(mixtures),
                "store_dir": f"{scratch}/stems",
                "pcm_type": asked["pcm_type"],
                "flac_file": asked["flac_file"],
                "force_cpu": True,
                **{name: asked[name] for name in ("bigshifts", "use_tta") if name in asked},
            }
        )
        return {
            instrument: compare(next(Path(scratch, "stems").rglob(f"{instrument}.*")), served)
            for instrument, served in asked["stems"].items()
        }


def compare(plain: Path, served: str) -> dict[str, object]:
    """Whether two audio files decode to the same samples."""
    ours, our_rate = sf.read(served, dtype="float64", always_2d=True)
    theirs, their_rate = sf.read(plain, dtype="float64", always_2d=True)
    if ours.shape != theirs.shape or our_rate != their_rate:
        return {"equal": False, "shapes": [ours.shape, theirs.shape], "rates": [our_rate, their_rate]}
    difference = float(np.abs(ours - theirs).max())
    return {
        "equal": difference == 0.0,
        "difference": difference,
        "of_msst": hashlib.sha256(theirs.tobytes()).hexdigest(),
        "silent": float(np.abs(theirs).max()) == 0.0,
    }


if __name__ == "__main__":
    main()
