"""The engine on the msst package and on stand-ins of the two other MSSTs in use."""

from __future__ import annotations

import dataclasses
import gc
import hashlib
import os
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import pytest
import soundfile
import torch
from separating import (
    RATE,
    STARTER,
    Run,
    engine_of,
    instruments_of,
    mixture,
    mono_model,
    plain_stems,
    starter_with,
    tiny_model,
)

from python_worker.engine import Engine
from python_worker.protocol import Cancelled, Failure, ModelParams

# The stand-ins and the msst package silence or raise warnings that are not ours to answer for.
pytestmark = pytest.mark.filterwarnings("ignore")


def model_with(shape: str, folder: Path, **changes: Any) -> ModelParams:
    return starter_with(folder, **changes) if shape == "package" else tiny_model(folder, **changes)


def failure_of(run: Run, engine: Engine) -> Failure:
    with pytest.raises(Failure) as caught:
        run.on(engine)
    assert list(run.output.iterdir()) == []
    return caught.value


def test_the_call_shape_is_told(engine: Engine, shape: str) -> None:
    assert engine.msst_info.call_shape == shape
    assert engine.msst_info.version == ("0.1.0" if shape == "package" else None)


def test_what_decoding_needs_is_imported_once_at_rest_or_as_part_of_loading(
    shape: str, model: ModelParams, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    times: list[object] = []
    monkeypatch.setattr("python_worker.engine.engine.warm_up_decoding", times.append)
    with engine_of(shape) as resting:
        resting.load(model, lambda level, message: None)
        assert times == []  # a model that is to be preloaded does not wait for it
        resting.warm_up()
        resting.warm_up()
        assert len(times) == 1
    with engine_of(shape) as busy:
        Run(tmp_path / "first", mixture(tmp_path / "song.wav"), model).on(busy)
        busy.warm_up()
        assert len(times) == 2


def test_weights_that_were_wrapped_in_training_give_the_same_stems(
    engine: Engine, model: ModelParams, tmp_path: Path
) -> None:
    song, path = mixture(tmp_path / "song.wav", seconds=1), tmp_path / "wrapped.ckpt"
    weights = torch.load(model.checkpoint_path)
    torch.save({"epoch": 1, "ema": {f"module.{name}": value for name, value in weights.items()}}, path)
    plain, wrapped = (
        Run(tmp_path / name, song, dataclasses.replace(model, checkpoint_path=checkpoint))
        for name, checkpoint in (("plain", model.checkpoint_path), ("as wrapped", str(path)))
    )
    expected, found = plain.on(engine), wrapped.on(engine)
    for name in instruments_of(model):
        assert numpy.array_equal(wrapped.stem(found, name), plain.stem(expected, name))


@pytest.mark.parametrize("tta", [False, True])
def test_stems_are_those_of_plain_proc_folder(
    engine: Engine, shape: str, model: ModelParams, tmp_path: Path, tta: bool
) -> None:
    song = mixture(tmp_path / "song.wav")
    bigshifts = {} if shape == "demix" or not tta else {"bigshifts": 2}
    expected = plain_stems(shape, tmp_path / "plain", song, model, use_tta=tta, **bigshifts)
    run = Run(tmp_path / "ours", song, model, use_tta=tta, **bigshifts)
    result = run.on(engine)
    assert [stem.instrument for stem in result.stems] == instruments_of(model)
    assert expected.keys() == set(instruments_of(model))
    for instrument, samples in expected.items():
        assert numpy.array_equal(run.stem(result, instrument), samples)


@pytest.mark.parametrize(
    ("output_format", "pcm_type"),
    [("wav", "PCM_16"), ("wav", "PCM_24"), ("flac", "PCM_16"), ("flac", "PCM_24")],
)
def test_pcm_is_what_soundfile_makes_of_the_same_floats(
    engine: Engine, model: ModelParams, tmp_path: Path, output_format: str, pcm_type: str
) -> None:
    song = mixture(tmp_path / "song.wav", loud=3.0)
    wanted = instruments_of(model)[:1]
    floats = Run(tmp_path / "floats", song, model, instruments=wanted)
    in_float = floats.on(engine)
    run = Run(
        tmp_path / "ours", song, model, instruments=wanted, output_format=output_format, pcm_type=pcm_type
    )
    result = run.on(engine)
    samples = floats.stem(in_float, wanted[0])
    reference = tmp_path / f"reference.{output_format}"
    soundfile.write(reference, samples, RATE, subtype=pcm_type)
    expected = soundfile.read(reference, dtype="int32", always_2d=True)[0]
    assert numpy.array_equal(run.stem(result, wanted[0], "int32"), expected)
    written = result.stems[0]
    path = run.output / written.filename
    assert soundfile.info(path).subtype == pcm_type
    assert soundfile.info(path).format == output_format.upper()
    assert written.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert written.bytes == path.stat().st_size
    assert written.peak == float(numpy.abs(samples).max())
    assert written.clipped_samples == int((numpy.abs(samples) > 1).sum())
    assert in_float.stems[0].clipped_samples == 0
    assert (written.sample_rate, written.channels, written.duration_seconds) == (RATE, 2, 3.0)


def test_a_second_run_does_not_load_the_model_again(
    engine: Engine, model: ModelParams, tmp_path: Path
) -> None:
    song = mixture(tmp_path / "song.wav")
    first, second = Run(tmp_path / "1", song, model), Run(tmp_path / "2", song, model)
    one = first.on(engine)
    two = second.on(engine)
    assert two.model_loads == one.model_loads
    for instrument in instruments_of(model):
        assert numpy.array_equal(first.stem(one, instrument), second.stem(two, instrument))


def unheard(level: str, message: str) -> None:
    """Stands for the log."""


def networks(of_types: tuple[str, ...] = ("TinyNet", "TFC_TDF_net")) -> list[weakref.ref[torch.nn.Module]]:
    """Every network that is in memory now."""
    modules = [thing for thing in gc.get_objects() if type(thing).__name__ in of_types]
    return [weakref.ref(module) for module in modules]


def test_a_model_loaded_ahead_is_not_loaded_again_and_gives_the_same_samples(
    engine: Engine, model: ModelParams, tmp_path: Path
) -> None:
    song = mixture(tmp_path / "song.wav")
    engine.unload()
    by_task = Run(tmp_path / "1", song, model)
    one = by_task.on(engine)
    engine.unload()
    before = one.model_loads

    ahead = engine.load(model, unheard)
    assert (ahead.model_loads, ahead.resident) == (before + 1, [model.name])
    assert ahead.seconds > 0
    again = engine.load(model, unheard)
    assert (again.model_loads, again.resident) == (before + 1, [model.name])

    warm = Run(tmp_path / "2", song, model)
    two = warm.on(engine)
    assert two.model_loads == before + 1
    for instrument in instruments_of(model):
        assert numpy.array_equal(by_task.stem(one, instrument), warm.stem(two, instrument))


def test_overrides_of_a_task_reach_a_model_that_was_loaded_ahead(
    engine: Engine, model: ModelParams, tmp_path: Path
) -> None:
    engine.unload()
    engine.load(model, unheard)
    song = mixture(tmp_path / "song.wav")
    totals = []
    for number, overrides in enumerate([{}, {"num_overlap": 4, "batch_size": 1}, {}]):
        run = Run(tmp_path / str(number), song, model, **overrides)
        run.on(engine)
        totals.append(run.progress("separating")[-1][1])
    assert totals[0] == totals[2] < totals[1]


def test_unload_frees_every_model_and_the_next_task_loads_its_own_again(
    engine: Engine, shape: str, model: ModelParams, tmp_path: Path
) -> None:
    engine.unload()
    elsewhere = {id(network()) for network in networks()}
    other = model_with(shape, tmp_path / "other", inference__num_overlap=4)
    engine.load(model, unheard)
    loaded = engine.load(other, unheard)
    assert loaded.resident == [model.name, other.name]
    Run(tmp_path / "1", mixture(tmp_path / "song.wav"), other).on(engine)
    held = [network for network in networks() if id(network()) not in elsewhere]
    assert len(held) == 2
    parameters = [parameter for network in held for parameter in network().parameters()]  # type: ignore[union-attr]
    size = sum(parameter.numel() * parameter.element_size() for parameter in parameters)
    del parameters

    freed = engine.unload()
    assert freed.unloaded == [model.name, other.name]
    assert freed.freed_bytes >= size > 0
    assert [network() for network in held] == [None, None]
    assert engine.unload() == type(freed)([], 0)

    result = Run(tmp_path / "2", mixture(tmp_path / "again.wav"), other).on(engine)
    assert result.model_loads == loaded.model_loads + 1


def test_a_model_that_cannot_be_loaded_ahead_says_why_and_the_others_stay(
    engine: Engine, shape: str, model: ModelParams, tmp_path: Path
) -> None:
    engine.load(model, unheard)
    broken = model_with(shape, tmp_path / "model")
    wrong = tmp_path / "wrong.ckpt"
    torch.save({"wrong.weight": torch.ones(1)}, wrong)
    object.__setattr__(broken, "checkpoint_path", str(wrong))
    with pytest.raises(Failure, match="does not fit the configuration") as caught:
        engine.load(broken, unheard)
    assert caught.value.kind == "MODEL_UNAVAILABLE"
    assert str(tmp_path) not in caught.value.message
    object.__setattr__(broken, "checkpoint_path", str(tmp_path / "nowhere.ckpt"))
    with pytest.raises(Failure, match="is missing"):
        engine.load(broken, unheard)
    assert model.name in engine.load(model, unheard).resident


DAMAGES: dict[str, Callable[[Path, Path], object]] = {
    "empty checkpoint": lambda config, checkpoint: checkpoint.write_bytes(b""),
    "text for a checkpoint": lambda config, checkpoint: checkpoint.write_text("no weights"),
    "half a checkpoint": lambda config, checkpoint: checkpoint.write_bytes(checkpoint.read_bytes()[:-200]),
    "other weights": lambda config, checkpoint: torch.save({"SECRET.weight": torch.ones(1)}, checkpoint),
    "no checkpoint": lambda config, checkpoint: checkpoint.unlink(),
    "a folder for a checkpoint": lambda config, checkpoint: (checkpoint.unlink(), checkpoint.mkdir()),
    "no YAML": lambda config, checkpoint: config.unlink(),
    "a broken YAML": lambda config, checkpoint: config.write_text("audio: ["),
    "an empty YAML": lambda config, checkpoint: config.write_text(""),
    "a YAML of something else": lambda config, checkpoint: config.write_text("a: 1"),
}


def test_no_failed_load_tells_the_names_of_the_files(engine: Engine, shape: str, tmp_path: Path) -> None:
    engine.unload()
    model = model_with(shape, tmp_path / "model")
    for number, damage in enumerate(DAMAGES.values()):
        folder = tmp_path / str(number)
        folder.mkdir()
        config, checkpoint = folder / "SECRET one.yaml", folder / "SECRET-2.0.ckpt"
        config.write_bytes(Path(model.config_path).read_bytes())
        checkpoint.write_bytes(Path(model.checkpoint_path).read_bytes())
        damage(config, checkpoint)
        broken = dataclasses.replace(model, config_path=str(config), checkpoint_path=str(checkpoint))
        with pytest.raises(Failure) as caught:
            engine.load(broken, unheard)
        told = caught.value.message.replace("SECRET.weight", "")
        assert "SECRET" not in told
        assert tmp_path.name not in told


def test_a_model_whose_yaml_is_not_utf_8_is_loaded_ahead(engine: Engine, shape: str, tmp_path: Path) -> None:
    model = model_with(shape, tmp_path / "model")
    path = Path(model.config_path)
    path.write_bytes("# Größe\n".encode("cp1252") + path.read_bytes())
    assert model.name in engine.load(model, unheard).resident


def test_an_msst_that_ends_without_a_model_has_not_loaded_it(
    engine: Engine, model: ModelParams, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.unload()
    silent = dataclasses.replace(engine._msst, proc_folder=lambda arguments: [])
    monkeypatch.setattr(engine, "_msst", silent)
    with pytest.raises(Failure, match="without having loaded") as caught:
        engine.load(model, unheard)
    assert caught.value.kind == "MODEL_UNAVAILABLE"


def test_a_changed_checkpoint_is_loaded_anew(engine: Engine, shape: str, tmp_path: Path) -> None:
    model = model_with(shape, tmp_path / "model")
    song = mixture(tmp_path / "song.wav")
    before = Run(tmp_path / "1", song, model).on(engine).model_loads
    os.utime(model.config_path, ns=(1, 1))
    assert Run(tmp_path / "2", song, model).on(engine).model_loads == before + 1


def test_progress_is_monotone_and_ends_at_its_total(
    engine: Engine, shape: str, model: ModelParams, tmp_path: Path
) -> None:
    song = mixture(tmp_path / "song.wav")
    run = Run(tmp_path / "run", song, model, use_tta=True, bigshifts=2)
    forwards = 0

    def count(*_: Any) -> None:
        nonlocal forwards
        forwards += 1

    handle = torch.nn.modules.module.register_module_forward_pre_hook(
        lambda network, _: count() if type(network).__name__ in ("TinyNet", "TFC_TDF_net") else None
    )
    try:
        result = run.on(engine)
    finally:
        handle.remove()
    steps = run.progress("separating")
    done, total = zip(*steps, strict=True)
    assert list(done) == sorted(done)
    assert done[0] == 0
    assert set(total) == {forwards}, "the total was right from the start"
    assert done[-1] == total[-1]
    assert 0 < result.forward_seconds <= result.stage_seconds.separating
    no_shifts = ["bigshifts has no effect: this MSST has no such option"]
    assert result.warnings == (no_shifts if shape == "demix" else [])


def test_the_stages_come_in_order(engine: Engine, model: ModelParams, tmp_path: Path) -> None:
    run = Run(tmp_path / "run", mixture(tmp_path / "song.wav"), model)
    run.on(engine)
    said = [
        message.stage if method == "progress" else method for method, message in run.said if method != "log"
    ]
    assert list(dict.fromkeys(said)) == ["loading_model", "decoding", "separating", "encoding"]


def test_a_cancel_stops_at_the_next_chunk_and_the_next_run_works(
    engine: Engine, model: ModelParams, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Nothing is thinned: the first tick shall be heard.
    monkeypatch.setattr("python_worker.attempt.MIN_SECONDS_BETWEEN_PROGRESS", 0)
    song = mixture(tmp_path / "song.wav")
    run = Run(tmp_path / "1", song, model, num_overlap=8, batch_size=1)

    def cancel_at_the_first_chunk(method: str, message: Any) -> None:
        if method == "progress" and message.done == 1:
            run.request.cancelled.set()

    run.on_message = cancel_at_the_first_chunk
    with pytest.raises(Cancelled):
        run.on(engine)
    done, total = run.progress("separating")[-1]
    assert done == 1 < total
    assert list(run.output.iterdir()) == []
    assert Run(tmp_path / "2", song, model).on(engine).stems


@pytest.mark.parametrize("content", [b"", b"RIFF\x24\0\0\0WAVEfmt nothing at all", b"plain text" * 100])
def test_an_unreadable_file_needs_staging(
    engine: Engine, model: ModelParams, tmp_path: Path, content: bytes
) -> None:
    song = tmp_path / "song.wav"
    song.write_bytes(content)
    failure = failure_of(Run(tmp_path / "run", song, model, duration_seconds=3.0), engine)
    assert failure.kind == "NEEDS_STAGING"
    assert str(tmp_path) not in failure.message


def test_a_file_that_decodes_to_less_than_was_counted_needs_staging(
    engine: Engine, model: ModelParams, tmp_path: Path
) -> None:
    song = mixture(tmp_path / "song.wav")
    failure = failure_of(Run(tmp_path / "run", song, model, duration_seconds=9.5), engine)
    assert (failure.kind, failure.message) == (
        "NEEDS_STAGING",
        "Only 3.00 of 9.50 seconds of the file can be decoded.",
    )


def test_samples_that_are_no_numbers_are_invalid_audio(
    engine: Engine, model: ModelParams, tmp_path: Path
) -> None:
    song = tmp_path / "song.wav"
    soundfile.write(song, numpy.full((RATE, 2), numpy.nan, numpy.float32), RATE, subtype="FLOAT")
    assert failure_of(Run(tmp_path / "run", song, model), engine).kind == "INVALID_AUDIO"


def test_mono_becomes_stereo_even_where_the_yaml_forgets_the_channels(
    engine: Engine, shape: str, tmp_path: Path
) -> None:
    song = mixture(tmp_path / "mono.wav", channels=1)
    told = STARTER if shape == "package" else tiny_model(tmp_path / "told")
    # The network of the starter itself asks the YAML for its channels.
    forgets = told if shape == "package" else tiny_model(tmp_path / "forgets", audio__num_channels=None)
    expected = plain_stems(shape, tmp_path / "plain", song, told)
    for name, model in (("told", told), ("forgets", forgets)):
        run = Run(tmp_path / f"run {name}", song, model)
        result = run.on(engine)
        for instrument, samples in expected.items():
            assert samples.shape[1] == 2
            assert numpy.array_equal(run.stem(result, instrument), samples)


def test_a_mono_model_gets_the_mean_of_a_stereo_mixture(engine: Engine, shape: str, tmp_path: Path) -> None:
    model = mono_model(shape, tmp_path / "model")
    stereo = mixture(tmp_path / "stereo.wav")
    samples, _ = soundfile.read(stereo, dtype="float32")
    mono = tmp_path / "mono.wav"
    soundfile.write(mono, samples.mean(axis=1, dtype=numpy.float32), RATE, subtype="FLOAT")
    first, second = Run(tmp_path / "1", stereo, model), Run(tmp_path / "2", mono, model)
    one, two = first.on(engine), second.on(engine)
    instrument = one.stems[0].instrument
    assert one.stems[0].channels == 1
    assert numpy.abs(first.stem(one, instrument)).max() > 0
    assert numpy.allclose(first.stem(one, instrument), second.stem(two, instrument), atol=1e-6)


@pytest.mark.parametrize(
    ("instruments", "subtracted", "warned"),
    [
        (["drums", "vocals", "other"], "vocals", False),
        (["drums", "Vocals", "other"], "Vocals", False),
        (["drums", "bass", "other"], "drums", True),
    ],
)
@pytest.mark.parametrize("normalize", [False, True])
def test_the_instrumental_is_the_mixture_minus_the_right_stem(
    engine: Engine,
    shape: str,
    tmp_path: Path,
    instruments: list[str],
    subtracted: str,
    warned: bool,
    normalize: bool,
) -> None:
    model = model_with(
        shape, tmp_path / "model", training__instruments=instruments, inference__normalize=normalize
    )
    song = mixture(tmp_path / "song.wav")
    run = Run(tmp_path / "run", song, model, instruments=[subtracted], extract_instrumental=True)
    result = run.on(engine)
    assert [stem.instrument for stem in result.stems] == [subtracted, "instrumental"]
    whole, _ = soundfile.read(song, dtype="float32")
    assert numpy.array_equal(run.stem(result, "instrumental"), whole - run.stem(result, subtracted))
    assert bool(result.warnings) == warned


def test_a_stem_that_is_subtracted_need_not_be_wanted(engine: Engine, shape: str, tmp_path: Path) -> None:
    model = model_with(shape, tmp_path / "model", training__instruments=["vocals", "bass", "other"])
    run = Run(
        tmp_path / "run",
        mixture(tmp_path / "song.wav"),
        model,
        instruments=["other"],
        extract_instrumental=True,
    )
    assert [stem.instrument for stem in run.on(engine).stems] == ["other", "instrumental"]
    assert sorted(path.name for path in run.output.iterdir()) == ["instrumental.wav", "other.wav"]


def test_a_stem_named_instrumental_is_passed_through(engine: Engine, shape: str, tmp_path: Path) -> None:
    model = model_with(shape, tmp_path / "model", training__instruments=["vocals", "Instrumental", "other"])
    song = mixture(tmp_path / "song.wav")
    plain = plain_stems(shape, tmp_path / "plain", song, model)
    run = Run(tmp_path / "run", song, model, instruments=["vocals"], extract_instrumental=True)
    result = run.on(engine)
    assert [stem.instrument for stem in result.stems] == ["vocals", "Instrumental"]
    assert numpy.array_equal(run.stem(result, "Instrumental"), plain["Instrumental"])


@pytest.mark.parametrize("name", ["lead/back", "Ünïcødé 🎤", "a.b", "x" * 200])
def test_instruments_may_be_named_anything(engine: Engine, shape: str, tmp_path: Path, name: str) -> None:
    model = model_with(shape, tmp_path / "model", training__instruments=[name, "a_b", "A B"])
    run = Run(tmp_path / "run", mixture(tmp_path / "song.wav"), model)
    stems = run.on(engine).stems
    assert [stem.instrument for stem in stems] == [name, "a_b", "A B"]
    names = {stem.filename.casefold() for stem in stems}
    assert len(names) == 3
    assert {path.name for path in run.output.iterdir()} == {stem.filename for stem in stems}


def test_overrides_do_not_leak_into_the_next_task(engine: Engine, model: ModelParams, tmp_path: Path) -> None:
    song = mixture(tmp_path / "song.wav")
    totals = []
    for number, overrides in enumerate([{}, {"num_overlap": 4, "batch_size": 1}, {}]):
        run = Run(tmp_path / str(number), song, model, **overrides)
        run.on(engine)
        totals.append(run.progress("separating")[-1][1])
    assert totals[0] == totals[2]
    assert totals[1] > totals[0]


def test_a_model_that_puts_out_nan_fails_the_task(engine: Engine, shape: str, tmp_path: Path) -> None:
    model = model_with(shape, tmp_path / "model")
    weights = torch.load(model.checkpoint_path)
    broken = tmp_path / "broken.ckpt"
    torch.save({name: value * float("nan") for name, value in weights.items()}, broken)
    object.__setattr__(model, "checkpoint_path", str(broken))
    failure = failure_of(Run(tmp_path / "run", mixture(tmp_path / "song.wav"), model), engine)
    assert failure.kind == "SEPARATION_FAILED"
    assert failure.message == "The output of the model has values that are not finite numbers."


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:-200]), "damaged"),
        (lambda path: path.write_bytes(b"<html>404</html>"), "damaged"),
        (lambda path: torch.save({"wrong.weight": torch.ones(1)}, path), "does not fit the configuration"),
        (lambda path: path.unlink(), "is missing"),
    ],
)
def test_a_checkpoint_that_cannot_be_loaded_makes_the_model_unavailable(
    engine: Engine, shape: str, tmp_path: Path, spoil: Any, reason: str
) -> None:
    model = model_with(shape, tmp_path / "model")
    spoiled = tmp_path / "spoiled.ckpt"
    spoiled.write_bytes(Path(model.checkpoint_path).read_bytes())
    spoil(spoiled)
    object.__setattr__(model, "checkpoint_path", str(spoiled))
    failure = failure_of(Run(tmp_path / "run", mixture(tmp_path / "song.wav"), model), engine)
    assert failure.kind == "MODEL_UNAVAILABLE"
    assert reason in failure.message
    assert str(tmp_path) not in failure.message


def test_a_yaml_that_is_not_utf_8_is_read(engine: Engine, shape: str, tmp_path: Path) -> None:
    model = model_with(shape, tmp_path / "model")
    path = Path(model.config_path)
    path.write_bytes("# Größe\n".encode("cp1252") + path.read_bytes())
    run = Run(tmp_path / "run", mixture(tmp_path / "song.wav"), model, instruments=["other"])
    assert run.on(engine).stems
