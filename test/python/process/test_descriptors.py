"""What a child of ours gives on to the processes that a library or a model starts: nothing of the channel."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from child_process import PROJECT, ChildProcess

NULL = os.stat(os.devnull)

# As C code does it: only descriptors that are marked so are closed. It also reads what its stdin has.
INFERENCE = """
import os, subprocess, sys
report = "import json, os, sys; at = '/proc/self/fd/'; fds = os.listdir(at); " \
    "said = {fd: os.readlink(at + fd) for fd in fds if os.path.exists(at + fd)}; " \
    "json.dump([said, len(sys.stdin.read())], open(sys.argv[1], 'w'))"
subprocess.run([sys.executable, "-c", report, REPORT], close_fds=False, check=True, timeout=20)
"""


def initialize(role: str, **more: Any) -> dict[str, Any]:
    return {"role": role, "protocol_version": 1, **more}


def channel_of(child: ChildProcess) -> set[str]:
    """Both pipes of the channel, as /proc names them."""
    streams = (child.process.stdin, child.process.stdout)
    return {os.readlink(f"/proc/self/fd/{stream.fileno()}") for stream in streams if stream is not None}


def assert_stdin_is_nothing(child: ChildProcess) -> None:
    stdin = os.stat(f"/proc/{child.process.pid}/fd/0")
    assert stdin.st_rdev == NULL.st_rdev
    stdout = os.readlink(f"/proc/{child.process.pid}/fd/1")
    assert stdout == os.readlink(f"/proc/{child.process.pid}/fd/2")
    assert stdout not in channel_of(child)


def test_what_a_worker_starts_inherits_neither_end_of_the_channel_and_reads_an_empty_stdin(
    tmp_path: Path,
) -> None:
    report = tmp_path / "report.json"
    (tmp_path / "inference.py").write_text(f"REPORT = {str(report)!r}\n{INFERENCE}", encoding="utf-8")
    with ChildProcess() as child:
        # It has no proc_folder and cannot serve; what it started has reported by then.
        wanted = initialize("worker", device="cpu", msst_root=str(tmp_path), shares_device=False)
        assert "proc_folder" in child.call("initialize", wanted, 1)["error"]["message"]
        descriptors, read = json.loads(report.read_text(encoding="utf-8"))
        assert descriptors["0"] == os.devnull
        assert read == 0
        assert channel_of(child).isdisjoint(descriptors.values())
        assert_stdin_is_nothing(child)
        assert "error" in child.call("no such method", {}, 2), "the channel is whole"


def test_a_media_child_has_nothing_at_its_stdin_and_passes_the_channel_on_to_nobody() -> None:
    with ChildProcess() as child:
        assert "result" in child.call("initialize", initialize("media"), 1)
        assert_stdin_is_nothing(child)
        folder = Path(f"/proc/{child.process.pid}")
        mine = [fd.name for fd in (folder / "fd").iterdir() if os.readlink(fd) in channel_of(child)]
        assert len(mine) == 2
        for descriptor in mine:
            flags = (folder / "fdinfo" / descriptor).read_text(encoding="ascii")
            octal = next(line.split()[1] for line in flags.splitlines() if line.startswith("flags:"))
            assert int(octal, 8) & os.O_CLOEXEC


@pytest.mark.parametrize("name", ["subprocess", "os.system", "os.fork"])
def test_nothing_in_our_python_starts_a_process(name: str) -> None:
    for path in (PROJECT / "python_worker").rglob("*.py"):
        assert name not in path.read_text(encoding="utf-8"), path
