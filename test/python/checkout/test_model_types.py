"""Which model types an MSST builds, read off its source."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from separating import PROJECT, ROOTS, engine_of

from python_worker.checkout.model_types import Loader, ModelTypes, loader_of, model_types

HEAD = "def get_model_from_config(model_type, config_path):\n"
REFUSES = "raise ValueError(f'Unknown model type: {model_type}')"


def types_of(folder: Path, source: str) -> ModelTypes:
    file = folder / "settings.py"
    file.write_text(dedent(source), encoding="utf-8")
    return model_types(Loader(str(file), "get_model_from_config"))


def of_body(folder: Path, body: str) -> list[str] | None:
    """The names that a loader with this body gives."""
    lines = "".join(f"    {line}\n" for line in dedent(body).strip().splitlines())
    return types_of(folder, HEAD + lines).names


def test_a_chain_of_comparisons_and_what_is_done_for_each(tmp_path: Path) -> None:
    found = types_of(
        tmp_path,
        '''
        def get_model_from_config(model_type, config_path):
            """model_type: such as 'docs'"""
            with open(config_path) as file:
                config = OmegaConf.load(file) if model_type == 'htdemucs' else ConfigDict(file)
            if 'model_type' in config.training:
                model_type = config.training.model_type
            if model_type == 'mdx23c':
                import first
                model = first.Net()
            elif 'htdemucs' == model_type or model_type == 'hdemucs':
                model = 1
            elif model_type in ('scnet', "scnet_masked"):
                return Other(), config
            elif config_path == 'not_a_type':
                print('odd')
            else:
                print('Unknown model: {}'.format(model_type))
                model = None
            return model, config
        def other(model_type):
            return model_type == 'of_another_function'
        ''',
    )
    assert found.names == ["hdemucs", "htdemucs", "mdx23c", "scnet", "scnet_masked"]
    (chain,) = found.choices
    assert {name: len(body) for name, body in chain.items()} == {
        "mdx23c": 2,
        "htdemucs": 1,
        "hdemucs": 1,
        "scnet": 1,
        "scnet_masked": 1,
    }


def test_a_type_that_is_asked_about_twice_stands_in_both_choices(tmp_path: Path) -> None:
    found = types_of(
        tmp_path,
        """
        def get_model_from_config(model_type, config_path):
            if model_type == 'htdemucs':
                config = OmegaConf.load(config_path)
            else:
                config = yaml.load(config_path)
            if model_type == 'htdemucs':
                first, of_two = 1, 2
                model = Net()
            elif model_type == 'htdemucs':
                model = never_reached()
            return model
        """,
    )
    assert [{name: len(body) for name, body in choice.items()} for choice in found.choices] == [
        {"htdemucs": 1},
        {"htdemucs": 2},
    ]


def test_a_match_and_functions_that_it_hands_the_type_to_under_another_name(tmp_path: Path) -> None:
    found = types_of(
        tmp_path,
        """
        def get_model_from_config(model_type, config_path):
            config = load(config_path)
            kind = getattr(config.training, 'model_type', model_type)
            try:
                model = build(config, kind=kind)
            except TypeError as error:
                raise ValueError(str(kind).replace('_', '-')) from error
            except ValueError:
                raise
            return model, config
        def build(config, *, kind):
            if kind != 'apollo' and not config.model:
                raise ValueError('no model')
            match kind:
                case 'apollo' | 'bandit': return 1
                case 'conformer': return Net()
                case _: raise ValueError(kind)
        """,
    )
    assert found.names == ["apollo", "bandit", "conformer"]
    assert [list(choice) for choice in found.choices] == [["apollo", "bandit", "conformer"]]


@pytest.mark.parametrize(
    "body",
    [
        f"if model_type == 'a':\n    return A()\nelif model_type == 'b':\n    return B()\n{REFUSES}",
        f"if model_type not in ['a', 'b']:\n    {REFUSES}\nreturn TABLE[model_type](config_path)",
        "assert model_type in {'a', 'b'}\nreturn TABLE[model_type](config_path)",
        "if model_type == 'a':\n    model = A()\nelif model_type == 'b':\n    model = B()\nreturn model",
        "model = None\nif model_type == 'a' or model_type == 'b':\n    model = A()\nreturn model, A()",
        "while True:\n    if model_type in ('a', 'b'):\n        return A()\n    return None",
        "match model_type:\n    case 'a' | 'b':\n        return A()\n" + REFUSES,
    ],
)
def test_what_refuses_every_other_type_has_these_alone(tmp_path: Path, body: str) -> None:
    assert of_body(tmp_path, body) == ["a", "b"]


MATCH = "match model_type:\n    case 'a' | 'b':\n        return A()\n"
CHAIN = "if model_type == 'a':\n    model = A()\nelif model_type == 'b':\n    model = B()\n"


@pytest.mark.parametrize(
    "body",
    [
        "config = 1 if model_type == 'htdemucs' else 2\nreturn KINDS[model_type], config",
        "return Net(), config_path",
        f"{CHAIN}else:\n    model = KINDS[model_type]()\nreturn model",
        f"{CHAIN}else:\n    model = Net()\nreturn model",
        f"{CHAIN}elif model_type.startswith('a_'):\n    model = A()\nelse:\n    {REFUSES}\nreturn model",
        f"{CHAIN}elif model_type in KINDS:\n    model = KINDS[model_type]\nreturn model",
        f"model_type = ALIASES.get(model_type, model_type)\n{CHAIN}else:\n    {REFUSES}\nreturn model",
        f"model_type = model_type.lower()\n{CHAIN}else:\n    {REFUSES}\nreturn model",
        f"if config_path:\n    model_type = mended(model_type)\n{CHAIN}else:\n    {REFUSES}\nreturn model",
        f"if (model_type := mended(model_type)):\n    pass\n{CHAIN}else:\n    {REFUSES}\nreturn model",
        f"{CHAIN}else:\n    from models import default\n    return default.Net()\nreturn model",
        f"{CHAIN}else:\n    import importlib\n    model = importlib.import_module(model_type)\nreturn model",
        f"try:\n    return KINDS[model_type]\nexcept KeyError:\n    pass\n{CHAIN}return model",
        f"try:\n    model = None\n    {REFUSES}\nexcept ValueError:\n    model = Net()\n{CHAIN}return model",
        f"for kind in KINDS:\n    if kind == model_type:\n        return kind.build()\n{CHAIN}return model",
        f"{MATCH}    case other:\n        return B(other)",
        f"{MATCH}    case str():\n        return B()\n{REFUSES}",
        f"with open(config_path) as model:\n    pass\n{CHAIN}return model",
        f"global model\n{CHAIN}return model",
        f"if len(model_type) > 3:\n    return Net()\n{CHAIN}return model",
        f"{CHAIN}else:\n    model = None\nreturn model or Net()",
        "if model_type == '':\n    return A()\n" + REFUSES,
        f"if model_type == 'a\\nb':\n    return A()\n{REFUSES}",
        f"if model_type in {[f'a{i}' for i in range(501)]}:\n    return A()\n{REFUSES}",
    ],
)
def test_what_may_build_others_too_tells_nothing(tmp_path: Path, body: str) -> None:
    assert of_body(tmp_path, body) is None


@pytest.mark.parametrize(
    "source",
    [
        f"{HEAD}    return build(model_type)\ndef build(*types):\n    {REFUSES}",
        f"@aliases\n{HEAD}    if model_type == 'a': return A()\n    {REFUSES}",
        f"{HEAD}    if model_type == 'a': return A()\n    {REFUSES}\nget_model_from_config = more(1)",
        "def get_model_from_config(*arguments):\n    raise ValueError",
        "def other(model_type):\n    return model_type == 'a'",
    ],
)
def test_a_function_that_is_not_what_its_source_says_tells_nothing(tmp_path: Path, source: str) -> None:
    assert types_of(tmp_path, source).names is None


def test_a_function_that_calls_itself_is_read_once(tmp_path: Path) -> None:
    again = "if config_path:\n    return get_model_from_config(model_type, '')\n"
    body = f"if model_type == 'a':\n    return A()\n{again}{REFUSES}"
    assert of_body(tmp_path, body) == ["a"]


@pytest.mark.parametrize(("content", "error"), [(b"def (:", SyntaxError), (b"\0", (SyntaxError, ValueError))])
def test_a_source_that_cannot_be_read_is_refused(
    tmp_path: Path, content: bytes, error: type[Exception]
) -> None:
    file = tmp_path / "settings.py"
    with pytest.raises(OSError):
        model_types(Loader(str(file), "get_model_from_config"))
    file.write_bytes(content)
    with pytest.raises(error):
        model_types(Loader(str(file), "get_model_from_config"))


@pytest.mark.parametrize("shape", [shape for shape in ROOTS if shape != "package"])
def test_the_stand_ins_build_one_network_whatever_they_are_asked_for(shape: str) -> None:
    with engine_of(shape) as engine:
        found = model_types(loader_of(engine.namespace["get_model_from_config"]))
    assert found == ModelTypes(None, [])


class TestThePackage:
    """The function that is imported, and its source."""

    @pytest.fixture
    def loader(self) -> Iterator[Callable[..., Any]]:
        """Its get_model_from_config."""
        yield pytest.importorskip("msst.utils.settings").get_model_from_config

    def test_has_those_that_are_used_most(self, loader: Callable[..., Any]) -> None:
        names = model_types(loader_of(loader)).names
        assert names is not None
        assert {"mdx23c", "htdemucs", "bs_roformer", "mel_band_roformer", "scnet"} <= set(names)

    def test_refuses_what_it_is_said_not_to_have(self, loader: Callable[..., Any], tmp_path: Path) -> None:
        config = tmp_path / "config.yaml"
        config.write_text("model: {}\ntraining: {}\n", encoding="utf-8")
        names = model_types(loader_of(loader)).names
        assert names is not None and "nonesuch" not in names
        with pytest.raises(Exception, match="Unknown model type: nonesuch"):
            loader("nonesuch", str(config))


def test_a_function_without_a_source_is_refused() -> None:
    with pytest.raises((OSError, TypeError)):
        loader_of(len)


def test_nothing_of_the_engine_is_imported_for_it() -> None:
    script = (
        "import sys, python_worker.checkout.model_types, python_worker.checkout.needs\n"
        "print([name for name in ('torch', 'msst', 'python_worker.engine') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=PROJECT, capture_output=True, check=True)
    assert done.stdout.strip() == b"[]"
