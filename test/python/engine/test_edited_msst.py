"""An inference.py that its user has edited: what runs by hand is taken, or the sentence names the line."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch
from separating import PROJECT, RATE, ROOTS, Run, engine_of, mixture, plain_stems, tiny_model

from python_worker.protocol import Failure, ModelParams

WRITES = "            sf.write(\n"
LOOP = "        for instrument in instruments:\n"
RUN = "    run_folder(model, args, config, device, verbose=True)\n"

Edit = tuple[str, str]


@pytest.fixture
def edited(tmp_path: Path, one_thread: None, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Makes a checkout whose inference.py has some words in place of others."""

    def edit(*edits: Edit) -> Path:
        root = tmp_path / "msst"
        shutil.copytree(ROOTS["bigshifts"], root, ignore=shutil.ignore_patterns("__pycache__"))
        path = root / "inference.py"
        source = path.read_text(encoding="utf-8")
        for before, after in edits:
            assert before in source
            source = source.replace(before, after)
        path.write_text(source, encoding="utf-8")
        monkeypatch.setitem(ROOTS, "edited", root)
        return root

    return edit


@pytest.fixture
def model(tmp_path: Path) -> ModelParams:
    """A model for it."""
    return tiny_model(tmp_path / "model")


@pytest.fixture
def song(tmp_path: Path) -> Path:
    """A mixture."""
    return mixture(tmp_path / "song.wav")


def by_hand_and_served(tmp_path: Path, song: Path, model: ModelParams) -> tuple[dict[str, Any], Run, Any]:
    """Run it both ways."""
    expected = plain_stems("edited", tmp_path / "plain", song, model)
    run = Run(tmp_path / "run", song, model)
    with engine_of("edited") as engine:
        return expected, run, run.on(engine)


def served(tmp_path: Path, song: Path, model: ModelParams, **options: Any) -> tuple[Run, Any]:
    """Run it in a worker's way."""
    run = Run(tmp_path / "run", song, model, **options)
    with engine_of("edited") as engine:
        return run, run.on(engine)


def refusal(tmp_path: Path, song: Path, model: ModelParams) -> str:
    """What is said of a run that fails."""
    with pytest.raises(Failure) as caught:
        served(tmp_path, song, model)
    return caught.value.message


def line_of(root: Path, words: str) -> int:
    """The number of the line that has these words."""
    lines = (root / "inference.py").read_text(encoding="utf-8").splitlines()
    return next(number for number, line in enumerate(lines, 1) if words in line)


EXTRA: Edit = (
    LOOP,
    "        backing = os.path.join(args.store_dir, 'mixture_backing.wav')\n"
    "        sf.write(backing, original.T * 0.5, rate, subtype='FLOAT')\n" + LOOP,
)


def test_a_stem_more_is_a_result_more_with_a_warning(
    edited: Callable[..., Path], tmp_path: Path, song: Path, model: ModelParams
) -> None:
    edited(EXTRA)
    run, result = served(tmp_path, song, model)
    assert [stem.instrument for stem in result.stems] == ["vocals", "other", "backing"]
    assert result.warnings == ["This MSST writes a stem that the model's YAML does not name: backing."]
    assert len(run.stem(result, "backing")) == 3 * RATE


def test_a_stem_more_is_left_out_where_others_were_asked_for(
    edited: Callable[..., Path], tmp_path: Path, song: Path, model: ModelParams
) -> None:
    edited(EXTRA)
    _, result = served(tmp_path, song, model, instruments=["vocals"])
    assert [stem.instrument for stem in result.stems] == ["vocals"]
    assert result.warnings == []


def test_a_stem_more_of_a_mixture_in_pieces_is_whole(
    edited: Callable[..., Path], tmp_path: Path, model: ModelParams
) -> None:
    edited(
        (EXTRA[0], EXTRA[1].replace("'mixture_backing.wav'", "os.path.basename(path)[:-4] + '_backing.wav'"))
    )
    song = mixture(tmp_path / "song.wav", seconds=8.3)
    run, result = served(tmp_path, song, model, piece_seconds=2.5)
    assert len(run.stem(result, "backing")) == len(run.stem(result, "vocals")) == round(8.3 * RATE)


@pytest.mark.parametrize(
    "edit",
    [
        pytest.param(('f"{name}.', 'f"{name} of song.'), id="another name"),
        pytest.param(("sf.write(", "write("), id="soundfile.write by its own name"),
        pytest.param(("sf.write(", "through_scipy("), id="scipy"),
        pytest.param(("sf.write(", "through_a_file("), id="soundfile.SoundFile"),
    ],
)
def test_other_names_and_other_writers_are_taken(
    edited: Callable[..., Path], tmp_path: Path, song: Path, model: ModelParams, edit: Edit
) -> None:
    edited(
        edit,
        (
            "import soundfile as sf\n",
            "import soundfile as sf\nfrom soundfile import write\n\n"
            "def through_scipy(path, data, rate, subtype):\n"
            "    from scipy.io import wavfile\n    wavfile.write(path, rate, np.ascontiguousarray(data))\n\n"
            "def through_a_file(path, data, rate, subtype):\n"
            "    with sf.SoundFile(path, 'w', rate, data.shape[1], subtype) as file:\n"
            "        file.write(data)\n\n",
        ),
    )
    expected, run, result = by_hand_and_served(tmp_path, song, model)
    by_hand = dict(zip(("other", "vocals"), (expected[name] for name in sorted(expected)), strict=True))
    for instrument in ("vocals", "other"):
        assert numpy.array_equal(run.stem(result, instrument), by_hand[instrument])
    assert result.warnings == []


def test_a_resampled_output_is_taken_with_a_warning(
    edited: Callable[..., Path], tmp_path: Path, song: Path, model: ModelParams
) -> None:
    edited(
        (
            "                stem.T,\n                rate,\n",
            "                half_rate(stem).T,\n                rate // 2,\n",
        ),
        (
            "\n\ndef run_folder",
            "\n\ndef half_rate(stem):\n"
            "    return librosa.resample(stem, orig_sr=44100, target_sr=22050)\n\n\ndef run_folder",
        ),
    )
    expected, run, result = by_hand_and_served(tmp_path, song, model)
    assert {stem.sample_rate for stem in result.stems} == {RATE // 2}
    for instrument in ("vocals", "other"):
        assert numpy.array_equal(run.stem(result, instrument), expected[instrument])
    assert result.warnings == ["This MSST writes its stems at 22050 Hz, not at the rate of the model."]


def test_a_stem_that_is_written_twice_is_as_it_was_written_last(
    edited: Callable[..., Path], tmp_path: Path, model: ModelParams
) -> None:
    once = "                subtype=args.pcm_type,\n            )\n"
    path = "os.path.join(folder, f\"{name}.{'flac' if is_flac else 'wav'}\")"
    edited((once, f"{once}            sf.write({path}, stem.T * 0.5, rate, subtype=args.pcm_type)\n"))
    song = mixture(tmp_path / "song.wav", seconds=8.3)
    expected, run, result = by_hand_and_served(tmp_path, song, model)
    pieces = Run(tmp_path / "pieces", song, model, piece_seconds=2.5, extract_instrumental=True)
    with engine_of("edited") as engine:
        of_pieces = pieces.on(engine)
    for instrument in ("vocals", "other"):
        assert numpy.array_equal(run.stem(result, instrument), expected[instrument])
        assert numpy.array_equal(pieces.stem(of_pieces, instrument), expected[instrument])
    assert len(pieces.stem(of_pieces, "instrumental")) == len(expected["vocals"])


@pytest.mark.parametrize("first", [True, False])
def test_a_copy_under_another_name_does_not_stand_for_the_stem(
    edited: Callable[..., Path], tmp_path: Path, song: Path, model: ModelParams, first: bool
) -> None:
    quiet = "f'{args.store_dir}/{instrument}_quiet.wav'"
    copy = f"            sf.write({quiet}, stem.T * 0.5, rate, subtype='FLOAT')\n"
    once = "                subtype=args.pcm_type,\n            )\n"
    before = "            is_flac = "
    edited((before, copy + before) if first else (once, once + copy))
    expected, run, result = by_hand_and_served(tmp_path, song, model)
    for instrument in ("vocals", "other"):
        assert numpy.array_equal(run.stem(result, instrument), expected[instrument])
    assert (len(result.warnings) > 0) == (not first)


def test_streams_that_it_closes_are_not_those_of_the_worker(
    edited: Callable[..., Path], tmp_path: Path, song: Path, model: ModelParams
) -> None:
    edited((RUN, RUN + "    sys.stdout.close()\n    sys.stderr.close()\n"))
    with engine_of("edited") as engine:
        for times in ("1", "2"):
            Run(tmp_path / times, song, model).on(engine)


def test_a_shortened_output_is_refused(
    edited: Callable[..., Path], tmp_path: Path, song: Path, model: ModelParams
) -> None:
    edited(("                stem.T,\n", "                stem.T[:1000],\n"))
    assert "with another length than the mixture" in refusal(tmp_path, song, model)


def test_a_file_beside_inference_py_is_opened_by_its_name_alone(
    edited: Callable[..., Path], tmp_path: Path, song: Path, model: ModelParams
) -> None:
    root = edited(
        (
            RUN,
            "    with open('beside.txt') as file:\n        assert file.read() == 'here'\n"
            "    open('left.txt', 'w').close()\n" + RUN,
        )
    )
    (root / "beside.txt").write_text("here", encoding="utf-8")
    served(tmp_path, song, model)
    assert not (root / "left.txt").exists()


def test_a_parser_at_the_top_sees_the_command_line_of_a_run_by_hand(
    edited: Callable[..., Path],
    tmp_path: Path,
    song: Path,
    model: ModelParams,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "argv", ["python_worker", "--not-known"])
    edited(
        ("\n\ndef run_folder", "\nimport argparse\nargparse.ArgumentParser().parse_args()\n\ndef run_folder")
    )
    served(tmp_path, song, model)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("input('Which song? ')", "It waits for input from a terminal, but there is none"),
        ("open('nowhere.txt')", "No such file or directory"),
        ("undefined_name", "name 'undefined_name' is not defined"),
        ("raise EOFError", "It waits for input"),
        ("sys.exit(0)", "It ended the process it runs in"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
    ],
)
def test_what_fails_names_the_line(
    edited: Callable[..., Path],
    tmp_path: Path,
    song: Path,
    model: ModelParams,
    monkeypatch: pytest.MonkeyPatch,
    words: str,
    why: str,
) -> None:
    # A worker's is empty.
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    root = edited((RUN, f"    {words}\n{RUN}"))
    sentence = refusal(tmp_path, song, model)
    assert why in sentence
    assert f"(inference.py, line {line_of(root, words)})" in sentence
    assert "damaged" not in sentence


def test_what_fails_while_it_separates_names_the_line(
    edited: Callable[..., Path], tmp_path: Path, song: Path, model: ModelParams
) -> None:
    root = edited((LOOP, "        1 / 0\n" + LOOP))
    assert refusal(tmp_path, song, model) == (
        f"MSST failed while separating: division by zero (inference.py, line {line_of(root, '1 / 0')})."
    )


def test_a_mixture_is_still_there_where_the_input_is_deleted(
    edited: Callable[..., Path], tmp_path: Path, song: Path, model: ModelParams
) -> None:
    edited((LOOP, "        os.remove(os.path.realpath(path))\n" + LOOP))
    served(tmp_path, song, model)
    assert song.exists()


def test_the_process_is_as_it_was_afterwards(
    edited: Callable[..., Path], tmp_path: Path, song: Path, model: ModelParams
) -> None:
    edited(
        (
            RUN,
            "    os.chdir('/')\n    os.environ['LEFT_BY_MSST'] = '1'\n"
            "    os.environ.pop('PATH')\n"
            "    torch.set_num_threads(7)\n    torch.set_grad_enabled(False)\n"
            "    sys.path.insert(0, '/left')\n    sys.stdout = None\n"
            "    sys.argv.append('left')\n    return\n",
        )
    )
    before = (Path.cwd(), dict(os.environ), torch.get_num_threads(), sys.stdout, sys.argv[:])
    with engine_of("edited") as engine:
        with pytest.raises(Failure):
            Run(tmp_path / "run", song, model).on(engine)
        assert "/left" not in sys.path
    assert (Path.cwd(), dict(os.environ), torch.get_num_threads(), sys.stdout, sys.argv[:]) == before
    assert torch.is_grad_enabled()


def test_a_process_that_it_forks_off_answers_nothing(
    edited: Callable[..., Path], tmp_path: Path, song: Path, model: ModelParams
) -> None:
    edited((RUN, "    os.fork()\n" + RUN))
    script = (
        "import sys; sys.path[:0] = sys.argv[1:3]\n"
        "from pathlib import Path\nfrom separating import Run, tiny_model\n"
        "from python_worker.engine import Engine\n"
        "engine = Engine(Path(sys.argv[3]), 'cpu')\n"
        "run = Run(Path(sys.argv[4]), Path(sys.argv[5]), tiny_model(Path(sys.argv[4]) / 'model'))\n"
        "run.on(engine)\nprint('answered', flush=True)\n"
    )
    arguments = [
        str(PROJECT),
        str(PROJECT / "test" / "python"),
        str(ROOTS["edited"]),
        str(tmp_path / "in"),
        str(song),
    ]
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.stdout.count("answered") == 1, done.stderr
