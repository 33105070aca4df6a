"""Whether a file that someone submits may stand in a leaderboard: a results.json, or published tables.

Every problem has four parts, and all of them at once. What is checked beyond the schema is what a table of
``vstain-bench run`` always fulfils, so a number that was typed, cut or recomputed shows.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from vstain_bench.errors import UsageError
from vstain_bench.judge.leaderboard.check_published import check_published
from vstain_bench.judge.leaderboard.check_table import check_table
from vstain_bench.judge.leaderboard.problem import Problem
from vstain_bench.judge.leaderboard.published import parse_published
from vstain_bench.results.table import SCHEMA_VERSION, FrozenModel, parse_table


class Verdict(FrozenModel):
    """What was found in one file."""

    file: str
    kind: Literal["results", "published", "unknown"]
    holds: dict[str, int] = Field(default_factory=dict, description="How much it holds, where it could be read")
    problems: tuple[Problem, ...] = ()


def check_file(path: Path) -> Verdict:
    """Return every problem of a results.json (or any .json), or of a TOML file of published tables.

    Raises:
        UsageError: there is no such file.
    """
    if not path.is_file():
        raise UsageError(
            where=str(path), found="no such file", expected="a results.json, or a TOML of published tables"
        )
    readers = {".json": _check_results, ".toml": _check_published}
    reader = readers.get(path.suffix)
    if reader is None:
        problem = Problem(
            where="file name", found=f"'{path.name}'", expected="a name that ends in .json or .toml",
            next_step="Submit the results.json of a run, or published tables as TOML.",
        )  # fmt: skip
        return Verdict(file=str(path), kind="unknown", problems=(problem,))
    try:
        return reader(path, path.read_bytes().decode("utf-8"))
    except UnicodeDecodeError as fault:
        problem = Problem(where=f"byte {fault.start}", found="no UTF-8", expected="a text file as UTF-8")
        return Verdict(file=str(path), kind="unknown", problems=(problem,))


def _check_results(path: Path, text: str) -> Verdict:
    try:
        content = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as fault:
        problem = Problem(
            where="whole file", found=f"no strict JSON: {fault}", expected="JSON without NaN or Infinity",
            next_step="Submit the file as 'vstain-bench run' wrote it.",
        )  # fmt: skip
        return Verdict(file=str(path), kind="results", problems=(problem,))
    try:
        table = parse_table(content)
    except ValidationError as fault:
        return Verdict(file=str(path), kind="results", problems=tuple(_schema_problems(fault)))
    except ValueError as fault:
        problem = Problem(
            where="whole file", found=str(fault), expected=f"a results.json of schema {SCHEMA_VERSION} or 1.0",
            next_step="Score again with this version of vstain-bench, or submit its results.json as written.",
        )  # fmt: skip
        return Verdict(file=str(path), kind="results", problems=(problem,))
    holds = {"model": len(table.models), "metric": len(table.metrics), "tile": table.inputs.tiles}
    return Verdict(file=str(path), kind="results", holds=holds, problems=tuple(check_table(table)))


def _refuse_constant(word: str) -> None:
    raise ValueError(f"it holds {word}")


def _check_published(path: Path, text: str) -> Verdict:
    try:
        published = parse_published(text)
    except ValidationError as fault:
        return Verdict(file=str(path), kind="published", problems=tuple(_schema_problems(fault)))
    except ValueError as fault:
        problem = Problem(
            where="whole file", found=f"no TOML: {fault}", expected="TOML as in benchmarks/*/published.toml"
        )
        return Verdict(file=str(path), kind="published", problems=(problem,))
    holds = {"table": len(published.table), "source": len(published.source)}
    return Verdict(file=str(path), kind="published", holds=holds, problems=tuple(check_published(published)))


def _schema_problems(fault: ValidationError) -> Iterator[Problem]:
    for each in fault.errors():
        where = ".".join(str(part) for part in each["loc"]) or "whole file"
        given = each.get("input")
        found = "nothing" if each["type"] == "missing" else _shown(given)
        expected = each["msg"].removeprefix("Value error, ")
        yield Problem(where=where, found=found, expected=expected[:1].lower() + expected[1:])


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
