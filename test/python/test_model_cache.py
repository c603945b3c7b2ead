"""Which models stay warm, on a device whose memory is pretended."""

from __future__ import annotations

import dataclasses
import gc
import weakref
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as some
from separating import STARTER, Run, engine_of, mixture, tiny_model

from python_worker.engine import Engine
from python_worker.engine.device_memory import CpuMemory
from python_worker.engine.model_cache import ModelCache, file_stamp
from python_worker.protocol import ModelParams


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

    def held_bytes(self) -> None:
        return None

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


def test_a_model_whose_files_have_changed_is_not_found(tmp_path: Path) -> None:
    config, checkpoint, adapter = tmp_path / "c.yaml", tmp_path / "c.ckpt", tmp_path / "adapter"
    adapter.mkdir()
    for path in (config, checkpoint, adapter / "adapter_model.bin"):
        path.write_bytes(b"1")
    model = dataclasses.replace(
        STARTER,
        config_path=str(config),
        checkpoint_path=str(checkpoint),
        lora_checkpoint_peft=str(adapter),
    )
    cache = ModelCache(PretendedMemory(total=10**6))
    stamp = file_stamp(model)
    cache.add(model, stamp, torch.nn.Linear(1, 1), None)
    assert cache.find(model, file_stamp(model)) is not None
    (adapter / "adapter_model.bin").write_bytes(b"22")
    assert cache.find(model, file_stamp(model)) is None


def test_the_memory_of_the_host_is_measured() -> None:
    memory = CpuMemory(total_bytes=2**40)
    before = memory.used_bytes()
    held = torch.ones(64 * 2**20, dtype=torch.uint8)
    assert memory.used_bytes() - before > 48 * 2**20
    assert 0 < memory.free_bytes() < 2**40
    assert CpuMemory(total_bytes=held.numel()).free_bytes() == 0


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
