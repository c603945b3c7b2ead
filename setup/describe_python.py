"""Describes this interpreter to set-up, as one line of JSON. Must run on every Python 3."""

import importlib.util
import json
import os
import sys
import sysconfig


def describe() -> dict:
    return {
        "executable": sys.executable,
        "version": list(sys.version_info[:3]),
        "prefix": sys.prefix,
        "is_venv": sys.prefix != sys.base_prefix,
        "has_torch": importlib.util.find_spec("torch") is not None,
        "can_make_venv": all(importlib.util.find_spec(name) for name in ("venv", "ensurepip")),
        "own_site_folder": sysconfig.get_path("purelib"),
        # Selected by name: folders added by a .pth file are in no list of the site module.
        "site_folders": [place for place in sys.path if os.path.basename(place).endswith("-packages")],
    }


print(json.dumps(describe()))
