"""Our children on a platform that has less than Linux: what macOS lacks is taken away before they begin."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from child_process import ChildProcess
from separating import ROOTS, STARTER, Run, mixture

from python_worker.media.staging import wav_writer
from python_worker.process.heartbeat import resident_bytes
from python_worker.process.strict_json import parse, to_json
from python_worker.protocol import SeparateResult

# Found by every interpreter that has the folder on its path. RLIMIT_AS is there on macOS and cannot be set.
LESS_THAN_LINUX = """
import builtins, ctypes, io, os, resource

for name in ("fdatasync", "sched_getaffinity", "posix_fadvise", "posix_fallocate", "memfd_create"):
    if hasattr(os, name):
        delattr(os, name)

set_limit = resource.setrlimit
def setrlimit(which, limits):
    if which == resource.RLIMIT_AS:
        raise ValueError("current limit exceeds maximum limit")
    set_limit(which, limits)
resource.setrlimit = setrlimit

class Library(ctypes.CDLL):
    def __getattr__(self, name):
        if name == "prctl":
            raise AttributeError("dlsym(RTLD_DEFAULT, prctl): symbol not found")
        return super().__getattr__(name)
ctypes.CDLL = Library

def without_proc(opened):
    def open(file, *args, **kwargs):
        if str(file).startswith(("/proc/", "/sys/")):
            raise FileNotFoundError(2, "No such file or directory", str(file))
        return opened(file, *args, **kwargs)
    return open
builtins.open = io.open = without_proc(open)
"""


@pytest.fixture(autouse=True)
def less_than_linux(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "less"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(LESS_THAN_LINUX, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(folder))


def test_the_media_child_probes_and_stages(tmp_path: Path) -> None:
    song = mixture(tmp_path / "song.wav")
    with ChildProcess() as child:
        assert "result" in child.call("initialize", {"role": "media", "protocol_version": 1}, 0)
        probed = child.call("probe", {"path": str(song)}, 1)["result"]
        staged = tmp_path / "staged.wav"
        wanted = {
            "task_id": "task",
            "attempt": 1,
            "path": str(song),
            "container": probed["container"],
            "duration_seconds": probed["duration_seconds"],
            "output_path": str(staged),
        }
        assert "result" in child.call("stage", wanted, 2)
        assert staged.stat().st_size > 0


def test_the_worker_separates(tmp_path: Path) -> None:
    with ChildProcess() as child:
        wanted = {
            "role": "worker",
            "protocol_version": 1,
            "device": "cpu",
            "msst_root": str(ROOTS["package"]),
            "shares_device": False,
        }
        assert "result" in child.call("initialize", wanted, 0)
        run = Run(tmp_path / "out", mixture(tmp_path / "song.wav"), STARTER)
        child.send("separate", to_json(run.params), 1)
        assert parse(SeparateResult, child.answer(1)["result"]).stems


def test_a_long_mixture_is_synced_without_fdatasync(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "fdatasync", raising=False)
    monkeypatch.setattr(wav_writer, "SYNC_BYTES", 1)
    with wav_writer.WavWriter(tmp_path / "mixture.wav", 44100, 2) as writer:
        writer.write(bytes(800))
    assert (tmp_path / "mixture.wav").stat().st_size == wav_writer.HEADER_BYTES + 800


def test_a_peak_of_memory_is_read_in_the_platforms_own_unit(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = resident_bytes()

    def no_proc(*_args: object, **_keywords: object) -> None:
        raise FileNotFoundError

    monkeypatch.setattr("builtins.open", no_proc)
    # Linux counts it in KiB: the peak cannot be below what is used now, nor a thousand times as much.
    assert usual * 0.9 <= resident_bytes() < usual * 100
    linux = resident_bytes()
    monkeypatch.setattr(sys, "platform", "darwin")
    assert resident_bytes() == pytest.approx(linux / 1024, rel=0.1)
