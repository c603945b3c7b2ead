"""Which modules the architectures of an MSST lack: read from its sources alone."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from separating import PROJECT

from python_worker.checkout.model_types import Loader, model_types
from python_worker.checkout.needs import missing_modules, package_folders

SETTINGS = """
def get_model_from_config(model_type, config_path):
    if 'model_type' in config.training:
        model_type = config.training.model_type
    if model_type == 'plain':
        from models.plain import Net
    elif model_type in ['deep', "deeper"]:
        from models.deep.net import Net
    elif model_type == 'guarded':
        from models import guarded
    elif model_type == 'relative':
        from ..models import shared
    elif model_type == 'broken':
        from models.broken import Net
    elif model_type == 'elsewhere':
        import not_there.part as part, json
    return Net()
"""


def checkout(root: Path, files: dict[str, str]) -> Path:
    for name, source in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source, encoding="utf-8")
    return root


def loader_in(root: Path, file: str) -> Loader:
    return Loader(str(root / file), "get_model_from_config")


def missing_of(root: Path, file: str = "utils/settings.py") -> dict[str, list[str]]:
    loader = loader_in(root, file)
    return missing_modules(root, loader, model_types(loader))


def ask(root: Path, loader: Loader | None, *packages: Path) -> subprocess.CompletedProcess[bytes]:
    """As the server asks: in an interpreter of its own, where no test has imported anything before."""
    script = (
        "import sys\nmark = sys.argv.index('packages')\nsys.path[:0] = sys.argv[mark + 1:]\n"
        "from python_worker.checkout.needs import run_needs\n"
        "run_needs(['needs', *sys.argv[1:mark]], 1)\nassert 'torch' not in sys.modules\n"
    )
    where = [] if loader is None else ["--loader", loader.file, loader.function]
    words = ["--msst-root", str(root), *where, "packages", *map(str, packages)]
    return subprocess.run(
        [sys.executable, "-c", script, *words], cwd=PROJECT, capture_output=True, check=False
    )


def needs_in_own_process(root: Path, file: str, *packages: Path) -> dict[str, Any]:
    done = ask(root, loader_in(root, file), *packages)
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def test_what_each_architecture_lacks_is_found_through_the_files_it_imports(tmp_path: Path) -> None:
    root = checkout(
        tmp_path,
        {
            "utils/settings.py": SETTINGS,
            "models/plain.py": "import os, torch\nimport numpy.linalg\nclass Net: pass\n",
            "models/deep/__init__.py": "from .blocks import Block\n",
            "models/deep/net.py": "from ..shared import Base\nfrom models.deep import blocks\n",
            "models/deep/blocks.py": "from . import net\nimport missing_of_blocks\n",
            "models/shared.py": "if True:\n    import missing_of_shared.part\n",
            "models/guarded.py": (
                "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import only_for_types\n"
                "try:\n    import may_be_missing\nexcept ImportError:\n    pass\n"
                "def later():\n    import only_when_called\n"
            ),
            "models/broken.py": "def (:\n",
        },
    )
    assert missing_of(root) == {
        "plain": [],
        "deep": ["missing_of_blocks", "missing_of_shared"],
        "deeper": ["missing_of_blocks", "missing_of_shared"],
        "guarded": [],
        "relative": ["missing_of_shared"],
        "broken": [],
        "elsewhere": ["not_there"],
    }


def test_what_a_package_lacks_that_is_installed_without_its_needs_is_found_too(tmp_path: Path) -> None:
    packages = checkout(
        tmp_path / "site-packages",
        {
            "openunmix/__init__.py": "from openunmix import utils\nimport julius\n",
            "openunmix/utils.py": "import missing_of_openunmix\nif False:\n    import on_another_system\n",
            "openunmix/filtering.py": "",
            "julius/__init__.py": "import openunmix.filtering\n",
            "openunmix/unused.py": "import missing_of_unused\n",
        },
    )
    root = checkout(
        tmp_path / "msst",
        {"utils/settings.py": SETTINGS, "models/plain.py": "from openunmix.filtering import wiener\n"},
    )
    assert needs_in_own_process(root, "utils/settings.py", packages)["missing"]["plain"] == [
        "missing_of_openunmix"
    ]


def test_a_checkout_with_all_in_one_utils_is_read_too(tmp_path: Path) -> None:
    source = SETTINGS.replace("elsewhere", "old")
    assert missing_of(checkout(tmp_path, {"utils.py": source}), "utils.py")["old"] == ["not_there"]


def test_a_loader_in_the_init_of_a_package_is_read_too(tmp_path: Path) -> None:
    source = SETTINGS.replace("from ..models", "from .")
    root = checkout(tmp_path, {"utils/__init__.py": source, "utils/shared.py": "import not_there_either\n"})
    missing = missing_of(root, "utils/__init__.py")
    assert (missing["relative"], missing["elsewhere"]) == (["not_there_either"], ["not_there"])


def test_of_a_loader_that_stands_elsewhere_nothing_is_missing(tmp_path: Path) -> None:
    loader = loader_in(checkout(tmp_path / "a", {"utils.py": SETTINGS}), "utils.py")
    assert missing_modules(tmp_path / "b", loader, model_types(loader)) == {}


def test_an_architecture_that_is_asked_about_twice_lacks_what_both_places_import(tmp_path: Path) -> None:
    source = (
        "def get_model_from_config(model_type, config_path):\n"
        "    with open(config_path) as f:\n"
        "        if model_type == 'htdemucs':\n"
        "            config = OmegaConf.load(config_path)\n"
        "        else:\n"
        "            config = yaml.load(f)\n"
        "    if model_type == 'mdx23c':\n"
        "        import json\n"
        "    elif model_type == 'htdemucs':\n"
        "        import needed_by_the_network\n"
        "    elif model_type == 'conformer':\n"
        "        import needed_by_the_first\n"
        "    elif model_type == 'conformer':\n"
        "        import never_reached\n"
    )
    assert missing_of(checkout(tmp_path, {"utils.py": source}), "utils.py") == {
        "mdx23c": [],
        "htdemucs": ["needed_by_the_network"],
        "conformer": ["needed_by_the_first"],
    }


def test_the_package_is_read_where_the_folder_has_no_models_of_its_own() -> None:
    settings = pytest.importorskip("msst.utils.settings")
    missing = needs_in_own_process(PROJECT, settings.__file__)["missing"]
    assert missing["mdx23c"] == missing["bs_roformer"] == missing["scnet"] == []
    assert len(missing) > 20


def test_it_answers_a_server_in_one_line_and_imports_no_torch(tmp_path: Path) -> None:
    source = SETTINGS.replace("    return Net()", "    else:\n        raise ValueError\n    return Net()")
    root = checkout(tmp_path, {"utils/settings.py": source})
    answer = needs_in_own_process(root, "utils/settings.py")
    names = ["broken", "deep", "deeper", "elsewhere", "guarded", "plain", "relative"]
    assert answer["architectures"] == names
    assert answer["missing"]["elsewhere"] == ["not_there"]
    assert answer["loader"] == {
        "file": str(root / "utils/settings.py"),
        "function": "get_model_from_config",
    }
    assert answer["package_folders"] == package_folders()
    assert all(
        Path(folder).name in ("site-packages", "dist-packages") for folder in answer["package_folders"]
    )


def test_without_a_loader_it_says_where_an_install_shows(tmp_path: Path) -> None:
    assert json.loads(ask(tmp_path, None).stdout) == {
        "architectures": None,
        "missing": {},
        "loader": None,
        "package_folders": package_folders(),
    }


def test_it_does_not_answer_while_a_source_cannot_be_read(tmp_path: Path) -> None:
    root = checkout(tmp_path, {"utils/settings.py": "def (:"})
    done = ask(root, loader_in(root, "utils/settings.py"))
    assert (done.returncode, done.stdout) == (1, b"")
