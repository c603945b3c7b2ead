"""What the recipe writes appears whole; what a killed process left goes, what a running one writes stays."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from recipe import ROOT

from training.whole import whole_file, whole_folder

WRITES = """
import os, pathlib, signal, sys
from training.whole import whole_file, whole_folder
kind, path = sys.argv[1:]
with (whole_folder if kind == "folder" else whole_file)(pathlib.Path(path)) as temporary:
    (temporary / "part" if kind == "folder" else temporary).write_text("half")
    print("here", flush=True)
    sys.stdin.readline()
"""
KINDS = pytest.mark.parametrize("kind", ["file", "folder"])


def writer_of(path: Path, kind: str) -> subprocess.Popen[bytes]:
    """A process that is in the middle of writing `path`."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    writer = subprocess.Popen([sys.executable, "-c", WRITES, kind, str(path)], cwd=ROOT, **pipes)  # type: ignore[call-overload]
    assert writer.stdout.readline() == b"here\n"
    return writer  # type: ignore[no-any-return]


def write(path: Path, kind: str) -> None:
    """Write `path` from its beginning to its end."""
    with (whole_folder if kind == "folder" else whole_file)(path) as temporary:
        assert not path.exists()
        (temporary / "part" if kind == "folder" else temporary).write_text("whole")


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@KINDS
def test_what_a_killed_process_left_is_removed_before_anyone_has_waited_for_its_end(
    kind: str, tmp_path: Path
) -> None:
    with writer_of(tmp_path / "song", kind) as writer:
        os.kill(writer.pid, signal.SIGKILL)
        os.waitid(os.P_PID, writer.pid, os.WEXITED | os.WNOWAIT)
        os.kill(writer.pid, 0)
        assert names_in(tmp_path) == [f".song.{writer.pid}"]
        write(tmp_path / "song", kind)
    assert names_in(tmp_path) == ["song"]


@KINDS
def test_what_was_left_under_the_number_of_a_process_that_runs_is_removed(kind: str, tmp_path: Path) -> None:
    for process in (os.getpid(), os.getppid()):
        left = tmp_path / f".song.{process}"
        left.mkdir() if kind == "folder" else left.touch()
    write(tmp_path / "song", kind)
    assert names_in(tmp_path) == ["song"]


@KINDS
def test_what_another_process_is_writing_stays(kind: str, tmp_path: Path) -> None:
    with writer_of(tmp_path / "song", kind) as writer:
        write(tmp_path / "song", "file")
        assert names_in(tmp_path) == [f".song.{writer.pid}", "song"]
        (tmp_path / "song").unlink()
        writer.communicate(b"\n")
    assert names_in(tmp_path) == ["song"]
    found = tmp_path / "song" / "part" if kind == "folder" else tmp_path / "song"
    assert found.read_text() == "half"


def test_files_of_others_that_look_alike_stay(tmp_path: Path) -> None:
    (tmp_path / ".song.note").touch()
    (tmp_path / ".song2.1").touch()
    write(tmp_path / "song", "file")
    assert names_in(tmp_path) == [".song.note", ".song2.1", "song"]


@KINDS
def test_a_writer_that_fails_leaves_nothing(kind: str, tmp_path: Path) -> None:
    whole = whole_folder if kind == "folder" else whole_file
    with pytest.raises(ValueError, match="broken"), whole(tmp_path / "song"):
        raise ValueError("broken")
    assert names_in(tmp_path) == []
