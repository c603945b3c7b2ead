"""Train a network on mixed songs: `python -m training.train MIXED VALIDATION OUT`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import torch

from training.command import CommandError, add_share, number, run, whole
from training.excerpt import middle_of
from training.stems import STEMS, songs_in
from training.train.examples import APART, Examples, open_songs
from training.train.learn import STATE, Settings, begin, learn
from training.train.memory import keep_freed_memory
from training.train.start import started
from training.train.state import fingerprint_of

CONFIG = Path("configs/config_starter.yaml")


def main(arguments: list[str] | None = None) -> int:
    """Train as the command line asks; a run that was interrupted goes on from its last report.

    Returns:
        The exit status (`training.command.run`).
    """
    asked = parsed(arguments)
    return run(lambda: train(asked))


def parsed(arguments: list[str] | None) -> argparse.Namespace:
    """The command line, its numbers checked."""
    parser = argparse.ArgumentParser(prog="python -m training.train", description=__doc__)
    parser.add_argument("mixed", type=Path, help="folder of songs to learn from")
    parser.add_argument(
        "validation", type=Path, help="folder of songs to watch the progress on, never learnt from"
    )
    parser.add_argument("out", type=Path, help="folder of the run; the same command goes on with it")
    parser.add_argument(
        "--config", type=Path, default=CONFIG, help=f"MSST's YAML of the network (default: {CONFIG})"
    )
    parser.add_argument(
        "--start",
        type=Path,
        help="checkpoint to begin with; for MDX23C one with fewer scales or blocks or a shorter window "
        "will do (default: random weights)",
    )
    parser.add_argument(
        "--kept",
        action="append",
        choices=STEMS,
        help="a stem of which the network keeps what it hears at the start, instead of learning the truth; "
        "may be given twice",
    )
    parser.add_argument("--steps", type=whole(1), default=4000, help="steps in all (default: 4000)")
    parser.add_argument("--batch", type=whole(1), default=4, help="examples of a step (default: 4)")
    parser.add_argument(
        "--chunk", type=whole(4096), default=130_048, help="samples of an example (default: 130048)"
    )
    parser.add_argument(
        "--rate", type=number(1e-6, 1), default=6e-3, help="highest learning rate (default: 0.006)"
    )
    parser.add_argument(
        "--seed", type=whole(0), default=0, help="of the weights and the examples (default: 0)"
    )
    add_share(parser, "--apart", "examples whose stems are of three songs, not of one", APART)
    add_share(parser, "--coloured", "stems that sound through an equaliser of chance, another at every step")
    parser.add_argument(
        "--report-every", type=whole(1), default=250, help="steps between two reports (default: 250)"
    )
    parser.add_argument(
        "--readers",
        type=whole(0),
        default=0,
        help="processes that read and mix examples: a GPU wants some (default: 0, a thread of this one)",
    )
    parser.add_argument("--threads", type=whole(1), help="threads of PyTorch (default: one for each core)")
    parser.add_argument(
        "--device",
        type=device,
        default="cuda" if torch.cuda.is_available() else "cpu",
        help="cpu, cuda, cuda:1 …",
    )
    parser.add_argument(
        "--bfloat16",
        action="store_true",
        help="compute in bfloat16: faster where the processor has it",
    )
    return parser.parse_args(arguments)


def device(text: str) -> torch.device:
    """A device that is there."""
    try:
        found = torch.device(text)
        torch.empty(1, device=found)
    except (RuntimeError, AssertionError) as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no device that PyTorch can use here") from error
    return found


def train(asked: argparse.Namespace) -> None:
    """Begin the run, or go on with it."""
    if asked.threads:
        torch.set_num_threads(asked.threads)
    torch.manual_seed(asked.seed)
    # Every excerpt is as long: what is the fastest way for one on a GPU is so for all.
    torch.backends.cudnn.benchmark = True
    kept = kept_stems(asked)
    network, config = started(asked.config, asked.start)
    chosen = {name: getattr(asked, name) for name in ("chunk", "batch", "seed", "apart", "coloured")}
    examples = Examples(open_songs(songs_in(asked.mixed), asked.chunk), **chosen)
    check_fit(network, asked.chunk, config.audio.chunk_size)
    validation = [chunk_of(song, config.audio.chunk_size) for song in songs_in(asked.validation)]
    settings = Settings(asked.steps, asked.rate, 100, 0.998, asked.report_every, asked.bfloat16)
    fingerprint = fingerprint_of(
        [asked.config, *([asked.start] if asked.start else [])],
        **chosen,
        settings=settings,
        # A state from before one of them is another run's.
        optimiser="muon by shape, adamw",
        loss="root mean square",
        **({"kept": kept} if kept else {}),
    )
    begun = begin(network.train(), asked.device, [STEMS.index(stem) for stem in kept])
    asked.out.mkdir(parents=True, exist_ok=True)
    if (asked.out / STATE).exists():
        begun.resume(asked.out / STATE, fingerprint)
    learn(begun, examples, validation, settings, asked.out, fingerprint, readers=asked.readers)


def kept_stems(asked: argparse.Namespace) -> list[str]:
    """The stems of `--kept`, each once.

    Raises:
        CommandError: nothing would be left to learn, or there is nothing yet to keep.
    """
    kept = [stem for stem in STEMS if stem in (asked.kept or ())]
    if len(kept) == len(STEMS):
        raise CommandError("--kept names every stem: nothing is left to learn. Leave one out.")
    if kept and not asked.start:
        raise CommandError("--kept keeps what a network hears already: name its checkpoint (--start).")
    return kept


def check_fit(network: torch.nn.Module, chunk: int, fitting: int) -> None:
    """Hear silence of the length of an excerpt.

    Args:
        chunk: samples.
        fitting: how many would do: those that the network separates at once.

    Raises:
        CommandError: the network cannot take as many, or gives back another number of them.
    """
    try:
        with torch.inference_mode():
            given = network.eval()(torch.zeros(1, 2, chunk)).shape[-1]
    except (RuntimeError, ValueError, LookupError, AssertionError):
        given = None
    if given != chunk:
        raise CommandError(
            f"The network cannot learn from excerpts of {chunk} samples (--chunk); "
            f"{fitting} would do, as in its YAML."
        )


def chunk_of(song: Path, samples: int) -> np.ndarray:
    """The stems at the middle of a song, float32 (stems, 2, samples); silence follows where it is shorter."""
    targets = middle_of(song, samples)
    return np.pad(targets, ((0, 0), (0, 0), (0, samples - targets.shape[-1])))


if __name__ == "__main__":
    # Of a process that does nothing else: who imports `main` keeps memory as it likes.
    keep_freed_memory()
    sys.exit(main())
