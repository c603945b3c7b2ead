"""The YAML that MSST gets of a model: the file itself, or a copy that it can use."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from model_yaml import yaml_of

from python_worker.engine.msst.model_config import is_mono, readable_config

YAML = "audio:\n  n_fft: 4\ntraining:\n  model_type: {}\n  instruments: [a]\n"


def given(folder: Path, content: bytes, architecture: str) -> bytes | None:
    """What MSST gets; None: the file itself."""
    file, scratch = folder / "model.yaml", folder / "scratch"
    file.write_bytes(content)
    scratch.mkdir()
    found = readable_config(file, scratch, architecture)
    assert file.read_bytes() == content
    return None if found == file else found.read_bytes()


@pytest.mark.parametrize(
    ("written", "respelled"),
    [
        ("MDX23C", "mdx23c"),
        ("MDX23C # old", "mdx23c # old"),
        ('"Mdx23c"', '"mdx23c"'),
        ("'MDX-23C'\r", "'mdx23c'\r"),
    ],
)
def test_an_architecture_in_other_case_is_spelled_as_msst_does(
    tmp_path: Path, written: str, respelled: str
) -> None:
    content = YAML.format(written).encode("utf-8")
    assert given(tmp_path, content, "mdx23c") == YAML.format(respelled).encode("utf-8")


@pytest.mark.parametrize("written", ["mdx23c", "scnet", "mdx23c_v3", "[MDX23C]", "", '"MDX23C'])
def test_any_other_word_stays(tmp_path: Path, written: str) -> None:
    assert given(tmp_path, YAML.format(written).encode("utf-8"), "mdx23c") is None


def test_other_keys_stay(tmp_path: Path) -> None:
    content = b"model_type: MDX23C\ntraining:\n  other_model_type: MDX23C\n  instruments: [a]\n"
    assert given(tmp_path, content, "mdx23c") is None


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16", "latin-1"])
def test_another_encoding_becomes_utf_8(tmp_path: Path, encoding: str) -> None:
    text = YAML.format("MDX23C # für älteres") + "\x81" * (encoding == "latin-1")
    expected = text.replace("MDX23C", "mdx23c").encode("utf-8")
    assert given(tmp_path, text.encode(encoding), "mdx23c") == expected


@pytest.mark.parametrize(
    ("sections", "mono"),
    [
        ({}, False),
        ({"audio": {"num_channels": 1}}, True),
        ({"audio": {"num_channels": 2}}, False),
        ({"training": {"channels": 1}}, True),
        ({"model": {"stereo": False}}, True),
        ({"model": {"stereo": True}}, False),
    ],
)
def test_a_model_is_mono_only_if_its_yaml_says_so(sections: dict[str, Any], mono: bool) -> None:
    assert is_mono(yaml_of(**sections)) is mono
