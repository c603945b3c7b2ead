"""What the engine decides before and between the runs of a network: no MSST, no sound."""

from __future__ import annotations

import dataclasses
import json
from itertools import pairwise
from types import ModuleType, SimpleNamespace
from typing import Any, cast

import numpy
import pytest
from separating import STARTER

from python_worker.attempt import Attempt, AttemptKey
from python_worker.engine import stages
from python_worker.engine.memory.memory_ladder import MemoryLadder, Shortage, give_up
from python_worker.engine.msst.msst import Msst
from python_worker.engine.msst.names import ModuleProxy, replaced_names
from python_worker.engine.pieces.cut import plan_cut, require_whole
from python_worker.engine.pieces.piece_plan import CHECKED_SAMPLES, Grid, grid_of, plan_pieces
from python_worker.engine.stems.planned_stems import PlannedStems
from python_worker.engine.stems.stem_plan import StemPlan, plan_stems
from python_worker.engine.stems.stem_writer import StemWriter
from python_worker.full_disk import full_disk_failure
from python_worker.gpus import list_gpus, run_gpus
from python_worker.process.rpc import Request
from python_worker.protocol import Cancelled, Failure, SeparateOptions, SeparateParams, Stage

OPTIONS = SeparateOptions(["vocals"], False, False, "wav", "PCM_16", 1, None, None)
PARAMS = SeparateParams("t", 1, "in.wav", "out", "scratch", 60.0, 10.0, False, STARTER, OPTIONS)
RAN_OUT = Failure("OUT_OF_MEMORY", "CUDA out of memory", "where")


def wanting(**options: Any) -> SeparateOptions:
    return dataclasses.replace(OPTIONS, **options)


def shortage(stage: Stage = "separating", batch_size: int | None = 4) -> Shortage:
    return Shortage(RAN_OUT, stage, batch_size)


def test_other_models_leave_the_memory_once_in_an_attempt() -> None:
    ladder = MemoryLadder(PARAMS)
    assert ladder.may_evict(shortage("loading_model", None))
    assert not ladder.may_evict(shortage())


def test_what_could_not_be_encoded_is_not_computed_again() -> None:
    ladder = MemoryLadder(PARAMS)
    assert not ladder.may_evict(shortage("encoding"))
    assert not ladder.halve(shortage("encoding"))
    assert ladder.may_evict(shortage()), "and the chance to evict is not used up by that"


def test_a_batch_is_halved_down_to_one_and_the_owner_is_told_of_the_first_and_the_last() -> None:
    ladder = MemoryLadder(PARAMS)
    assert ladder.warnings == []
    sizes = []
    size: int | None = 5
    while ladder.halve(shortage(batch_size=size)):
        size = ladder.params.options.batch_size
        sizes.append(size)
    assert sizes == [2, 1]
    assert ladder.warnings == ["batch_size was halved to 1, from 5, because memory ran out"]
    assert ladder.params == dataclasses.replace(PARAMS, options=wanting(batch_size=1))


@pytest.mark.parametrize(
    "short", [shortage("loading_model"), shortage("decoding"), shortage(batch_size=None)]
)
def test_no_batch_is_halved_where_that_cannot_help(short: Shortage) -> None:
    ladder = MemoryLadder(PARAMS)
    assert not ladder.halve(short)
    assert ladder.params is PARAMS
    assert ladder.warnings == []


@pytest.mark.parametrize(
    ("short", "sentence"),
    [
        (
            shortage("loading_model", None),
            "Memory ran out while loading the model; use a smaller model, or another device.",
        ),
        (
            shortage(batch_size=1),
            "Memory ran out while separating, even with a batch_size of 1; "
            "use a shorter file, a lower bigshifts, or another device.",
        ),
        (
            shortage(batch_size=2),
            "Memory ran out while separating; use a smaller batch_size, a shorter file, or another device.",
        ),
        (
            shortage("decoding", None),
            "Memory ran out while separating; use a smaller batch_size, a shorter file, or another device.",
        ),
        (
            shortage("encoding", 1),
            "Memory ran out while encoding; use a smaller batch_size, a shorter file, or another device.",
        ),
    ],
)
def test_who_can_do_nothing_more_says_what_the_owner_can_do(short: Shortage, sentence: str) -> None:
    failure = give_up(short)
    assert (failure.kind, failure.message, failure.traceback) == ("OUT_OF_MEMORY", sentence, "where")


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


class WriterOfLists:
    """Takes what a StemWriter would encode."""

    def __init__(self) -> None:
        self.written: list[tuple[str, list[float], int, int]] = []

    def append(self, instrument: str, audio: Any, sample_rate: int, *, of: int) -> None:
        self.written.append((instrument, [float(value) for value in audio], sample_rate, of))


def test_stems_are_written_as_planned_and_the_instrumental_is_the_mixture_without_one() -> None:
    writer = WriterOfLists()
    plan = StemPlan(("drums", "vocals"), "vocals", None)
    stems = PlannedStems(lambda: plan, cast(StemWriter, writer), 30, 44100)
    mixture = numpy.array([4.0, 6.0])
    stems.add("vocals", numpy.array([1.0, 2.0]), mixture)
    stems.add("bass", numpy.array([9.0, 9.0]), mixture)
    stems.add("drums", numpy.array([3.0, 3.0]), mixture)
    assert writer.written == [
        ("vocals", [1.0, 2.0], 44100, 30),
        ("instrumental", [3.0, 4.0], 44100, 30),
        ("drums", [3.0, 3.0], 44100, 30),
    ]


def test_a_stem_may_be_subtracted_without_being_written() -> None:
    writer = WriterOfLists()
    PlannedStems(lambda: StemPlan((), "vocals", None), cast(StemWriter, writer), 2, 8000).add(
        "vocals", numpy.array([1.0]), numpy.array([1.5])
    )
    assert writer.written == [("instrumental", [0.5], 8000, 2)]


def test_a_proxy_is_the_module_but_for_a_few_names() -> None:
    module = ModuleType("original")
    module.__dict__.update(kept=1, changed=2)
    proxy = ModuleProxy(module, changed=3)
    assert (proxy.__name__, proxy.kept, proxy.changed) == ("original", 1, 3)
    module.__dict__["kept"] = 4
    assert proxy.kept == 4
    with pytest.raises(AttributeError):
        _ = proxy.missing


def test_replaced_names_mean_what_they_did_after_the_block_whatever_happens_in_it() -> None:
    namespace = {"a": 1, "b": 2}
    with pytest.raises(KeyError, match="within"):
        with replaced_names([(namespace, "a", 10), (namespace, "a", 11), (namespace, "b", 20)]):
            assert namespace == {"a": 11, "b": 20}
            raise KeyError("within")
    assert namespace == {"a": 1, "b": 2}


def test_a_name_that_is_not_there_leaves_those_before_it_as_they_were() -> None:
    namespace = {"a": 1}
    with pytest.raises(KeyError), replaced_names([(namespace, "a", 10), (namespace, "c", 30)]):
        raise AssertionError("the block is not entered")
    assert namespace == {"a": 1}


class Clock:
    """Stands for the module `time`."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    shown = Clock()
    monkeypatch.setattr(stages, "time", shown)
    return shown


def attempt_telling(said: list[tuple[str, Any]], request: Request | None = None) -> Attempt:
    return Attempt(
        AttemptKey("t", 1), request or Request(1, "separate", None), lambda *message: said.append(message)
    )


def test_the_seconds_of_stages_that_are_gone_through_again_add_up(clock: Clock) -> None:
    said: list[tuple[str, Any]] = []
    attempt = attempt_telling(said)
    on_the_way = stages.Stages(attempt)
    assert on_the_way.current == "loading_model"
    for stage, seconds in (("decoding", 1), ("separating", 2), ("loading_model", 4), ("separating", 8)):
        clock.now += seconds
        on_the_way.enter(cast(Stage, stage), 3, 7)
        assert on_the_way.current == stage
    clock.now += 16
    on_the_way.enter("encoding")
    clock.now += 32
    seconds_of = on_the_way.finish()
    assert dataclasses.asdict(seconds_of) == {
        "loading_model": 9.0,
        "decoding": 2.0,
        "separating": 20.0,
        "encoding": 32.0,
    }
    attempt.end()
    told = [(message.stage, message.done, message.total) for _, message in said]
    assert told == [
        ("decoding", 3, 7),
        ("separating", 3, 7),
        ("separating", 3, 7),
        ("encoding", 0, 0),
    ], "a stage before the furthest is not told"


def test_a_cancelled_attempt_enters_no_further_stage(clock: Clock) -> None:
    said: list[tuple[str, Any]] = []
    request = Request(1, "separate", None)
    on_the_way = stages.Stages(attempt_telling(said, request))
    request.cancelled.set()
    with pytest.raises(Cancelled):
        on_the_way.enter("decoding")
    assert on_the_way.current == "loading_model"
    assert said == []


def yaml_of(**sections: dict[str, Any]) -> SimpleNamespace:
    return SimpleNamespace(**{name: SimpleNamespace(**values) for name, values in sections.items()})


def small_yaml(**inference: Any) -> SimpleNamespace:
    return yaml_of(
        audio={"chunk_size": 1000, "sample_rate": 8000},
        inference={"num_overlap": 4, "batch_size": 2, **inference},
    )


def msst_with(**names: Any) -> Msst:
    return cast(Msst, SimpleNamespace(namespace=names))


def test_a_long_mixture_is_cut_at_the_rate_and_the_grid_of_its_model() -> None:
    cut = plan_cut(msst_with(), small_yaml(), PARAMS, 3)
    assert cut is not None
    assert (cut.grid, cut.sample_rate, cut.piece_samples) == (Grid(1000, 250, 2, 750, True), 8000, 80_000)
    assert (cut.rotations, cut.normalizes) == (3, False)
    assert cut.pieces(480_000) == plan_pieces(cut.grid, 480_000, 80_000)
    assert len(cut.pieces(480_000)) == 7


def test_a_yaml_without_a_rate_means_that_of_msst() -> None:
    config = yaml_of(audio={"chunk_size": 1000}, inference={"num_overlap": 4, "batch_size": 2})
    cut = plan_cut(msst_with(), config, PARAMS, 1)
    assert cut is not None and (cut.sample_rate, cut.piece_samples) == (44100, 441_000)


@pytest.mark.parametrize(
    ("msst", "config", "changes", "bigshifts"),
    [
        (msst_with(), small_yaml(), {"piece_seconds": None}, 1),
        (msst_with(), small_yaml(num_overlap=None), {}, 1),
        (msst_with(), small_yaml(), {"duration_seconds": 9.0}, 1),
        (msst_with(), small_yaml(normalize=True), {}, 1),
        (msst_with(), small_yaml(), {"options": wanting(use_tta=True)}, 2),
        (msst_with(apply_tta=lambda mixture: None), small_yaml(), {"options": wanting(use_tta=True)}, 2),
        (msst_with(apply_tta="no function"), small_yaml(), {"options": wanting(use_tta=True)}, 2),
    ],
    ids=["not wanted", "no grid", "short", "not normalized", "no tta", "tta without rotations", "odd tta"],
)
def test_a_mixture_stays_whole_where_pieces_would_not_give_the_same(
    msst: Msst, config: Any, changes: dict[str, Any], bigshifts: int
) -> None:
    assert plan_cut(msst, config, dataclasses.replace(PARAMS, **changes), bigshifts) is None


@pytest.mark.parametrize(
    ("msst", "config", "use_tta", "bigshifts", "normalizes"),
    [
        (msst_with(normalize_audio=print), small_yaml(normalize=True), False, 1, True),
        (msst_with(apply_tta=lambda mixture, bigshifts: None), small_yaml(), True, 2, False),
        (msst_with(), small_yaml(), True, 1, False),
        (msst_with(), small_yaml(), False, 2, False),
    ],
)
def test_a_mixture_is_cut_where_this_msst_can_do_it(
    msst: Msst, config: Any, use_tta: bool, bigshifts: int, normalizes: bool
) -> None:
    params = dataclasses.replace(PARAMS, options=wanting(use_tta=use_tta))
    cut = plan_cut(msst, config, params, bigshifts)
    assert cut is not None and (cut.normalizes, cut.rotations) == (normalizes, bigshifts)


def test_what_fits_the_host_may_go_through_whole_and_what_does_not_is_refused() -> None:
    require_whole(dataclasses.replace(PARAMS, piece_seconds=None))
    require_whole(dataclasses.replace(PARAMS, whole_fits=True))
    with pytest.raises(Failure) as refused:
        require_whole(PARAMS)
    assert refused.value.kind == "SEPARATION_FAILED"
    assert refused.value.message == (
        "The mixture is too long for the memory of this host, and starter cannot separate it in "
        "pieces. Split the song, or use another model."
    )


@pytest.mark.parametrize(
    ("config", "architecture", "grid"),
    [
        (small_yaml(), "mdx23c", Grid(1000, 250, 2, 750, True)),
        (small_yaml(chunk_size=600), "mdx23c", Grid(600, 150, 2, 450, True)),
        (small_yaml(num_overlap=1001), "mdx23c", None),
        (small_yaml(num_overlap=1000), "mdx23c", Grid(1000, 1, 2, 999, True)),
        (small_yaml(num_overlap=0), "mdx23c", None),
        (small_yaml(batch_size=0), "mdx23c", None),
        (small_yaml(batch_size="two"), "mdx23c", None),
        (small_yaml(), "htdemucs", None),
        (yaml_of(audio={"chunk_size": 1000}), "mdx23c", None),
        (
            yaml_of(
                training={"samplerate": 1000, "segment": 2.4, "model_type": "htdemucs"},
                inference={"num_overlap": 4, "batch_size": 1},
            ),
            "named otherwise",
            Grid(2400, 600, 1, 0, False),
        ),
    ],
)
def test_the_grid_is_that_of_the_yaml(config: Any, architecture: str, grid: Grid | None) -> None:
    assert grid_of(config, architecture) == grid


def test_what_is_too_short_is_not_padded_as_demix_does_not_pad_it() -> None:
    grid = Grid(1000, 250, 2, 750, True)
    assert [grid.padding(1500), grid.padding(1501)] == [0, 750]
    assert [grid.batches(1500), grid.batches(1501)] == [3, 7]


def test_pieces_begin_at_batches_of_the_whole_and_what_is_kept_meets_without_a_gap() -> None:
    grid = Grid(1000, 250, 2, 750, True)
    pieces = plan_pieces(grid, 100_000, 20_000)
    assert [piece.first_batch for piece in pieces] == [piece.start // 500 for piece in pieces]
    for piece, following in pairwise(pieces):
        assert piece.keep_to == following.keep_from
        assert following.checked_from == following.keep_from - CHECKED_SAMPLES
        assert following.start % 500 == 0
    whole = plan_pieces(grid, 100_000, 100_000)
    assert [(one.start, one.stop, one.keep_from, one.keep_to) for one in whole] == [(0, 100_000, 0, 100_000)]
    # 101,500 samples with the padding, in steps of 500; the last batch lies in the padding alone.
    assert whole[0].clean == frozenset(range(203)) == whole[0].needed | {202}


def test_a_piece_takes_over_only_batches_that_lie_within_it() -> None:
    first, second = plan_pieces(Grid(1000, 250, 2, 750, True), 20_000, 14_000)
    # A batch reaches from 750 samples before its number times 500 to 500 samples after: 1250 in all.
    reach = {number: (500 * number - 750, 500 * number + 500) for number in range(60)}
    for piece in (first, second):
        inside = [
            number
            for number, (begins, ends) in reach.items()
            if ends > piece.checked_from and begins < piece.keep_to
        ]
        assert sorted(piece.needed) == [number for number in inside if number < 43]
    assert sorted(first.clean) == [number for number in reach if reach[number][1] <= first.stop]
    assert sorted(second.clean) == [number for number in range(43) if reach[number][0] >= second.start]


class PretendedTorch:
    """A torch with some GPUs."""

    def __init__(self, uuids: list[str | None], *, hip: str | None = None, is_there: bool = True) -> None:
        self.version = SimpleNamespace(hip=hip)
        self.cuda = SimpleNamespace(
            is_available=lambda: is_there,
            device_count=lambda: len(uuids),
            get_device_properties=lambda index: SimpleNamespace(
                **({} if uuids[index] is None else {"uuid": uuids[index]})
            ),
        )


@pytest.mark.parametrize(
    ("torch", "expected"),
    [
        (PretendedTorch(["a", "b"]), {"is_rocm": False, "uuids": ["GPU-a", "GPU-b"]}),
        (PretendedTorch(["a", None]), {"is_rocm": False, "uuids": ["GPU-a", None]}),
        (PretendedTorch(["a", "b"], hip="6.2"), {"is_rocm": True, "uuids": [None, None]}),
        (PretendedTorch(["a"], is_there=False), {"is_rocm": False, "uuids": []}),
    ],
)
def test_gpus_are_named_as_nvidia_does_it_where_they_can_be_chosen_so(
    torch: PretendedTorch, expected: dict[str, Any]
) -> None:
    assert list_gpus(torch) == expected


def test_a_torch_that_knows_of_no_rocm_is_none_of_it() -> None:
    torch = PretendedTorch(["a"])
    torch.version = SimpleNamespace()
    assert list_gpus(torch) == {"is_rocm": False, "uuids": ["GPU-a"]}


def test_the_gpus_are_one_line_of_json(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "torch", PretendedTorch(["a"]))
    path = tmp_path_factory.mktemp("gpus") / "said"
    with path.open("wb", buffering=0) as sink:
        assert run_gpus(sink.fileno()) == 0
    said = path.read_text(encoding="ascii")
    assert said.endswith("\n") and json.loads(said) == {"is_rocm": False, "uuids": ["GPU-a"]}


def test_a_full_disk_is_told_as_the_servers_fault() -> None:
    failure = full_disk_failure("where")
    assert (failure.kind, failure.traceback) == ("INSUFFICIENT_STORAGE", "where")
    assert failure.message == (
        "The disk of the server is full, so this task could not be done. Submit it again later."
    )
