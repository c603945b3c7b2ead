"""Which stems an attempt writes."""

from __future__ import annotations

import pytest
from separate_params import wanting

from python_worker.engine.stems.stem_plan import StemPlan, plan_stems
from python_worker.protocol import Failure, SeparateOptions


@pytest.mark.parametrize(
    ("outputs", "options", "expected"),
    [
        (["drums", "vocals"], wanting(instruments=["vocals"]), StemPlan(("vocals",), None, None)),
        (
            ["drums", "vocals"],
            wanting(instruments=["vocals", "drums", "vocals"]),
            StemPlan(("vocals", "drums"), None, None),
        ),
        (
            ["other", "vocals"],
            wanting(instruments=["other"], extract_instrumental=True),
            StemPlan(("other",), "vocals", None),
        ),
        (
            ["drums", "Vocals"],
            wanting(instruments=["drums"], extract_instrumental=True),
            StemPlan(("drums",), "Vocals", None),
        ),
        (
            ["Vocals", "vocals"],
            wanting(instruments=["Vocals"], extract_instrumental=True),
            StemPlan(("Vocals",), "vocals", None),
        ),
        (
            ["vocals", "Instrumental"],
            wanting(extract_instrumental=True),
            StemPlan(("vocals", "Instrumental"), None, None),
        ),
        (
            ["vocals", "instrumental"],
            wanting(instruments=["instrumental"], extract_instrumental=True),
            StemPlan(("instrumental",), None, None),
        ),
        (
            ["drums", "bass"],
            wanting(instruments=["bass"], extract_instrumental=True),
            StemPlan(
                ("bass",),
                "drums",
                "instrumental is the mixture minus drums, the model's first instrument: it has no vocals",
            ),
        ),
    ],
)
def test_the_stems_of_an_attempt_follow_from_what_the_model_puts_out(
    outputs: list[str], options: SeparateOptions, expected: StemPlan
) -> None:
    assert plan_stems(outputs, options) == expected


def test_a_stem_that_the_model_lacks_is_named() -> None:
    with pytest.raises(Failure) as failed:
        plan_stems(["drums", "bass"], wanting(instruments=["drums", "flute", "harp"]))
    assert failed.value.kind == "SEPARATION_FAILED"
    assert failed.value.message == "The model has no stem flute; it has drums, bass."
