"""docs/ci.md does not drift: kinds, defaults and formats are the code's, YAML and TOML parse, commands exist."""

import re
import shlex
import subprocess
from pathlib import Path

import pytest
import typer
import yaml

from vstain_bench.cli.main import app
from vstain_bench.judge.gate.tolerances import DEFAULT, NOISE, read_tolerances
from vstain_bench.present.formats import FORMATS
from vstain_bench.results.verdict import FAILING, KINDS

PAGE = Path(__file__).parents[2] / "docs" / "ci.md"
TEXT = PAGE.read_text("utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)


def rows(head: str) -> list[list[str]]:
    """Return the cells of the table whose header begins with ``head``."""
    table = TEXT[TEXT.index(f"| {head} |") :].partition("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table]


def test_the_kinds_are_those_of_the_code() -> None:
    told = {cells[0].strip("`"): (cells[1], cells[2]) for cells in rows("finding")}
    assert told == {kind: ("1" if kind in FAILING else "0", words) for kind, words in KINDS.items()}


def test_the_defaults_are_those_of_the_code() -> None:
    told = {family.strip(" `"): cells[1] for cells in rows("metrics") for family in cells[0].split(",")}
    assert told == {("all others" if family == DEFAULT else family): text for family, text in NOISE}


def test_the_formats_are_those_of_the_code() -> None:
    assert {cells[0].strip("`") for cells in rows("format")} == set(FORMATS.names())


def test_the_tolerances_are_a_file(tmp_path: Path) -> None:
    (example,) = blocks("toml")
    (tmp_path / "t.toml").write_text(example, "utf-8")
    assert {"fid", "psnr", "kid", "lpips_vgg", "ssim"} <= read_tolerances(tmp_path / "t.toml").metrics()


def scripts(part: object) -> list[str]:
    """Return every shell script of a workflow: ``run``, ``script`` and ``entry``, wherever they are."""
    if isinstance(part, list):
        return [script for each in part for script in scripts(each)]
    if not isinstance(part, dict):
        return []
    found = []
    for key, value in part.items():
        if key in ("run", "entry", "script"):
            found += [value] if isinstance(value, str) else value
        else:
            found += scripts(value)
    return found


def commands() -> list[list[str]]:
    texts = [script for block in blocks("yaml") for script in scripts(yaml.safe_load(block))]
    texts += [line.partition("#")[0] for block in blocks("") for line in block.splitlines()]
    lines = [line for text in texts for line in text.splitlines()]
    return [shlex.split(line)[1:] for line in lines if line.strip().startswith("vstain-bench ")]


def test_every_example_is_yaml_with_the_parts_that_its_reader_needs() -> None:
    github, gitlab, hooks = (yaml.safe_load(block) for block in blocks("yaml"))
    assert github[True] == "pull_request", "YAML 1.1 reads 'on' as true, as GitHub's reader knows"
    steps = github["jobs"]["gate"]["steps"]
    assert all(("uses" in step) != ("run" in step) for step in steps)
    assert github["permissions"]["pull-requests"] == "write"
    assert set(gitlab["gate"]["artifacts"]["reports"]) == {"junit", "metrics", "codequality"}
    hook = hooks["repos"][0]["hooks"][0]
    assert {"id", "name", "entry", "language", "files"} <= set(hook)
    re.compile(hook["files"])


def test_every_script_is_shell() -> None:
    for block in blocks("yaml"):
        for script in scripts(yaml.safe_load(block)):
            done = subprocess.run(["bash", "-n"], input=script, text=True, capture_output=True, check=False)
            assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("arguments", commands(), ids=lambda arguments: " ".join(arguments)[:60])
def test_every_command_parses(arguments: list[str]) -> None:
    group = typer.main.get_command(app)
    verb = group.commands[arguments[0]]  # type: ignore[attr-defined]
    context = verb.make_context(arguments[0], arguments[1:])
    assert context.params


def test_a_command_that_does_not_exist_would_be_noticed() -> None:
    verb = typer.main.get_command(app).commands["gate"]  # type: ignore[attr-defined]
    with pytest.raises(typer.TyperException):
        verb.make_context("gate", ["runs/mine", "--base", "baseline.json"])
    assert len(commands()) >= 6


def test_files_that_are_written_are_those_that_are_kept() -> None:
    github, gitlab, _ = (yaml.safe_load(block) for block in blocks("yaml"))
    written = re.findall(r"--write ([a-z]+)=(\S+)", TEXT)
    assert len(written) == 5
    kept = github["jobs"]["gate"]["steps"][-1]["with"]["path"].split()
    reports = gitlab["gate"]["artifacts"]["reports"]
    for name, file in written:
        assert name in FORMATS
        assert file in kept or reports.get(name) == file
