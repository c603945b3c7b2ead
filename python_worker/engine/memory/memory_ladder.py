"""The retries of an attempt that runs out of memory, each needing less, before it fails."""

from __future__ import annotations

import dataclasses

from ...protocol import Failure, SeparateParams, Stage


@dataclasses.dataclass(frozen=True)
class Shortage:
    """Describes an out-of-memory error.

    Args:
        failure: the failure to report if there is no retry.
        stage: the attempt's stage at that moment.
        batch_size: the network's batch size; None if the YAML does not say, or has not been read yet.
    """

    failure: Failure
    stage: Stage
    batch_size: int | None


class MemoryLadder:
    """Decides how an attempt is retried after it ran out of memory.

    First, once, with all other models evicted; then with the batch size halved each time, down to one.

    Args:
        params: the attempt's parameters from the server.

    Attributes:
        params: the parameters for the next try.
    """

    def __init__(self, params: SeparateParams) -> None:
        self.params = params
        self._has_evicted = False
        self._first_batch_size: int | None = None

    def may_evict(self, shortage: Shortage) -> bool:
        """Whether to evict all other models for the next try. True at most once."""
        # A finished separation is not repeated because encoding ran out of memory.
        if self._has_evicted or shortage.stage == "encoding":
            return False
        self._has_evicted = True
        return True

    def halve(self, shortage: Shortage) -> bool:
        """Halve the batch size for the next try. Returns False if that cannot help, or it is 1 already."""
        size = shortage.batch_size
        if shortage.stage != "separating" or size is None or size < 2:
            return False
        self._first_batch_size = self._first_batch_size or size
        options = dataclasses.replace(self.params.options, batch_size=size // 2)
        self.params = dataclasses.replace(self.params, options=options)
        return True

    @property
    def warnings(self) -> list[str]:
        """Warnings for the task's owner about the try that succeeded."""
        if self._first_batch_size is None:
            return []
        size = self.params.options.batch_size
        return [f"batch_size was halved to {size}, from {self._first_batch_size}, because memory ran out"]


def give_up(shortage: Shortage) -> Failure:
    """The failure when no retry is left; its message tells the task's owner what to change."""
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
