"""Export a trained network for the server: `python -m training.export RUN --config YAML`."""

from __future__ import annotations

import argparse
import datetime
import hashlib
import sys
from pathlib import Path

from training.command import CommandError, run
from training.export.card import card_of, read_scores
from training.export.half import write_half
from training.model import build
from training.whole import whole_file

TEMPLATE = Path(__file__).with_name("card.md")


def main(arguments: list[str] | None = None) -> int:
    """Export what the command line asks for.

    Returns:
        The exit status (`training.command.run`).
    """
    asked = parsed(arguments)
    return run(lambda: export(asked))


def parsed(arguments: list[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m training.export", description=__doc__)
    parser.add_argument("run", type=Path, help="folder of a training run that reached its last step")
    parser.add_argument("--config", type=Path, required=True, help="MSST's YAML of the network")
    parser.add_argument(
        "--checkpoint", type=Path, default=Path("pretrain/starter.ckpt"), help="checkpoint to write"
    )
    parser.add_argument("--card", type=Path, help="model card to write beside it")
    parser.add_argument(
        "--scores",
        action="append",
        default=[],
        type=titled,
        metavar="TITLE=FILE",
        help="what training.evaluate --json wrote, for the card; several may be given",
    )
    parser.add_argument("--training", default="", help="sentence for the card: machine, time and steps")
    return parser.parse_args(arguments)


def titled(text: str) -> tuple[str, Path]:
    """A title and a file."""
    title, equals, file = text.partition("=")
    if not (equals and title and file):
        raise argparse.ArgumentTypeError(f"{text!r} is not TITLE=FILE")
    return title, Path(file)


def export(asked: argparse.Namespace) -> None:
    """Write the checkpoint, and the card where one is asked for."""
    trained = asked.run / "model.ckpt"
    if not trained.is_file():
        raise CommandError(f"{trained} is not there: the training has not reached its last step.")
    for _, scores in asked.scores:
        read_scores(scores)
    asked.checkpoint.parent.mkdir(parents=True, exist_ok=True)
    agreement = write_half(asked.config, trained, asked.checkpoint)
    network, _, _ = build(asked.config)
    size = asked.checkpoint.stat().st_size / 1e6
    sha256 = hashlib.sha256(asked.checkpoint.read_bytes()).hexdigest()
    millions = sum(weight.numel() for weight in network.parameters()) / 1e6
    print(f"{asked.checkpoint}: {size:.1f} MB, {millions:.2f} M parameters, {agreement:.0f} dB from float32")
    print(f"sha256 {sha256}")
    if asked.card:
        asked.card.parent.mkdir(parents=True, exist_ok=True)
        facts = {
            "size": f"{size:.1f} MB",
            "parameters": f"{millions:.2f} million",
            "sha256": sha256,
            "agreement": f"{agreement:.0f} dB",
            "training": asked.training,
            "date": datetime.date.today().isoformat(),
        }
        with whole_file(asked.card) as temporary:
            temporary.write_text(card_of(TEMPLATE.read_text("utf-8"), facts, asked.scores), "utf-8")


if __name__ == "__main__":
    sys.exit(main())
