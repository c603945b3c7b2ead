"""The model card."""

from __future__ import annotations

import json
from pathlib import Path
from string import Template
from typing import Any

from training.command import CommandError
from training.evaluate.scores import Cell, cell_text
from training.stems import STEMS


def card_of(template: str, facts: dict[str, str], scores: list[tuple[str, Path]]) -> str:
    """Fill a card's template.

    Args:
        template: text with `$name` for every fact and `$scores` for the table.
        facts: what stands for each name.
        scores: what each set of songs is, and the file that `training.evaluate --json` wrote of it.

    Raises:
        CommandError: the template asks for a fact that is not there, or a file of scores is none.
    """
    try:
        return Template(template).substitute(facts, scores=table_of(scores))
    except (KeyError, ValueError) as error:
        raise CommandError(f"The card's template cannot be filled: {error}.") from error


def table_of(scores: list[tuple[str, Path]]) -> str:
    """A table of Markdown: a row for each set of songs and each way to separate."""
    lines = [
        f"| songs | | {' | '.join(STEMS)} | time for 1 s |",
        f"| --- | --- |{' --- |' * (len(STEMS) + 1)}",
    ]
    for title, path in scores:
        measured = read_scores(path)
        name = f"{measured['songs']} {title}"
        for separator, row in measured["figures"].items():
            told = {stem: Cell(**cell) for stem, cell in row.items()}
            cells = " | ".join(cell_text(told.get(stem), separator) for stem in STEMS)
            lines.append(f"| {name} | {separator} | {cells} | {measured['pace'][separator]:.2f} s |")
            name = ""
    return "\n".join(lines)


def read_scores(path: Path) -> dict[str, Any]:
    """What `training.evaluate --json` wrote.

    Raises:
        CommandError: the file is something else.
    """
    try:
        measured: dict[str, Any] = json.loads(path.read_text("utf-8"))
        measured["songs"], measured["figures"].items(), measured["pace"].items()
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CommandError(f"{path} does not hold the figures of training.evaluate.") from error
    return measured
