"""Which stems an attempt writes, and what its instrumental is made of."""

from __future__ import annotations

from dataclasses import dataclass

from ..protocol import Failure, SeparateOptions

INSTRUMENTAL = "instrumental"


@dataclass(frozen=True)
class StemPlan:
    """
    Attributes:
        written: stems that are written as they come, in the order of the answer.
        subtracted: the stem that the mixture minus it is the instrumental of; None: no such stem is made.
        warning: what the user should know about it.
    """

    written: tuple[str, ...]
    subtracted: str | None
    warning: str | None

    @property
    def subtracted_name(self) -> str | None:
        """Of the stem that is made by subtraction, if one is."""
        return None if self.subtracted is None else INSTRUMENTAL


def plan_stems(outputs: list[str], options: SeparateOptions) -> StemPlan:
    """Decide it for a model that puts out these instruments.

    Raises:
        Failure: the model has none of a stem that is wanted.
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
        # It is one already. MSST would put the mixture minus it in its place: the vocals.
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
