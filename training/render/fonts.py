"""Where the sound fonts are."""

from __future__ import annotations

from pathlib import Path

from training.command import CommandError

FOLDERS = (
    Path("/usr/share/sounds/sf2"),
    Path("/usr/share/sounds/sf3"),
    Path("/usr/share/soundfonts"),
    Path(__file__).parent,
)
# File names, and the package of Debian that holds each.
TRAINING_FONTS = {
    "FluidR3_GM.sf2": "fluid-soundfont-gm",
    "MuseScore_General_Full.sf3": "musescore-general-soundfont",
}
HELD_OUT_FONT = {"TimGM6mb.sf2": "timgm6mb-soundfont"}
# To choose between checkpoints with: all of it is frequency modulation, and nothing is trained on it.
CHOOSING_FONT = {"OPL-3_FM_128M.sf2": "opl3-soundfont"}
# The second of the fonts to train on, as it was before it was compressed: quicker to play.
LOSSLESS_FONT = {"MuseScore_General_Full.sf2": "musescore-general-soundfont-lossless"}
# No sound font but patches, a file for each instrument, named by a file of ours and one of the package.
FREEPATS = Path(__file__).with_name("freepats.cfg")
PATCHES = Path("/etc/timidity/freepats.cfg")
PACKAGES = TRAINING_FONTS | HELD_OUT_FONT | CHOOSING_FONT | LOSSLESS_FONT


def find_font(name: str) -> Path:
    """The sound font of this path, or of this name in the folders where systems keep them.

    Raises:
        CommandError: there is none; the message names the package to install, where it is known.
    """
    for path in (Path(name), *(folder / name for folder in FOLDERS)):
        if path.is_file():
            if path.samefile(FREEPATS) and not PATCHES.is_file():
                raise CommandError(f"The patches of {name} are not there. On Debian: apt install freepats.")
            return path.resolve()
    package = PACKAGES.get(Path(name).name)
    hint = f" On Debian: apt install {package}." if package else " Give the path of an .sf2 or .sf3 file."
    raise CommandError(f"The sound font {name} is not there.{hint}")
