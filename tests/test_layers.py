"""Nothing imports upwards: the layers of docs/architecture.md hold, and this test can fail."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import vstain_bench

ROOT = Path(vstain_bench.__file__).parent
ADAPTERS = ROOT.parent / "adapters" / "vstain_adapters"

# From the top down; modules of one line may import each other, and everything below.
LAYERS = (
    ("cli",),
    ("present",),
    ("judge",),
    ("testing",),
    ("measure", "models"),
    ("metrics", "networks", "results", "stats"),
    ("tiles", "stain", "phantom"),
    ("images",),
    ("base",),
    ("types",),
    ("arrays", "words"),
    ("errors",),
)
DEPTH = {name: depth for depth, layer in enumerate(reversed(LAYERS)) for name in layer}
DOORS = {"__init__", "__main__"}
ADAPTER_MAY_IMPORT = {"types", "arrays", "words", "errors", "models", "images", "tiles", "networks", "base"}


def imported(source: str) -> Iterator[str]:
    """Yield every module of the project that a source imports, anywhere in it."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            if node.module in ("vstain_bench", "vstain_adapters"):
                yield from (f"{node.module}.{alias.name}" for alias in node.names)


def room(module: str) -> str:
    return module.split(".")[1] if module.count(".") else ""


def upward(path: Path, source: str) -> list[str]:
    """Return the imports of one file that point upwards."""
    relative = path.relative_to(ROOT)
    own = relative.parts[0].removesuffix(".py")
    if own in DOORS:
        return []
    return [
        module
        for module in imported(source)
        if module.startswith("vstain_bench.") and room(module) in DEPTH and DEPTH[room(module)] > DEPTH[own]
    ]


@pytest.mark.parametrize("path", sorted(ROOT.rglob("*.py")), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_module_imports_upwards(path: Path) -> None:
    assert upward(path, path.read_text(encoding="utf-8")) == []


def test_every_module_has_a_layer() -> None:
    rooms = {path.relative_to(ROOT).parts[0].removesuffix(".py") for path in ROOT.rglob("*.py")} - DOORS
    assert rooms == set(DEPTH)


def test_the_law_can_be_broken() -> None:
    assert upward(ROOT / "metrics" / "new.py", "from vstain_bench.cli import main") == ["vstain_bench.cli"]
    assert upward(ROOT / "types.py", "def late():\n    from vstain_bench.measure.observe import observe") == [
        "vstain_bench.measure.observe"
    ]


def test_adapters_import_only_what_they_may_and_no_sibling() -> None:
    for path in ADAPTERS.rglob("*.py"):
        own = path.relative_to(ADAPTERS).parts[0].removesuffix(".py")
        for module in imported(path.read_text(encoding="utf-8")):
            if module.startswith("vstain_bench."):
                assert room(module) in ADAPTER_MAY_IMPORT, f"{path.name} imports {module}"
            if module.startswith("vstain_adapters.") and own != "__init__":
                assert room(module) in (own, "shared"), f"{path.name} imports its sibling {module}"


def test_scoring_never_imports_an_adapter() -> None:
    for path in ROOT.rglob("*.py"):
        assert not any(module.startswith("vstain_adapters") for module in imported(path.read_text(encoding="utf-8")))
