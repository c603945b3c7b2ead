"""A song of which MMA plays drums, bass and chords, and our players what is sung above them."""

from __future__ import annotations

import mido
import numpy as np

from training.compose.accompaniment.band import played_by_band
from training.compose.accompaniment.chart import chart
from training.compose.accompaniment.grooves import library
from training.compose.arrangement import other_parts
from training.compose.form import sections
from training.compose.harmony import PROGRESSIONS
from training.compose.midi_file import TICKS, Tempo, conductor, ticks, track
from training.compose.performance import Feel, performed
from training.compose.score import DRUM_CHANNEL, METERS
from training.compose.styles import STYLES, Style

# Who carries a tune or answers it.
SINGERS = ("melody", "counter", "thirds", "runs", "call")
TUNES = tuple(role for style in STYLES for role in style.roles if role.player in SINGERS)
TEMPO = (66.0, 190.0)


def accompanied_song(rng: np.random.Generator, seconds: float) -> mido.MidiFile:
    """Compose a song in a groove of MMA's library.

    Args:
        rng: where chance comes from.
        seconds: how long it is to last, to the bar (at least two of them).

    Returns:
        An SMF of type 1: a conductor track, then a track for each part, drums on channel 10 (index 9).

    Raises:
        CommandError: MMA is not installed, or could not play it.
    """
    styles = library()
    grooves = styles[int(rng.integers(len(styles)))]
    meter = METERS[grooves.meter]
    bpm = float(rng.uniform(*TEMPO))
    bars = max(2, round(seconds * bpm / 60 / meter.beats))
    families = tuple(str(family) for family in rng.choice(tuple(PROGRESSIONS), 2, replace=False))
    planned = sections(rng, families, meter, bars, flat=False)
    end = planned[-1].end
    band = played_by_band(rng, chart(rng, grooves, planned, int(rng.integers(2**31))), end)
    taken = {message.channel for one in band for message in one if not message.is_meta}
    free = [channel for channel in range(16) if channel != DRUM_CHANNEL and channel not in taken]
    style = Style("tunes", 0, TEMPO, families, (), (), (), TUNES, parts=(1, 3))
    tunes = [part for part in other_parts(rng, style, planned) if part.notes] if rng.random() < 0.85 else []
    feel = Feel(0.0, 1.0, float(rng.choice([0.003, 0.006, 0.012])), float(rng.uniform(3, 11)), False)
    file = mido.MidiFile(type=1, ticks_per_beat=TICKS)
    file.tracks = [conductor(Tempo(meter, ((0.0, bpm),)), end), *band]
    for part, channel in zip(tunes, free, strict=False):
        performed(rng, part, feel, planned, crowd=4.0)
        file.tracks.append(track(part, channel, end))
    for one in file.tracks[1:]:
        one.append(mido.MetaMessage("end_of_track", time=max(0, ticks(end) - sum(m.time for m in one))))
    return file
