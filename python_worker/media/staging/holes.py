"""Records the parts missing in a decoded file, and makes warnings of them."""

from __future__ import annotations

from dataclasses import dataclass

MOST_TOLD = 5


@dataclass(frozen=True)
class _Hole:
    at_seconds: float
    seconds: float
    is_filled: bool


class Holes:
    """The parts of a file that could not be decoded, in order."""

    def __init__(self) -> None:
        self._holes: list[_Hole] = []
        self._more = 0
        self._more_seconds = 0.0
        self._left_out_seconds = 0.0

    def add(self, at_seconds: float, seconds: float, *, is_filled: bool) -> None:
        """Adds a hole.

        Args:
            at_seconds: its position in the output.
            seconds: its length.
            is_filled: whether it was filled with silence; otherwise what follows comes earlier.
        """
        self._left_out_seconds += 0.0 if is_filled else seconds
        if len(self._holes) < MOST_TOLD:
            self._holes.append(_Hole(at_seconds, seconds, is_filled))
        else:
            self._more += 1
            self._more_seconds += seconds

    def warnings(self, written_seconds: float, counted_seconds: float, tolerance: float) -> list[str]:
        """A warning per hole, and one if more than the tolerance is missing at the end.

        Holes beyond the first MOST_TOLD are summed up in one warning.
        """
        warnings = [_sentence(hole) for hole in self._holes]
        if self._more:
            warnings.append(f"{self._more_seconds:.2f} s are missing at {self._more} more places: damaged")
        missing = counted_seconds - written_seconds - self._left_out_seconds
        if missing > tolerance:
            warnings.append(f"{missing:.2f} s are missing at the end, at {written_seconds:.2f} s: damaged")
        return warnings


def _sentence(hole: _Hole) -> str:
    place = "replaced by silence" if hole.is_filled else "not replaced"
    return f"{hole.seconds:.2f} s are missing at {hole.at_seconds:.2f} s: damaged, {place}"
