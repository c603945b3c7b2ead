"""MSST's warm Python API: python python_api.py CONFIG CHECKPOINT ARCHITECTURE DEVICE WARM_UP SONGS OUT.

Separates the folder WARM_UP, prints `ready`, waits for a line, separates the folder SONGS and prints `done`.
"""

from __future__ import annotations

import sys
from pathlib import Path

import msst


def main(
    config: str, checkpoint: str, architecture: str, device: str, warm_up: str, songs: str, out: str
) -> None:
    separator = msst.Separator(
        config_path=config,
        checkpoint_path=checkpoint,
        model_type=architecture,
        force_cpu=device == "cpu",
        detailed_progress=False,
    )
    separator.separate_folder(warm_up, Path(out).with_name("warm-up-stems"))
    print("\nready", flush=True)
    sys.stdin.readline()
    separator.separate_folder(songs, out)
    print("\ndone", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
