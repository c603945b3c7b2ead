"""Which architectures an MSST builds, and which modules they lack: read from its sources alone."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from separating import PROJECT, ROOTS

from python_worker.needs import missing_modules, package_folders

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


def needs_in_own_process(root: Path, *packages: Path) -> dict[str, Any]:
    """As the server asks: in an interpreter of its own, where no test has imported anything before."""
    script = (
        "import sys\nsys.path[:0] = sys.argv[2:]\nfrom python_worker.needs import run_needs\n"
        "run_needs(['needs', '--msst-root', sys.argv[1]], 1)\nassert 'torch' not in sys.modules\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(root), *map(str, packages)],
        cwd=PROJECT,
        capture_output=True,
        check=True,
    )
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
    assert missing_modules(root) == {
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
    assert needs_in_own_process(root, packages)["missing"]["plain"] == ["missing_of_openunmix"]


def test_a_checkout_with_all_in_one_utils_is_read_too(tmp_path: Path) -> None:
    source = SETTINGS.replace("elsewhere", "old")
    assert missing_modules(checkout(tmp_path, {"utils.py": source}))["old"] == ["not_there"]


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
    assert missing_modules(checkout(tmp_path, {"utils.py": source})) == {
        "mdx23c": [],
        "htdemucs": ["needed_by_the_network"],
        "conformer": ["needed_by_the_first"],
    }


def test_the_package_is_read_where_the_folder_has_no_models_of_its_own() -> None:
    missing = needs_in_own_process(PROJECT)["missing"]
    assert missing["mdx23c"] == missing["bs_roformer"] == missing["scnet"] == []
    assert len(missing) > 20


def test_the_stand_ins_have_no_branches() -> None:
    assert missing_modules(ROOTS["bigshifts"]) == {}


def test_it_answers_a_server_in_one_line_and_imports_no_torch(tmp_path: Path) -> None:
    root = checkout(tmp_path, {"utils/settings.py": SETTINGS})
    answer = needs_in_own_process(root)
    assert answer["missing"]["elsewhere"] == ["not_there"]
    assert answer["package_folders"] == package_folders()
    assert all(
        Path(folder).name in ("site-packages", "dist-packages") for folder in answer["package_folders"]
    )
