"""Which model types an MSST builds, read off its source."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from python_worker.engine.model_types import ModelTypes, model_types

FILE = "settings.py"


def loaded(folder: Path, source: str) -> Callable[..., Any]:
    """get_model_from_config of a module with this source."""
    file = folder / FILE
    file.write_text(dedent(source), encoding="utf-8")
    spec = importlib.util.spec_from_file_location("settings_of_a_test", file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.get_model_from_config  # type: ignore[no-any-return]


def names_of(folder: Path, source: str) -> list[str] | None:
    return model_types(loaded(folder, source)).names


def test_a_chain_of_comparisons(tmp_path: Path) -> None:
    source = '''
        def get_model_from_config(model_type, config_path):
            """model_type: such as 'docs'"""
            config = {"a": "b"}
            if 'model_type' in config:
                model_type = config['model_type']
            if model_type == 'mdx23c':
                return "TFC_TDF_net"
            elif 'htdemucs' == model_type:
                return 1
            elif model_type in ('scnet', "scnet_masked"):
                return 2
            elif config_path == 'not_a_type':
                return 3
            raise ValueError(f"Unknown model type: {model_type}")
        def other(model_type):
            return model_type == 'of_another_function'
    '''
    found = model_types(loaded(tmp_path, source))
    assert found == ModelTypes(["htdemucs", "mdx23c", "scnet", "scnet_masked"], str(tmp_path / FILE))


def test_a_match_and_functions_that_it_calls(tmp_path: Path) -> None:
    source = """
        def get_model_from_config(model_type, config_path):
            return build(model_type, config_path) or get_model_from_config(model_type, config_path)
        def build(model_type, config):
            match model_type:
                case 'apollo' | 'bandit': return 1
                case 'conformer': return 2
                case _: return None
    """
    assert names_of(tmp_path, source) == ["apollo", "bandit", "conformer"]


def test_a_choice_by_a_table_tells_nothing(tmp_path: Path) -> None:
    source = """
        KINDS = {'mdx23c': 1, 'scnet': 2}
        def get_model_from_config(model_type, config_path):
            config = 1 if model_type == 'htdemucs' else 2
            return KINDS[model_type], config
    """
    assert names_of(tmp_path, source) is None


def test_what_cannot_be_a_name_is_none(tmp_path: Path) -> None:
    source = """
        def get_model_from_config(model_type, config_path):
            return model_type in ['', 'a,b', 'x' * 3, 'mdx23c', 'scnet', 7, None]
    """
    assert names_of(tmp_path, source) == ["mdx23c", "scnet"]


def test_the_msst_package_has_those_that_are_used_most() -> None:
    settings = pytest.importorskip("msst.utils.settings")
    names = model_types(settings.get_model_from_config).names
    assert names is not None
    assert {"mdx23c", "htdemucs", "bs_roformer", "mel_band_roformer", "scnet"} <= set(names)


def test_a_function_without_a_source_is_refused() -> None:
    with pytest.raises((OSError, TypeError)):
        model_types(len)
