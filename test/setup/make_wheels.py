"""Writes tiny wheels into a folder: `make_wheels.py FOLDER NAME==VERSION:MODULE[:REQUIREMENT] …`."""

import sys
import zipfile
from pathlib import Path

TAGS = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
LIBRARY_FAILS = 'raise OSError("libof.so: cannot open shared object file")\n'
SOURCES = {
    "broken": LIBRARY_FAILS,
    # As the real one does: its libraries are loaded where they are.
    "torchaudio": (
        "from pathlib import Path\nimport torch\n"
        f"if torch.__version__ == '3.0' or [*Path(__file__).parent.glob('lib/*.so')]: {LIBRARY_FAILS}"
    ),
}


def main() -> None:
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for spec in sys.argv[2:]:
        distribution, module, *requirement = spec.split(":")
        write_wheel(folder, distribution, module, requirement)


def write_wheel(folder: Path, distribution: str, module: str, requirements: list[str]) -> None:
    name, version = distribution.split("==")
    stem = f"{name.replace('-', '_')}-{version}"
    metadata = [
        "Metadata-Version: 2.1",
        f"Name: {name}",
        f"Version: {version}",
        *(f"Requires-Dist: {requirement}" for requirement in requirements),
    ]
    with zipfile.ZipFile(folder / f"{stem}-py3-none-any.whl", "w") as wheel:
        source = SOURCES.get(module, "")
        wheel.writestr(f"{module}/__init__.py", f"{source}__version__ = {version!r}\n")
        if module == "torchaudio":
            wheel.writestr("torchaudio/lib/_torchaudio.so", "compiled for another torch")
        wheel.writestr(f"{stem}.dist-info/METADATA", "\n".join(metadata) + "\n")
        wheel.writestr(f"{stem}.dist-info/WHEEL", TAGS)
        wheel.writestr(f"{stem}.dist-info/RECORD", "")


main()
