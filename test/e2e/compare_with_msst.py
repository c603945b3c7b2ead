"""Runs plain `proc_folder` of an MSST on one mixture and compares its stems with those that a server gave.

Reads a JSON object on stdin: msst_root, model_type, config_path, checkpoint_path, mixture, pcm_type,
flac_file, perhaps bigshifts and use_tta, and `stems`, the server's file for each instrument. Prints a JSON
object: for each instrument whether both decode to the same samples, the largest difference, and a hash of
MSST's samples. Nothing of
ours is imported: this is MSST as run by hand.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np
import soundfile as sf


def main() -> None:
    """The command: JSON in, JSON out."""
    asked = json.load(sys.stdin)
    # What MSST prints, and what its networks write past Python, must not stand in the answer.
    answer = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    sys.path.insert(0, asked["msst_root"])
    from inference import proc_folder  # type: ignore[import-not-found]

    with tempfile.TemporaryDirectory() as scratch:
        mixtures = Path(scratch, "mixtures")
        mixtures.mkdir()
        shutil.copy(asked["mixture"], mixtures / f"mixture{Path(asked['mixture']).suffix}")
        proc_folder(
            {
                "model_type": asked["model_type"],
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
        compared = {
            instrument: compare(next(Path(scratch, "stems").rglob(f"{instrument}.*")), served)
            for instrument, served in asked["stems"].items()
        }
    json.dump(compared, answer)
    answer.close()


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
