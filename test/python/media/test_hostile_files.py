"""No file makes the media child crash, hang, open another file, or answer with anything but a sentence."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import av
import make_audio
import pytest
from child_process import PROJECT
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from python_worker.media.decoding.decoder import DEMUXERS, decode_head, opened
from python_worker.media.formats import container
from python_worker.media.limits import Deadline
from python_worker.protocol import Container, Failure

SECONDS = 10
PROBING_CHILD = """
import json, sys, time
from python_worker.media import limit_memory, probe
from python_worker.protocol import Failure
limit_memory()
for line in sys.stdin:
    began = time.process_time()
    try:
        answer = {"duration": probe(json.loads(line)).duration_seconds}
    except Failure as failure:
        answer = {"kind": failure.kind, "message": failure.message}
    print(json.dumps(answer | {"seconds": time.process_time() - began}), flush=True)
"""

STARTS = {
    "wav": b"RIFF\xff\xff\xff\xffWAVE",
    "wav-format": make_audio.wav16(make_audio.Sound(seconds=0))[:36],
    "rf64": b"RF64\xff\xff\xff\xffWAVEds64",
    "flac": b"fLaC",
    "flac-frames": make_audio.silent_flac(make_audio.Sound(seconds=0)) + b"\xff\xf8",
    "ogg": b"OggS\0\x02",
    "mp3": b"\xff\xfb\x90\x00",
    "id3": b"ID3\x04\0\0\0\0\0\x0a",
    "mp4": b"\0\0\0\x20ftypM4A ",
    "nothing": b"",
}
SMALL = make_audio.Sound(seconds=0.3)
BASES = {
    kind: make_audio.MAKERS[kind](SMALL)
    for kind in (
        *("wav", "wav-rf64", "wav-adpcm-ms", "flac", "mp3"),
        *("ogg-vorbis", "ogg-opus", "m4a-aac", "m4a-alac"),
    )
}


class ProbingChild:
    """A process that probes under the memory limit, as the media child does."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", PROBING_CHILD],
            cwd=PROJECT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def probe(self, path: Path) -> dict[str, Any]:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(str(path)) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, f"the child died with {self._process.wait(SECONDS)}"
        answer: dict[str, Any] = json.loads(line)
        return answer

    def end(self) -> int:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        return self._process.wait(SECONDS)


@contextmanager
def probing_child() -> Iterator[ProbingChild]:
    child = ProbingChild()
    try:
        yield child
    finally:
        assert child.end() == 0


@pytest.fixture(scope="module")
def child() -> Iterator[ProbingChild]:
    with probing_child() as started:
        yield started


@pytest.fixture(scope="module")
def upload(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("hostile") / "upload"


def check(child: ProbingChild, upload: Path, content: bytes) -> None:
    upload.write_bytes(content)
    answer = child.probe(upload)
    assert answer["seconds"] < 2
    if "duration" in answer:
        assert 0 < answer["duration"] < 1e9
    else:
        assert answer["kind"] in ("INVALID_AUDIO", "UNSUPPORTED_FORMAT")
        assert answer["message"].endswith(".") and str(upload.parent) not in answer["message"]


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(start=st.sampled_from(sorted(STARTS)), rest=st.binary(max_size=4000))
def test_random_bytes_behind_a_true_beginning_get_a_plain_answer(
    child: ProbingChild, upload: Path, start: str, rest: bytes
) -> None:
    check(child, upload, STARTS[start] + rest)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), base=st.sampled_from(sorted(BASES)))
def test_a_file_with_bytes_changed_anywhere_gets_a_plain_answer(
    child: ProbingChild, upload: Path, data: st.DataObject, base: str
) -> None:
    content = bytearray(BASES[base])
    # Headers and tables are where a change does most.
    near_an_end = st.integers(0, 200) | st.integers(len(content) - 800, len(content) - 1)
    for at in data.draw(st.lists(near_an_end | st.integers(0, len(content) - 1), min_size=1, max_size=8)):
        content[at] = data.draw(st.sampled_from((0, 1, 0x7F, 0x80, 0xFF)) | st.integers(0, 255))
    length = data.draw(st.just(len(content)) | st.integers(0, len(content)))
    check(child, upload, bytes(content[:length]))


TEXTS = st.text(max_size=2000).map(lambda text: text.encode())
FEW = st.integers(0, 255) | st.sampled_from((0, 0xFF, 0xFB, 0x90))
LONG_TEXTS = TEXTS.map(lambda text: text * 40)
JUNK = TEXTS | LONG_TEXTS | st.binary(max_size=2000) | st.lists(FEW, max_size=2000).map(bytes)
FRONTS = (*container.OTHERS, b"", b"ID3\x03\0\0\0\0\0\x0a", b"APETAGEX", b"<html>", b"#EXTM3U\n", b"v=0\r\n")


@settings(max_examples=300, deadline=None)
@given(front=st.sampled_from(FRONTS), junk=JUNK)
def test_neither_text_nor_junk_is_taken_for_sound(
    child: ProbingChild, upload: Path, front: bytes, junk: bytes
) -> None:
    upload.write_bytes(front + junk)
    assert child.probe(upload)["kind"] in ("INVALID_AUDIO", "UNSUPPORTED_FORMAT")


@pytest.mark.parametrize("kind", ["ffconcat", "m3u8", "sdp"])
@pytest.mark.parametrize("demuxed", sorted(DEMUXERS))
def test_no_text_makes_ffmpeg_open_another_file(kind: str, demuxed: Container, tmp_path: Path) -> None:
    make_audio.make("wav", tmp_path / "other.wav")
    path = make_audio.make(kind, tmp_path / "song.wav")
    samples = 0
    # FFmpeg's FLAC demuxer opens any bytes; what counts is that none of the other file's sound comes out.
    with suppress(Failure), opened(str(path), demuxed) as (file, stream):
        samples = decode_head(file, stream).samples
    assert samples == 0


def test_a_playlist_would_make_an_unguarded_ffmpeg_open_another_file(tmp_path: Path) -> None:
    """Why the guard is there: without this the test above could not fail."""
    make_audio.make("wav", tmp_path / "other.wav")
    path = make_audio.make("ffconcat", tmp_path / "song.wav")
    with av.open(str(path)) as file:
        assert next(file.decode(audio=0)).samples > 0


def test_an_examination_without_end_is_ended_in_words() -> None:
    with pytest.raises(Failure) as refused:
        Deadline(seconds=-1).check()
    assert refused.value.kind == "INVALID_AUDIO"


def test_waiting_for_the_machine_does_not_count_as_examining() -> None:
    deadline = Deadline(seconds=0.1)
    time.sleep(0.3)
    deadline.check()


def test_what_the_decoder_does_without_end_is_ended_by_the_kernel() -> None:
    script = (
        "from python_worker.media.limits import limited_work\n"
        "with limited_work(seconds=0): pass\n"
        "sum(range(10**6))\n"
        "print('goes on', flush=True)\n"
        "with limited_work(seconds=0): sum(range(10**12))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script], cwd=PROJECT, capture_output=True, text=True, timeout=60
    )
    assert (ended.returncode, ended.stdout) == (-signal.SIGXCPU, "goes on\n")


def test_the_media_child_cannot_take_more_than_its_memory() -> None:
    script = "from python_worker.media import limit_memory; limit_memory(); bytearray(3 * 1024**3)"
    ended = subprocess.run([sys.executable, "-c", script], cwd=PROJECT, capture_output=True, text=True)
    assert ended.returncode == 1
    assert "MemoryError" in ended.stderr


def test_memory_stays_flat_however_long_the_file_is(tmp_path: Path) -> None:
    script = """
import resource, sys
from python_worker.media import probe
probe(sys.argv[1])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for path in sys.argv[2:]:
    probe(path)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    small = make_audio.make("mp3", tmp_path / "small")
    once = make_audio.MAKERS["mp3-no-xing"](make_audio.Sound())
    long_mp3 = tmp_path / "long.mp3"
    long_mp3.write_bytes(once * (60_000_000 // len(once)))
    long_flac = make_audio.make("flac-10h-silence", tmp_path / "long.flac")
    command = [sys.executable, "-c", script, str(small), str(long_mp3), str(long_flac)]
    ended = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True)
    grown_mib = int(ended.stdout) / 1024  # Linux counts in KiB
    assert grown_mib < 16
