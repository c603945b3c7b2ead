"""Finds the architectures that an MSST builds, and the Python modules each of them needs and lacks.

It parses the sources and imports neither MSST nor torch. So models that cannot be built, because a module is
missing or this MSST has no such network, are known before a task uses them.
"""

from __future__ import annotations

import argparse
import ast
import dataclasses
import functools
import importlib.util
import json
import os
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .model_types import MOST_SOURCE_BYTES, Loader, ModelTypes, model_types

PERHAPS_INCOMPLETE = frozenset(("conformer", "demucs", "hyper_connections", "julius", "openunmix"))
"""Packages that the set-up installs without their dependencies (setup/architecture-requirements.txt)."""


def run_needs(arguments: list[str], sink_fd: int) -> int:
    """Run `needs --msst-root DIR --loader FILE FUNCTION`: write one line of JSON to sink_fd.

    Returns:
        The exit status.

    Raises:
        OSError, SyntaxError, ValueError, RecursionError: the loader's source cannot be read or parsed.
    """
    parser = argparse.ArgumentParser(prog="python -m python_worker")
    commands = parser.add_subparsers(required=True)
    needs = commands.add_parser("needs")
    needs.add_argument("--msst-root", type=Path, required=True)
    needs.add_argument("--loader", nargs=2, metavar=("FILE", "FUNCTION"))
    given = parser.parse_args(arguments)
    answer = needs_of(given.msst_root, Loader(*given.loader) if given.loader else None)
    os.write(sink_fd, json.dumps(answer).encode("ascii") + b"\n")
    return 0


def needs_of(root: Path, loader: Loader | None) -> dict[str, object]:
    """The architectures an MSST builds, the modules missing for each, and the files where changes show.

    Args:
        root: the MSST's folder.
        loader: its get_model_from_config; None if that has no source.

    Raises:
        OSError, SyntaxError, ValueError, RecursionError: the loader's source cannot be read or parsed.
    """
    types = ModelTypes(None, []) if loader is None else model_types(loader)
    return {
        "architectures": types.names,
        "missing": {} if loader is None else missing_modules(root.absolute(), loader, types),
        "loader": None if loader is None else dataclasses.asdict(loader),
        "package_folders": package_folders(),
    }


@dataclass(frozen=True)
class Sources:
    """A folder of Python modules.

    Attributes:
        folder: the folder to search.
        package: the package that the modules belong to; empty for a checkout, whose modules are top-level.
        is_own: whether the modules are MSST's own, not those of a package it imports.
    """

    folder: Path
    package: str = ""
    is_own: bool = True

    def path_of(self, module: str) -> Path | None:
        """The path of a module: a file without its suffix, or a folder; None if it is not in here."""
        if self.package:
            if not f"{module}.".startswith(f"{self.package}."):
                return None
            module = module[len(self.package) + 1 :]
        path = self.folder.joinpath(*filter(None, module.split(".")))
        return path if path.is_dir() or path.with_suffix(".py").is_file() else None


def missing_modules(root: Path, loader: Loader, types: ModelTypes) -> dict[str, list[str]]:
    """The missing modules by architecture, for every architecture that the MSST builds."""
    home = _home_of(root, Path(loader.file))
    if home is None:
        return {}
    sources, module = home
    missing: dict[str, set[str]] = {}
    for choice in types.choices:
        for name, body in choice.items():
            lacking = missing.setdefault(name, set())
            for node in (node for statement in body for node in ast.walk(statement)):
                for imported in _imported_modules(sources, node, module):
                    lacking |= _lacking(sources, imported, set())
    return {name: sorted(lacking) for name, lacking in missing.items()}


def package_folders() -> list[str]:
    """The folders in which newly installed packages appear."""
    paths = sysconfig.get_paths()
    folders = {paths["purelib"], paths["platlib"], *sys.path}
    return sorted(
        folder for folder in folders if os.path.basename(folder) in ("site-packages", "dist-packages")
    )


def _home_of(root: Path, file: Path) -> tuple[Sources, str] | None:
    """The sources and module name of an MSST file; None if it is in neither the folder nor the package."""
    package = importlib.util.find_spec("msst")
    folders = [Path(folder) for folder in (package.submodule_search_locations if package else None) or ()]
    for sources in (*(Sources(folder, "msst") for folder in folders), Sources(root)):
        try:
            parts = file.relative_to(sources.folder).with_suffix("").parts
        except ValueError:
            continue
        parts = parts[:-1] if parts[-1] == "__init__" else parts
        return sources, ".".join(filter(None, (sources.package, *parts)))
    return None


def _lacking(sources: Sources, module: str, seen: set[tuple[Sources, str]]) -> set[str]:
    """The missing modules for which importing a module would fail."""
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
        package: the package that contains the statement's module.
    """
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    if isinstance(node, ast.ImportFrom):
        above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
        yield ".".join([*above, *([node.module] if node.module else [])])


def _imported_modules(sources: Sources, node: ast.AST, module: str) -> Iterator[str]:
    """The modules that a statement in a module imports, including submodules (`from package import name`)."""
    path = sources.path_of(module)
    package = module if path is not None and path.is_dir() else module.rpartition(".")[0]
    for imported in _imported(node, package):
        yield imported
        if isinstance(node, ast.ImportFrom):
            names = (f"{imported}.{alias.name}" for alias in node.names)
            yield from (name for name in names if sources.path_of(name) is not None)


def _run_when_imported(statements: list[ast.stmt], *, is_own: bool) -> Iterator[ast.stmt]:
    """The statements that run when a module is imported.

    Function bodies are left out, and so are try blocks: a module imported there is optional.

    Args:
        is_own: whether the module is MSST's own. In other packages, nested statements are left out too: their
            conditions cannot be known without running them.
    """
    for node in statements:
        yield node
        if is_own and isinstance(node, ast.If | ast.With | ast.ClassDef) and not _is_for_types_only(node):
            yield from _run_when_imported([*node.body, *getattr(node, "orelse", [])], is_own=is_own)


def _is_for_types_only(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)


@functools.cache
def _statements(sources: Sources, module: str) -> list[ast.stmt]:
    """A module's statements; empty if it cannot be read: importing it will report the error."""
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
