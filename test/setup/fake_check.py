"""Stands in for `python -m python_worker check`: same question, same answer, for packages that are empty."""

import importlib.util
import json
import sys
from pathlib import Path


def check(msst_root: Path) -> dict[str, object]:
    answer: dict[str, object] = {
        "ok": False,
        "python": sys.executable,
        "missing_module": None,
        "is_to_blame": False,
        "error": None,
    }
    try:
        import torch

        spec = importlib.util.spec_from_file_location("inference", msst_root / "inference.py")
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    except ModuleNotFoundError as problem:
        return answer | {"missing_module": problem.name, "error": str(problem)}
    except Exception as problem:
        return answer | {"is_to_blame": True, "error": str(problem)}
    needs = {"architectures": ["scnet"], "missing": {"scnet": ["x"]}, "loader": None, "package_folders": []}
    option = {"names": ["own"], "least": 1, "most": 1, "type": "int", "choices": None}
    found = {"needs": needs, "options": [option], "files": [torch.__file__, spec.origin]}
    return answer | {"ok": True, "torch": torch.__version__} | found


if sys.argv[1] == "check":
    print(json.dumps(check(Path(sys.argv[3]))))
