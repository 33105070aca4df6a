"""One door by which metrics, encoders, layouts, controls and reports enter, ours and anyone's.

A registry is filled by a decorator. The modules of the package that owns it are imported when it is first asked for a
name, so that a command waits for nothing it does not use. Other people's packages name an entry point in the group
``vstain_bench.plugins`` (any module that registers things when imported, or says with ``provide`` which package will),
and a single file can be given with ``--plugin FILE``.
"""

import importlib.metadata
import importlib.util
import pkgutil
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Generic, TypeVar

from vstain_bench.base.names import unknown
from vstain_bench.errors import UsageError

T = TypeVar("T")
ENTRY_POINT_GROUP = "vstain_bench.plugins"
_PROVIDED: dict[str, list[str]] = {}


def provide(kind: str, package: str) -> None:
    """Let the modules of a package be imported when a registry of this kind is first asked for a name."""
    _PROVIDED.setdefault(kind, []).append(package)


class Registry(Generic[T]):
    """Named things of one kind, in the order of their names; those of ``package`` are imported when first needed."""

    def __init__(self, kind: str, package: str = "") -> None:
        self.kind = kind
        self._items: dict[str, T] = {}
        self._imported: set[str] = set()
        self._package = [package] if package else []
        self._filling = threading.RLock()

    def register(self, name: str) -> Callable[[T], T]:
        """Return a decorator that adds the decorated thing under ``name``; a name is taken only once."""

        def add(item: T) -> T:
            if name in self._items:
                raise UsageError(
                    where=f"{self.kind} '{name}'",
                    found="the name is registered already",
                    expected="a name of its own for every definition",
                    next_step="Choose another name; a published variant is never an alias.",
                )
            self._items[name] = item
            return item

        return add

    def __getitem__(self, name: str) -> T:
        try:
            return self._filled()[name]
        except KeyError:
            raise unknown(name, self.names(), where=f"{self.kind} '{name}'") from None

    def __contains__(self, name: object) -> bool:
        return name in self._filled()

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())

    def names(self) -> list[str]:
        """Return all names, sorted."""
        return sorted(self._filled())

    def remove(self, name: str) -> None:
        """Take a name out again (for tests of extensions)."""
        self._items.pop(name, None)

    def _filled(self) -> dict[str, T]:
        with self._filling:
            for package in [*self._package, *_PROVIDED.get(self.kind, ())]:
                if package not in self._imported:
                    self._imported.add(package)  # before its modules, which may ask
                    try:
                        _import_modules(package)
                    except BaseException:
                        self._imported.discard(package)
                        raise
        return self._items


def _import_modules(package: str) -> None:
    for module in sorted(found.name for found in pkgutil.iter_modules(importlib.import_module(package).__path__)):
        importlib.import_module(f"{package}.{module}")


def load_plugins(files: tuple[Path, ...] = ()) -> list[str]:
    """Import every installed plug-in and the given files; return their names.

    A plug-in that fails to import is an error that names it: a table that lacks a metric in silence is worse.
    """
    loaded = []
    for entry in sorted(importlib.metadata.entry_points(group=ENTRY_POINT_GROUP), key=lambda entry: entry.name):
        try:
            entry.load()
        except Exception as fault:
            raise UsageError(
                where=f"plug-in '{entry.name}' ({entry.value})",
                found=f"it fails to import: {type(fault).__name__}: {fault}",
                next_step="Repair or uninstall the package that provides it.",
            ) from fault
        loaded.append(entry.name)
    for file in files:
        loaded.append(_load_file(file))
    return loaded


def _load_file(file: Path) -> str:
    """Import a file, or the package in a folder, whose modules then find each other under the folder's name."""
    package = file.is_dir()
    name = file.resolve().name if package else f"vstain_bench_plugin_{file.stem}"
    source = file / "__init__.py" if package else file
    if name in sys.modules:
        _refuse_other_module(name, source)
        return file.name
    inside = [str(file)] if package else None
    spec = importlib.util.spec_from_file_location(name, source, submodule_search_locations=inside)
    if not source.is_file() or spec is None or spec.loader is None:
        raise UsageError(
            where=f"--plugin {file}",
            found="a folder without __init__.py" if package else "no such Python file",
            expected="a .py file or a package that registers something when imported (docs/extending.md)",
        )
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as fault:
        del sys.modules[name]
        raise UsageError(
            where=f"--plugin {file}",
            found=f"it fails to import: {type(fault).__name__}: {fault}",
            next_step="Run the file on its own to see the full traceback.",
        ) from fault
    return file.name


def _refuse_other_module(name: str, source: Path) -> None:
    loaded = getattr(sys.modules[name], "__file__", None)
    if source.name == "__init__.py" and (loaded is None or Path(loaded).resolve() != source.resolve()):
        raise UsageError(
            where=f"--plugin {source.parent}",
            found=f"another module called '{name}' is imported already ({loaded or 'built in'})",
            next_step="Rename the folder.",
        )
