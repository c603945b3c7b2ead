"""Plans which stems an attempt writes, and how its instrumental is made."""

from __future__ import annotations

from dataclasses import dataclass

from ...protocol import Failure, SeparateOptions

INSTRUMENTAL = "instrumental"


@dataclass(frozen=True)
class StemPlan:
    """The stems that an attempt writes.

    Attributes:
        written: the stems written as MSST outputs them, in the order of the answer.
        subtracted: the stem subtracted from the mixture to make the instrumental; None: that is not made.
        warning: a warning about the instrumental for the user, if any.
    """

    written: tuple[str, ...]
    subtracted: str | None
    warning: str | None

    @property
    def subtracted_name(self) -> str | None:
        """The name of the stem made by subtraction, if any."""
        return None if self.subtracted is None else INSTRUMENTAL


def plan_stems(outputs: list[str], options: SeparateOptions) -> StemPlan:
    """Plan the stems for a model that outputs these instruments.

    Raises:
        Failure: the model lacks a requested stem.
    """
    unknown = [name for name in options.instruments if name not in outputs]
    if unknown:
        sentence = f"The model has no stem {unknown[0]}; it has {', '.join(outputs)}."
        raise Failure("SEPARATION_FAILED", sentence)
    wanted = tuple(dict.fromkeys(options.instruments))
    if not options.extract_instrumental:
        return StemPlan(wanted, None, None)
    own = _find(INSTRUMENTAL, outputs)
    if own is not None:
        # The model outputs it. MSST would replace it with the mixture minus itself, which is the vocals.
        return StemPlan(wanted if own in wanted else (*wanted, own), None, None)
    vocals = _find("vocals", outputs)
    if vocals is not None:
        return StemPlan(wanted, vocals, None)
    return StemPlan(
        wanted,
        outputs[0],
        f"{INSTRUMENTAL} is the mixture minus {outputs[0]}, the model's first instrument: it has no vocals",
    )


def _find(wanted: str, names: list[str]) -> str | None:
    if wanted in names:
        return wanted
    return next((name for name in names if name.casefold() == wanted), None)
