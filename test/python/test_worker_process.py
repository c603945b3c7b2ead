"""The real child: nothing but frames on its stdout, and no life beyond its parent's."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from child_process import PROJECT, ChildProcess
from separating import ROOTS, STARTER, Run, mixture, tiny_model

from python_worker.process.rpc import BROKEN_EXIT_CODE
from python_worker.process.strict_json import parse, to_json
from python_worker.protocol import LoadResult, SeparateResult, UnloadResult, WorkerReady


@pytest.fixture
def child() -> Iterator[ChildProcess]:
    with ChildProcess() as process:
        yield process


def start_worker(child: ChildProcess, shape: str) -> WorkerReady:
    params = {
        "role": "worker",
        "protocol_version": 1,
        "device": "cpu",
        "msst_root": str(ROOTS[shape]),
        "shares_device": False,
    }
    return parse(WorkerReady, child.call("initialize", params, 0)["result"])


def separate(child: ChildProcess, folder: Path, song: Path, request_id: int, model: Any) -> Run:
    run = Run(folder, song, model)
    child.send("separate", to_json(run.params), request_id)
    return run


@pytest.mark.parametrize("shape", ["package", "bigshifts"])
def test_a_worker_separates_and_no_print_of_the_model_reaches_the_channel(
    child: ChildProcess, tmp_path: Path, shape: str
) -> None:
    # The stand-in's network prints, and writes to descriptor 1 what looks like a frame.
    model = STARTER if shape == "package" else tiny_model(tmp_path / "model")
    ready = start_worker(child, shape)
    assert (ready.msst.call_shape, ready.device.kind, ready.pid) == (shape, "cpu", child.process.pid)
    song = mixture(tmp_path / "song.wav")
    for number in (1, 2):
        separate(child, tmp_path / str(number), song, number, model)
        result = parse(SeparateResult, child.answer(number)["result"])
        assert result.model_loads == 1
        for stem in result.stems:
            assert (tmp_path / str(number) / "stems" / stem.filename).stat().st_size == stem.bytes
    assert child.call("shutdown", {}, 3)["result"] is None
    status, said = child.ended()
    assert status == 0
    assert ("noise" in said) == (shape == "bigshifts")


def test_what_a_worker_takes_at_rest_is_told_between_two_tasks_that_follow_at_once(
    child: ChildProcess, tmp_path: Path
) -> None:
    start_worker(child, "package")
    song = mixture(tmp_path / "song.wav")
    for number in (1, 2):
        separate(child, tmp_path / str(number), song, number, STARTER)
    child.answer(1)
    child.notifications.clear()
    child.answer(2)
    first = child.notifications[0]
    assert (first["method"], first["params"]["task_id"]) == ("heartbeat", None)
    assert first["params"]["rss_bytes"] > 0


def test_a_worker_loads_and_unloads_on_request(child: ChildProcess, tmp_path: Path) -> None:
    start_worker(child, "package")
    loaded = parse(LoadResult, child.call("load", {"model": to_json(STARTER)}, 1)["result"])
    assert (loaded.model_loads, loaded.resident) == (1, ["starter"])
    said = next(message["params"] for message in child.notifications if message["method"] == "log")
    assert (said["task_id"], said["attempt"]) == (None, None)
    assert said["message"] == "the model starter is loaded"

    separate(child, tmp_path / "1", mixture(tmp_path / "song.wav"), 2, STARTER)
    assert parse(SeparateResult, child.answer(2)["result"]).model_loads == 1

    unloaded = parse(UnloadResult, child.call("unload", {}, 3)["result"])
    assert unloaded.unloaded == ["starter"]
    # Told before each answer, and of no GPU.
    told = [message["params"] for message in child.notifications if message["method"] == "holding"]
    nothing = {"device_bytes": None, "device_used_bytes": None}
    assert told == [{"models": models, **nothing} for models in (["starter"], ["starter"], [])]
    separate(child, tmp_path / "2", mixture(tmp_path / "again.wav"), 4, STARTER)
    assert parse(SeparateResult, child.answer(4)["result"]).model_loads == 2


def test_a_model_that_cannot_be_loaded_is_answered_and_the_worker_lives_on(
    child: ChildProcess, tmp_path: Path
) -> None:
    start_worker(child, "package")
    broken = dataclasses.replace(STARTER, checkpoint_path=str(tmp_path / "nowhere.ckpt"))
    error = child.call("load", {"model": to_json(broken)}, 1)["error"]
    assert (error["code"], error["data"]["kind"]) == (-32001, "MODEL_UNAVAILABLE")
    assert child.call("load", {"model": to_json(STARTER)}, 2)["result"]["model_loads"] == 1


def test_a_failed_separation_is_answered_and_the_worker_lives_on(child: ChildProcess, tmp_path: Path) -> None:
    start_worker(child, "package")
    broken = tmp_path / "song.wav"
    broken.write_bytes(b"no audio")
    run = Run(tmp_path / "1", broken, STARTER, duration_seconds=3.0)
    error = child.call("separate", to_json(run.params), 1)["error"]
    assert (error["code"], error["data"]["kind"]) == (-32001, "NEEDS_STAGING")
    separate(child, tmp_path / "2", mixture(tmp_path / "good.wav"), 2, STARTER)
    assert "result" in child.answer(2)


STICKY_ERRORS = [
    'RuntimeError("CUDA error: device-side assert triggered\\nCUDA kernel errors might be asynchronous")',
    'torch.AcceleratorError("CUDA error: an illegal memory access was encountered")',
    'RuntimeError("CUDA error: uncorrectable ECC error encountered")',
    'RuntimeError("CUDA error: unspecified launch failure")',
]


@pytest.mark.parametrize("error", STICKY_ERRORS)
def test_a_worker_whose_device_failed_for_good_says_so_and_ends_unanswered(
    child: ChildProcess, tmp_path: Path, error: str
) -> None:
    root = tmp_path / "msst"
    shutil.copytree(ROOTS["bigshifts"], root)
    with (root / "models" / "tiny.py").open("a", encoding="utf-8") as network:
        network.write(f"\n\ndef fail(*_):\n    raise {error}\n\n\nTinyNet.forward = fail\n")
    params = {
        "role": "worker",
        "protocol_version": 1,
        "device": "cpu",
        "msst_root": str(root),
        "shares_device": False,
    }
    assert "result" in child.call("initialize", params, 0)
    separate(child, tmp_path / "run", mixture(tmp_path / "song.wav"), 1, tiny_model(tmp_path / "model"))
    said = child.wait_for(
        lambda message: message.get("method") == "log" and message["params"]["level"] == "error"
    )
    assert said["params"]["task_id"] == "task"
    assert "the device failed permanently" in said["params"]["message"]
    assert "CUDA error" in said["params"]["message"]
    assert child.process.stdout is not None
    rest = child.process.stdout.read()
    status, _ = child.ended()
    assert status == BROKEN_EXIT_CODE
    assert b'"id"' not in rest


def test_the_heartbeat_names_the_attempt_it_is_in(child: ChildProcess, tmp_path: Path) -> None:
    start_worker(child, "package")
    song = mixture(tmp_path / "song.wav", seconds=60)
    separate(child, tmp_path / "1", song, 1, STARTER)
    beat = child.wait_for(lambda message: "rss_bytes" in message["params"] and message["params"]["task_id"])[
        "params"
    ]
    assert (beat["task_id"], beat["attempt"]) == ("task", 1)
    assert beat["cpu_seconds"] > 0
    assert beat["rss_bytes"] > 10_000_000
    child.send("$/cancelRequest", {"id": 1})
    assert child.answer(1)["error"]["data"]["kind"] == "CANCELLED"


@pytest.mark.parametrize(
    ("method", "params", "code"),
    [
        ("separate", {}, -32602),
        ("load", {}, -32602),
        ("unload", {}, -32602),
        ("probe", {"path": "x"}, -32602),
        ("initialize", {"role": "cook", "protocol_version": 1}, -32602),
        (
            "initialize",
            {
                "role": "worker",
                "protocol_version": 1,
                "device": "cuda:0",
                "msst_root": "/",
                "shares_device": False,
            },
            -32001,
        ),
        ("dance", {}, -32601),
    ],
)
def test_what_a_child_cannot_do_it_says(child: ChildProcess, method: str, params: Any, code: int) -> None:
    if code == -32001:
        import torch

        if torch.cuda.is_available():
            pytest.skip("this machine has the GPU that must be missing here")
    assert child.call(method, params, 1)["error"]["code"] == code


def test_the_media_role_probes_without_torch(child: ChildProcess, tmp_path: Path) -> None:
    assert child.call("initialize", {"role": "media", "protocol_version": 1}, 0)["result"] == {
        "protocol_version": 1
    }
    probed = child.call("probe", {"path": str(mixture(tmp_path / "song.wav"))}, 1)["result"]
    assert (probed["container"], probed["sample_rate"], probed["duration_seconds"]) == ("wav", 44100, 3.0)
    maps = Path(f"/proc/{child.process.pid}/maps")
    if maps.exists():
        assert "torch" not in maps.read_text(encoding="utf-8")


def test_a_child_that_holds_the_gil_says_on_sigusr1_where_it_is(tmp_path: Path) -> None:
    # A regular expression that backtracks for ages never lets go of the interpreter.
    (tmp_path / "inference.py").write_text(
        "import re\n\n\ndef stuck_here():\n    print('stuck now', flush=True)\n"
        "    re.match(r'(a+)+$', 'a' * 60 + 'b')\n\n\nstuck_here()\n"
    )
    with ChildProcess() as child:
        params = {
            "role": "worker",
            "protocol_version": 1,
            "device": "cpu",
            "msst_root": str(tmp_path),
            "shares_device": False,
        }
        child.send("initialize", params, 0)
        stderr = child.process.stderr
        assert stderr is not None
        assert b"stuck now" in stderr.readline()
        child.process.send_signal(signal.SIGUSR1)
        while b"stuck_here" not in (line := stderr.readline()):
            assert line, "the dump ended without the line"
        child.process.kill()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="PDEATHSIG is Linux's")
def test_kill_9_of_the_parent_ends_a_child_that_holds_the_gil(tmp_path: Path) -> None:
    # A regular expression that backtracks for ages never lets go of the interpreter.
    stuck = tmp_path / "inference.py"
    stuck.write_text("import re\nprint('stuck now', flush=True)\nre.match(r'(a+)+$', 'a' * 60 + 'b')\n")
    request = {
        "jsonrpc": "2.0",
        "id": 0,
        "method": "initialize",
        "params": {
            "role": "worker",
            "protocol_version": 1,
            "device": "cpu",
            "msst_root": str(tmp_path),
            "shares_device": False,
        },
    }
    # The grandchild's stdin is held open by this test too, so that its end cannot be what ends it.
    reading, writing = os.pipe()
    body = json.dumps(request).encode()
    os.write(writing, b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
    parent_code = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-m', 'python_worker'], stdin=int(sys.argv[1]),"
        " stdout=subprocess.DEVNULL)\n"
        "print(child.pid, flush=True)\n"
        "child.wait()\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", parent_code, str(reading)],
        cwd=PROJECT,
        pass_fds=[reading],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    with parent:
        assert parent.stdout is not None and parent.stderr is not None
        child_pid = int(parent.stdout.readline())
        said = parent.stderr.readline()
        assert b"stuck now" in said, parent.stderr.read()
        parent.send_signal(signal.SIGKILL)
        # The child's stderr is its last open descriptor of ours: it ends with the child.
        assert parent.stderr.read() == b""
        deadline = time.monotonic() + 10
        while _is_alive(child_pid) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert not _is_alive(child_pid)
    os.close(reading)
    os.close(writing)


def _is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def check(root: Path) -> tuple[int, dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, "-m", "python_worker", "check", "--msst-root", str(root)],
        cwd=PROJECT,
        capture_output=True,
        check=False,
    )
    (line,) = done.stdout.splitlines()
    report: dict[str, Any] = json.loads(line)
    return done.returncode, report


def test_check_says_yes_to_an_msst_that_imports() -> None:
    status, report = check(ROOTS["demix"])
    assert status == 0
    assert (report["ok"], report["call_shape"], report["error"]) == (True, "demix", None)
    names = [Path(file).name for file in report["files"]]
    assert names == ["__init__.py", "inference.py", "tiny.py", "model_utils.py", "settings.py"]
    # The stand-in builds one network, whatever it is asked for.
    assert report["needs"]["architectures"] is None
    use_tta = {"names": ["use_tta"], "least": 0, "most": 0, "type": "text", "choices": None}
    assert use_tta in report["options"]
    assert report["needs"]["loader"]["file"] == report["files"][-1]


def test_check_says_which_architectures_an_msst_builds() -> None:
    status, report = check(PROJECT)
    assert status == 0
    assert {"mdx23c", "bs_roformer", "htdemucs"} <= set(report["needs"]["architectures"])
    assert Path(report["files"][-1]).name == "settings.py"


@pytest.mark.parametrize(
    ("source", "missing", "error"),
    [
        ("import nowhere_to_be_found.part", "nowhere_to_be_found", "is not installed"),
        ("print('hello'); import sys; sys.exit(3)", None, "SystemExit: 3 (inference.py, line 1)"),
        ("\ndef proc_folder(:", None, "SyntaxError: invalid syntax (inference.py, line 2)"),
        ("\n\nundefined", None, "NameError: name 'undefined' is not defined (inference.py, line 3)"),
        ("proc_folder = print", None, "an unknown structure: its inference.py has no get_model_from_config"),
        ("", None, "has no proc_folder"),
        (None, None, "has no inference.py"),
    ],
)
def test_check_says_what_is_missing(
    tmp_path: Path, source: str | None, missing: str | None, error: str
) -> None:
    if source is not None:
        (tmp_path / "inference.py").write_text(source, encoding="utf-8")
    status, report = check(tmp_path)
    assert status == 1
    assert (report["ok"], report["missing_module"]) == (False, missing)
    assert report["is_to_blame"] == (missing is None)
    assert error in report["error"]


def test_check_blames_no_folder_for_a_library_that_is_broken(tmp_path: Path) -> None:
    packages, root = tmp_path / "packages", tmp_path / "msst"
    packages.mkdir()
    root.mkdir()
    (packages / "halfway.py").write_text("raise OSError('libof.so: cannot open')\n", encoding="utf-8")
    source = f"import sys\nsys.path.append({str(packages)!r})\nimport halfway\n"
    (root / "inference.py").write_text(source, encoding="utf-8")
    status, report = check(root)
    assert (status, report["ok"], report["is_to_blame"]) == (1, False, False)
    assert "libof.so: cannot open" in report["error"]


def test_check_ends_where_an_import_does_not(tmp_path: Path) -> None:
    (tmp_path / "inference.py").write_text(
        "import threading\nthreading.limit.set()\nwhile True:\n    pass\n", encoding="utf-8"
    )
    # The limit is over once MSST's code runs, however long this machine imports torch before.
    script = (
        "import sys, threading\nfrom python_worker import check\n"
        "threading.limit = threading.Event()\n"
        "class Timer(threading.Thread):\n"
        "    def __init__(self, seconds, then):\n"
        "        super().__init__(target=lambda: (threading.limit.wait(), then()))\n"
        "        assert seconds == check.LONGEST_SECONDS\n"
        "threading.Timer = Timer\n"
        "check.run_check(['check', '--msst-root', sys.argv[1]], 1)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], cwd=PROJECT, capture_output=True, check=False
    )
    report = json.loads(done.stdout)
    assert done.returncode == 1
    assert report["is_to_blame"]
    assert report["error"].startswith("It was not ready after 300 seconds. It is at inference.py, line ")


@pytest.mark.parametrize(
    ("before", "after", "error"),
    [
        ("sf.write(", "(lambda *_, **__: None)(", "MSST ended without a stem vocals, other."),
        ("stem.T,", "stem.T * 0.9,", "Its output differs from that of its network."),
        ("    model = model.to(device)\n", "    1 / 0\n", "division by zero (inference.py, line "),
        (
            "load_start_checkpoint(args",
            "(lambda *_, **__: None)(args",
            "Its output differs from that of its network.",
        ),
    ],
)
def test_check_separates_a_second_and_says_what_is_wrong_with_it(
    tmp_path: Path, before: str, after: str, error: str
) -> None:
    root = tmp_path / "msst"
    shutil.copytree(ROOTS["bigshifts"], root)
    path = root / "inference.py"
    source = path.read_text(encoding="utf-8")
    assert before in source
    path.write_text(source.replace(before, after), encoding="utf-8")
    status, report = check(root)
    assert (status, report["ok"], report["is_to_blame"]) == (1, False, True)
    assert report["error"].startswith("Separating one second of noise with it failed. ")
    assert error in report["error"]
