"""Which architectures an MSST builds, and which Python modules each of them needs that are not installed.

Nothing of MSST and no torch is imported for it: the sources are read. A model that cannot be built for lack
of a module is then told from the others before anybody waits for it.
"""

from __future__ import annotations

import argparse
import ast
import functools
import importlib.util
import json
import os
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PERHAPS_INCOMPLETE = frozenset(("conformer", "demucs", "hyper_connections", "julius", "openunmix"))
"""Packages that the set-up installs without what they need (setup/architecture-requirements.txt)."""
LOADERS = ("get_model_from_config", "build_model_from_config")
"""The second by the msst package, whose first calls it."""
MOST_SOURCE_BYTES = 4_000_000
"""Of a file that is read for its imports; no source of a network comes near."""


def run_needs(arguments: list[str], sink_fd: int) -> int:
    """`needs --msst-root DIR`: write one line of JSON to sink_fd.

    Returns:
        The exit status.
    """
    parser = argparse.ArgumentParser(prog="python -m python_worker")
    commands = parser.add_subparsers(required=True)
    commands.add_parser("needs").add_argument("--msst-root", type=Path, required=True)
    answer = needs_of(parser.parse_args(arguments).msst_root)
    os.write(sink_fd, json.dumps(answer).encode("ascii") + b"\n")
    return 0


def needs_of(root: Path) -> dict[str, object]:
    """What is missing for the MSST of a folder, by architecture, and where an install shows."""
    return {"missing": missing_modules(root.absolute()), "package_folders": package_folders()}


@dataclass(frozen=True)
class Sources:
    """Where the modules of an MSST lie.

    Attributes:
        folder: which is searched for them.
        package: that they belong to; empty for a checkout, whose modules stand by themselves.
        is_own: whether they are MSST's, and not of a package that it imports.
    """

    folder: Path
    package: str = ""
    is_own: bool = True

    def path_of(self, module: str) -> Path | None:
        """Of one of its modules, a file without its ending, or a folder; None: it is none of these."""
        if self.package:
            if not f"{module}.".startswith(f"{self.package}."):
                return None
            module = module[len(self.package) + 1 :]
        path = self.folder.joinpath(*filter(None, module.split(".")))
        return path if path.is_dir() or path.with_suffix(".py").is_file() else None


def missing_modules(root: Path) -> dict[str, list[str]]:
    """By each architecture that the MSST of a folder builds, the modules that it lacks."""
    found = _model_loader(root)
    if found is None:
        return {}
    sources, module, loader = found
    missing: dict[str, set[str]] = {}
    for chain in _chains(loader):
        for name, body in chain.items():
            lacking = missing.setdefault(name, set())
            for node in (node for statement in body for node in ast.walk(statement)):
                for imported in _imported_modules(sources, node, module):
                    lacking |= _lacking(sources, imported, set())
    return {name: sorted(lacking) for name, lacking in missing.items()}


def package_folders() -> list[str]:
    """The folders in which an install shows."""
    paths = sysconfig.get_paths()
    folders = {paths["purelib"], paths["platlib"], *sys.path}
    return sorted(
        folder for folder in folders if os.path.basename(folder) in ("site-packages", "dist-packages")
    )


def _model_loader(root: Path) -> tuple[Sources, str, ast.FunctionDef] | None:
    """The function that builds a network by its type, and the module it is in."""
    package = importlib.util.find_spec("msst")
    places = [(Sources(root), "utils.settings"), (Sources(root), "utils")]
    if package is not None and package.submodule_search_locations:
        places.append((Sources(Path(package.submodule_search_locations[0]), "msst"), "msst.utils.settings"))
    for sources, module in places:
        functions = [node for node in _statements(sources, module) if isinstance(node, ast.FunctionDef)]
        loaders = [function for function in functions if function.name in LOADERS]
        if loaders:
            return sources, module, max(loaders, key=lambda loader: sum(map(len, _chains(loader))))
    return None


def _chains(loader: ast.FunctionDef) -> Iterator[dict[str, list[ast.stmt]]]:
    """What each `if … elif …` does, by model type: `if model_type == 'mdx23c'`, `elif model_type in [...]`.

    Of a type that stands twice in one of them, the first; a type may also be asked about in several.
    """
    later: set[ast.stmt] = set()
    for node in ast.walk(loader):
        if not isinstance(node, ast.If) or node in later:
            continue
        chain: dict[str, list[ast.stmt]] = {}
        rest: list[ast.stmt] = [node]
        while len(rest) == 1 and isinstance(rest[0], ast.If):
            branch = rest[0]
            later.add(branch)
            for name in _model_types(branch.test):
                chain.setdefault(name, branch.body)
            rest = branch.orelse
        yield chain


def _model_types(test: ast.expr) -> Iterator[str]:
    if isinstance(test, ast.Compare) and isinstance(test.left, ast.Name) and test.left.id == "model_type":
        constants = [node for node in ast.walk(test.comparators[0]) if isinstance(node, ast.Constant)]
        yield from (node.value for node in constants if isinstance(node.value, str))


def _lacking(sources: Sources, module: str, seen: set[tuple[Sources, str]]) -> set[str]:
    """The modules that importing one of them would fail for."""
    if (sources, module) in seen:
        return set()
    seen.add((sources, module))
    path = sources.path_of(module)
    if path is None:
        return _lacking_elsewhere(sources, module, seen)
    lacking = _lacking(sources, module.rpartition(".")[0], seen) if "." in module else set()
    for node in _run_when_imported(_statements(sources, module), is_own=sources.is_own):
        for name in _imported_modules(sources, node, module):
            lacking |= _lacking(sources, name, seen)
    return lacking


def _lacking_elsewhere(sources: Sources, module: str, seen: set[tuple[Sources, str]]) -> set[str]:
    top = module.partition(".")[0]
    if top in sys.stdlib_module_names or sources.path_of(top):
        return set()
    package = importlib.util.find_spec(top)
    if package is None:
        return {top}
    folders = list(package.submodule_search_locations or [])
    if top not in PERHAPS_INCOMPLETE or not folders:
        return set()
    return _lacking(Sources(Path(folders[0]), top, is_own=False), module, seen)


def _imported(node: ast.AST, package: str) -> Iterator[str]:
    """The modules that a statement imports.

    Args:
        package: which the statement's module is in.
    """
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    if isinstance(node, ast.ImportFrom):
        above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
        yield ".".join([*above, *([node.module] if node.module else [])])


def _imported_modules(sources: Sources, node: ast.AST, module: str) -> Iterator[str]:
    """The modules that a statement of a module imports, also those that `from package import name` names."""
    path = sources.path_of(module)
    package = module if path is not None and path.is_dir() else module.rpartition(".")[0]
    for imported in _imported(node, package):
        yield imported
        if isinstance(node, ast.ImportFrom):
            names = (f"{imported}.{alias.name}" for alias in node.names)
            yield from (name for name in names if sources.path_of(name) is not None)


def _run_when_imported(statements: list[ast.stmt], *, is_own: bool) -> Iterator[ast.stmt]:
    """Not what stands in functions, and not what is tried: a module that may be missing is not needed.

    Args:
        is_own: of MSST itself. Others import under conditions that only running them would tell.
    """
    for node in statements:
        yield node
        if is_own and isinstance(node, ast.If | ast.With | ast.ClassDef) and not _is_for_types_only(node):
            yield from _run_when_imported([*node.body, *getattr(node, "orelse", [])], is_own=is_own)


def _is_for_types_only(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)


@functools.cache
def _statements(sources: Sources, module: str) -> list[ast.stmt]:
    """Of a module; none where it cannot be read: whoever imports it will say why."""
    path = sources.path_of(module)
    if path is None:
        return []
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    try:
        if file.stat().st_size > MOST_SOURCE_BYTES:
            return []
        return ast.parse(file.read_bytes()).body
    except (OSError, SyntaxError, ValueError, RecursionError):
        return []
