"""The documentation does not drift: generated tables, links, commands, the README's length."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

from vstain_bench.cli.main import app

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "adapters").rglob("*.md")])


def builder() -> ModuleType:
    spec = importlib.util.spec_from_file_location("build_reference", ROOT / "docs" / "build_reference.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_reference_is_what_is_registered() -> None:
    page = (ROOT / "docs" / "reference.md").read_text("utf-8")
    assert page == builder().reference(), "run: python docs/build_reference.py"


def test_every_command_is_in_the_reference() -> None:
    verbs = {command.name for command in app.registered_commands} | {group.name for group in app.registered_groups}
    assert set(builder().COMMANDS) == verbs


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_within_the_repository_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)", page.read_text("utf-8")):
        if not target.startswith(("http:", "https:")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text("utf-8").split()) < 600


def test_commands_in_the_readme_exist() -> None:
    verbs = {command.name for command in app.registered_commands} | {group.name for group in app.registered_groups}
    code = " ".join(re.findall(r"```\n.*?```|`[^`]+`", (ROOT / "README.md").read_text("utf-8"), re.DOTALL))
    shown = set(re.findall(r"vstain-bench ([a-z]+)", code))
    assert shown
    assert shown <= verbs
