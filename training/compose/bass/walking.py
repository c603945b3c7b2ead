"""Bass lines that go somewhere: walking, two-feel, boogie and melodic ones."""

from __future__ import annotations

from training.compose.bass.grooves import root
from training.compose.harmony import nearest
from training.compose.other.lines import motif, sung
from training.compose.score import Note, Take

BOOGIES = (
    (0, 4, 7, 9, 10, 9, 7, 4),
    (0, 0, 4, 4, 7, 7, 9, 9),
    (0, 4, 7, 9),
    (0, 7, 9, 7),
    (0, 4, 5, 6, 7, 9, 10, 9),
)


def walking(take: Take) -> list[Note]:
    """A note a quarter: roots on the changes, chord and scale tones between, a step into the next chord."""
    low, high = take.low, min(take.high, take.low + 21)
    skips = float(take.rng.choice([0, 0, 0.1, 0.25]))
    key = root(take, take.section.spans[0].chord)
    notes: list[Note] = []
    for number, span in enumerate(take.section.spans):
        after = take.section.spans[(number + 1) % len(take.section.spans)]
        count = max(1, round(span.length))
        for i in range(count):
            last = i == count - 1 and count > 1
            if i == 0:
                key = nearest((span.chord.root,), key, low, high)
            elif last:
                aim = nearest((after.chord.root,), key, low, high)
                key = aim + int(take.rng.choice([-1, -1, 1, 1, -2, 2, 7]))
            else:
                tones = span.chord.classes if take.chance(0.55) else span.chord.scale
                key = nearest(tones, key + float(take.rng.choice([-4, -3, -2, 2, 3, 4])), low, high)
            key = int(min(max(key, 26), 67))
            notes.append(Note(span.start + i, 0.9, key, 98.0))
            if take.chance(skips):
                notes.append(Note(span.start + i + 0.5, 0.2, key, 60.0))
    return notes


def two_feel(take: Take) -> list[Note]:
    """Two notes a bar, root and fifth, with a pick-up now and then."""
    notes: list[Note] = []
    for span in take.section.spans:
        at, turn = span.start, 0
        while at < span.end - 1e-6:
            length = min(2.0, span.end - at)
            tones = (span.chord.root,) if turn % 2 == 0 else ((span.chord.root + span.chord.fifth) % 12,)
            key = nearest(tones, root(take, span.chord) + (0 if turn % 2 == 0 else 5), take.low, take.high)
            notes.append(Note(at, length * 0.85, key, 96.0))
            if take.chance(0.15) and length >= 2:
                notes.append(
                    Note(at + 1.5, 0.4, nearest(span.chord.scale, key + 2.5, take.low, take.high), 80.0)
                )
            at, turn = at + 2.0, turn + 1
    return notes


def boogie(take: Take) -> list[Note]:
    """The boogie's figure in quarters or eighths."""
    figure = take.pick(BOOGIES)
    unit = 1.0 if take.chance(0.4) else 0.5
    notes: list[Note] = []
    for span in take.section.spans:
        for i in range(round(span.length / unit)):
            step = figure[i % len(figure)]
            step = step - 1 if step == 4 and 3 in span.chord.tones else step
            notes.append(Note(span.start + i * unit, unit * 0.85, root(take, span.chord) + step, 98.0))
    return notes


def melodic(take: Take) -> list[Note]:
    """A bass that sings: an idea over the changes, up into the tenor register."""
    idea = motif(take, float(take.rng.uniform(0.2, 0.55)))
    answer = motif(take, float(take.rng.uniform(0.2, 0.55)))
    key = float(take.low + 7)
    notes: list[Note] = []
    for number, bar in enumerate(take.section.bar_starts()):
        added, key = sung(take, answer if number % 4 == 3 else idea, bar, key, 0.9)
        notes.extend(added)
        if added and take.chance(0.8):
            added[0].key = root(take, take.section.chord_at(added[0].start))
    return notes
