"""The recipe of the starter model: songs by rule, rendered, mixed, learned from, measured, exported."""

from importlib.util import find_spec

NEEDED = (
    "librosa",
    "matplotlib",
    "mido",
    "msst",
    "numpy",
    "scipy",
    "soundfile",
    "soxr",
    "torch",
    "tqdm",
    "yaml",
)

# Here, for every command comes past before it imports any of them.
if missing := [package for package in NEEDED if find_spec(package) is None]:
    raise SystemExit(f"Not installed in this Python: {', '.join(missing)}. training/README.md says how.")
