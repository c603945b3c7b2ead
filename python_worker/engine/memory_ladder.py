"""What an attempt gives up, step by step, before it fails for want of memory."""

from __future__ import annotations

import dataclasses

from ..protocol import Failure, SeparateParams, Stage


@dataclasses.dataclass(frozen=True)
class Shortage:
    """Where memory ran out.

    Args:
        failure: as it would be told.
        stage: of the attempt at that moment.
        batch_size: the network was run with; None: the YAML names none, or it was not read yet.
    """

    failure: Failure
    stage: Stage
    batch_size: int | None


class MemoryLadder:
    """Decides how one attempt is tried again after its memory ran out.

    First without the other models that were kept warm, once; then with the batch halved, down to one.

    Args:
        params: the attempt as the server wants it.

    Attributes:
        params: the attempt as it is to be tried now.
    """

    def __init__(self, params: SeparateParams) -> None:
        self.params = params
        self._has_evicted = False
        self._first_batch_size: int | None = None

    def may_evict(self, shortage: Shortage) -> bool:
        """Whether the next try is one without the other models. True once at most."""
        # What is computed already is not computed again because a file could not be encoded.
        if self._has_evicted or shortage.stage == "encoding":
            return False
        self._has_evicted = True
        return True

    def halve(self, shortage: Shortage) -> bool:
        """Halve the batch for the next try. False where that cannot help, or nothing is left to halve."""
        size = shortage.batch_size
        if shortage.stage != "separating" or size is None or size < 2:
            return False
        self._first_batch_size = self._first_batch_size or size
        options = dataclasses.replace(self.params.options, batch_size=size // 2)
        self.params = dataclasses.replace(self.params, options=options)
        return True

    @property
    def warnings(self) -> list[str]:
        """What the owner of the task has to know of the try that made it."""
        if self._first_batch_size is None:
            return []
        size = self.params.options.batch_size
        return [f"batch_size was halved to {size}, from {self._first_batch_size}: memory ran out otherwise"]


def give_up(shortage: Shortage) -> Failure:
    """The failure of an attempt for which nothing more can be tried, with what its owner can do."""
    if shortage.stage == "loading_model":
        sentence = "Memory ran out while loading the model; use a smaller model, or another device."
    elif shortage.stage == "separating" and shortage.batch_size == 1:
        sentence = (
            "Memory ran out while separating, even with a batch_size of 1; "
            "use a shorter file, a lower bigshifts, or another device."
        )
    else:
        doing = "encoding" if shortage.stage == "encoding" else "separating"
        sentence = (
            f"Memory ran out while {doing}; use a smaller batch_size, a shorter file, or another device."
        )
    return Failure("OUT_OF_MEMORY", sentence, shortage.failure.traceback)
