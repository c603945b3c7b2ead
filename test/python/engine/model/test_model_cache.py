"""Which models stay warm, on a device whose memory is pretended."""

from __future__ import annotations

import dataclasses
import gc
import os
import weakref
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as some
from separating import STARTER, Run, engine_of, mixture, tiny_model

from python_worker.engine import Engine
from python_worker.engine.memory.device_memory import CONTEXT_BYTES
from python_worker.engine.model.model_cache import ModelCache, file_stamp
from python_worker.engine.model.peak_meter import PeakMeter
from python_worker.protocol import DevicePeak, ModelParams


class PretendedMemory:
    """Memory in which a network takes what it is said to take, for as long as it lives."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.most = 0
        self._sizes: weakref.WeakKeyDictionary[torch.nn.Module, int] = weakref.WeakKeyDictionary()

    def load(self, size: int) -> torch.nn.Module:
        network = torch.nn.Identity()
        # Like real ones: only the collector frees it.
        object.__setattr__(network, "itself", network)
        self._sizes[network] = size
        self.most = max(self.most, self.used_bytes())
        return network

    def used_bytes(self) -> int:
        return sum(self._sizes.values())

    def free_bytes(self) -> int:
        return self.total - self.used_bytes()

    def begin_peak(self) -> None:
        self.most = self.used_bytes()

    def peak_bytes(self) -> int:
        return self.most

    def held_bytes(self) -> int:
        return self.used_bytes()

    def release(self) -> None:
        gc.collect()


def model_called(name: str) -> ModelParams:
    return dataclasses.replace(STARTER, name=name, checkpoint_path=name)


def stamp_of(checkpoint_bytes: int) -> tuple[tuple[int, int], ...]:
    return ((100, 1), (checkpoint_bytes, 1))


def use(
    cache: ModelCache, memory: PretendedMemory, name: str, size: int, checkpoint: int | None = None
) -> list[str]:
    """Run a task with a model as the engine does; the names of what went for it."""
    model, stamp = model_called(name), stamp_of(size if checkpoint is None else checkpoint)
    if cache.find(model, stamp) is not None:
        return []
    evicted = cache.make_room(model, stamp)
    return [*evicted, *cache.add(model, stamp, memory.load(size), None)]


def test_the_oldest_models_go_when_the_newest_needs_the_room() -> None:
    memory = PretendedMemory(total=200)
    cache = ModelCache(memory)
    for name in ("a", "b"):
        assert use(cache, memory, name, 40) == []
    assert use(cache, memory, "a", 40) == []  # now b is the oldest
    assert use(cache, memory, "c", 40) == ["b"]
    assert cache.names() == ["a", "c"]
    assert use(cache, memory, "huge", 500) == ["a", "c"]
    assert (cache.names(), cache.loads) == (["huge"], 4)


def test_room_is_made_before_the_new_model_is_loaded_and_not_after() -> None:
    memory = PretendedMemory(total=200)
    cache = ModelCache(memory)
    for name in ("a", "b", "c", "d"):
        use(cache, memory, name, 60)
    assert memory.most == 60


def test_what_a_model_really_took_counts_and_not_its_checkpoint() -> None:
    memory = PretendedMemory(total=200)
    cache = ModelCache(memory)
    use(cache, memory, "a", 30)
    assert use(cache, memory, "b", 90, checkpoint=10) == ["a"]
    assert cache.used_bytes() == 90
    # Its size is known from now on: the next time room is made at once.
    assert use(cache, memory, "a", 30) == ["b"]
    memory.most = 0
    assert use(cache, memory, "b", 90, checkpoint=10) == ["a"]
    assert memory.most == 90


def test_memory_that_others_take_is_no_room_for_models() -> None:
    memory = PretendedMemory(total=200)
    cache = ModelCache(memory)
    use(cache, memory, "a", 40)
    memory.total = 100
    assert use(cache, memory, "b", 40) == ["a"]


def test_all_but_one_can_be_let_go() -> None:
    memory = PretendedMemory(total=1000)
    cache = ModelCache(memory)
    for name in ("a", "b", "c"):
        use(cache, memory, name, 10)
    assert cache.evict_others(model_called("b")) == ["a", "c"]
    assert cache.names() == ["b"]


@given(some.lists(some.tuples(some.sampled_from("abcde"), some.integers(1, 60)), max_size=12))
@settings(max_examples=25)
def test_what_is_warm_fits_and_the_model_in_use_is_never_let_go(uses: list[tuple[str, int]]) -> None:
    memory = PretendedMemory(total=120)
    cache = ModelCache(memory)
    sizes: dict[str, int] = {}
    for name, size in uses:
        use(cache, memory, name, sizes.setdefault(name, size))
        assert cache.names()[-1] == name
        assert cache.used_bytes() <= 60
    memory.release()
    assert memory.used_bytes() == cache.used_bytes(), "nothing stays behind of what was let go"


@pytest.mark.parametrize(
    ("keys", "changed"),
    [
        ({}, "c.yaml"),
        ({}, "c.ckpt"),
        ({"lora_checkpoint_loralib": "adapter.ckpt"}, "adapter.ckpt"),
        ({"lora_checkpoint_peft": "adapter.ckpt"}, "adapter.ckpt"),
        ({"lora_checkpoint_peft": "adapter.ckpt"}, "adapter_config.json"),
        ({"lora_checkpoint_peft": "folder"}, "folder/adapter_model.bin"),
        ({"lora_checkpoint_peft": "folder"}, "folder/adapter_config.json"),
    ],
)
def test_a_model_whose_files_have_changed_is_not_found(
    tmp_path: Path, keys: dict[str, str], changed: str
) -> None:
    (tmp_path / "folder").mkdir()
    files = ["adapter_model.bin", "adapter_config.json"]
    for number, name in enumerate(
        ["c.yaml", "c.ckpt", "adapter.ckpt", *files, *(f"folder/{name}" for name in files)]
    ):
        (tmp_path / name).write_bytes(b"1")
        os.utime(tmp_path / name, ns=(0, number))
    paths = {"config_path": "c.yaml", "checkpoint_path": "c.ckpt", **keys}
    model = dataclasses.replace(STARTER, **{key: str(tmp_path / name) for key, name in paths.items()})
    cache = ModelCache(PretendedMemory(total=10**6))
    cache.add(model, file_stamp(model), torch.nn.Linear(1, 1), None)
    assert cache.find(model, file_stamp(model)) is not None
    # As large as before, and older than the others: a copy that kept its time.
    (tmp_path / changed).write_bytes(b"2")
    os.utime(tmp_path / changed, ns=(0, 100 if changed == "c.yaml" else 0))
    assert cache.find(model, file_stamp(model)) is None


@pytest.fixture
def engine() -> Iterator[Engine]:
    with engine_of("bigshifts") as ready:
        yield ready


@pytest.mark.filterwarnings("ignore")
def test_a_real_engine_lets_the_oldest_model_go_and_says_so(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = [tiny_model(tmp_path / name, name) for name in ("one", "two")]
    song = mixture(tmp_path / "song.wav")
    Run(tmp_path / "1", song, models[0]).on(engine)
    monkeypatch.setattr(engine._memory, "free_bytes", lambda: 0)
    second = Run(tmp_path / "2", song, models[1])
    assert second.on(engine).model_loads == 2
    said = [message.message for method, message in second.said if method == "log"]
    assert said == ["unloaded to make room for two: one", "the model two is loaded"]
    assert engine.unload().unloaded == ["two"]


def test_the_peak_of_a_separation_counts_neither_other_models_nor_what_was_before_it() -> None:
    memory = PretendedMemory(1000)
    cache = ModelCache(memory)
    meter = PeakMeter(memory, cache)
    use(cache, memory, "before", 100)
    left_over = memory.load(300)
    del left_over
    meter.begin()
    use(cache, memory, "measured", 50)
    activations = memory.load(200)
    del activations
    assert meter.end(any_length=True) == DevicePeak(50 + 200, any_length=True)
    assert memory.used_bytes() == 150

    meter.begin()
    assert meter.end(any_length=False) == DevicePeak(50, any_length=False)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("seconds", "any_length"), [(0.3, False), (2.0, True)])
def test_a_peak_holds_for_any_length_only_once_a_batch_was_full(
    tmp_path: Path, seconds: float, any_length: bool
) -> None:
    # Two chunks of 0.37 s make a batch; with TTA each pass has its own.
    with engine_of("bigshifts", shares_device=True) as engine:
        engine._peak = PeakMeter(PretendedMemory(1000), engine._models)
        song = mixture(tmp_path / "song.wav", seconds)
        run = Run(tmp_path / "run", song, tiny_model(tmp_path / "model"), use_tta=True)
        peak = run.on(engine).device_peak
        assert peak is not None
        assert peak.any_length == any_length


@pytest.mark.filterwarnings("ignore")
def test_on_a_cpu_there_is_no_peak_and_nothing_held(tmp_path: Path) -> None:
    with engine_of("bigshifts", shares_device=True) as engine:
        run = Run(tmp_path / "run", mixture(tmp_path / "song.wav", 0.3), tiny_model(tmp_path / "model"))
        assert run.on(engine).device_peak is None
        assert (engine.holding().models, engine.holding().device_bytes) == (["tiny"], None)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU that torch can use")
def test_on_a_real_gpu_the_peak_is_more_than_what_is_held_afterwards_and_the_rest_is_given_back(
    tmp_path: Path,
) -> None:
    with engine_of("package", "cuda:0", shares_device=True) as engine:
        run = Run(tmp_path / "run", mixture(tmp_path / "song.wav", 20), STARTER)
        peak, held = run.on(engine).device_peak, engine.holding().device_bytes
        assert peak is not None and held is not None
        assert peak.any_length
        weights = engine._models.used_bytes()
        assert CONTEXT_BYTES + weights <= held < peak.bytes < torch.cuda.get_device_properties(0).total_memory
        again = Run(tmp_path / "again", mixture(tmp_path / "longer.wav", 60), STARTER).on(engine).device_peak
        assert again is not None
        assert again.bytes <= 1.1 * peak.bytes
        engine.unload()
        assert (engine.holding().device_bytes or 0) < held
