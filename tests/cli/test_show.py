"""``show``: every format holds every number of the table, rounded to the digits that it prints, and its marks."""

import csv
import io
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest

from vstain_bench.cli.main import call
from vstain_bench.results.folder import RunFolder
from vstain_bench.results.table import Row

Grid = list[list[str]]
NUMBER = re.compile(r"-?\d+\.\d+")
HEADING = re.compile(r" ?[↑$]")
"""Where the direction begins that follows the name of a metric."""


class Tables(HTMLParser):
    """The text of every cell of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tables: list[Grid] = []
        self._inside = False

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self._inside = True
            self.tables[-1][-1].append("")

    def handle_endtag(self, tag: str) -> None:
        self._inside = self._inside and tag not in ("td", "th")

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.tables[-1][-1][-1] += data + " "


def html_grid(text: str) -> Grid:
    page = Tables()
    page.feed(text)
    whole = [row for row in page.tables[0] if len(row) == max(map(len, page.tables[0]))]  # no titles of groups
    grid = [[" ".join(cell.split()) for cell in row] for row in whole]
    grid[0][0] = ""
    return grid


def markdown_grid(text: str) -> Grid:
    lines = text.partition("\n\n")[0].splitlines()
    return [[cell.strip(" *").replace("\\", "") for cell in line.strip("|").split("|")] for line in lines]


def latex_grid(text: str) -> Grid:
    lines = text.partition(r"\toprule")[2].partition(r"\bottomrule")[0].splitlines()
    bare = [re.sub(r"\\(textit|multicolumn|scriptsize)|[{}]", "", line.removesuffix(r" \\")) for line in lines]
    return [[cell.strip().replace(r"\_", "_") for cell in line.split("&")] for line in bare if "&" in line]


def terminal_grid(text: str) -> Grid:
    """Cells of two lines, value above interval, become one."""
    grid: Grid = []
    for line in text.partition("\n\n")[0].splitlines():
        cells = [cell.strip() for cell in re.split("[┃│]", line)]
        if len(cells) > 1 and not cells[0] and grid:
            grid[-1] = [" ".join(both) for both in zip(grid[-1], cells, strict=True)]
        elif len(cells) > 1:
            grid.append(cells)
    return [[cell.strip() for cell in row] for row in grid]


def by_names(grid: Grid) -> dict[frozenset[str], str]:
    """The cells by their two names, model and metric, whichever of them heads the columns."""
    heads = [HEADING.split(name)[0] for name in grid[0]]
    return {
        frozenset((HEADING.split(row[0])[0], head)): cell
        for row in grid[1:]
        for head, cell in zip(heads[1:], row[1:], strict=False)
    }


def shown(row: Row) -> frozenset[str]:
    return frozenset((row.model.removeprefix("control:").replace("-", " "), row.metric))


FORMATS: dict[str, tuple[Callable[[str], Grid], bool]] = {  # and whether it prints intervals
    "terminal": (terminal_grid, True),
    "md": (markdown_grid, True),
    "latex": (latex_grid, False),
    "html": (html_grid, True),
}


@pytest.mark.parametrize("format_", FORMATS)
def test_a_format_shows_every_number_rounded_and_every_mark(
    finished: Path, format_: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    assert call(["show", str(finished), "--format", format_]) == 0
    text = capsys.readouterr().out
    read, intervals = FORMATS[format_]
    cells, table = by_names(read(text)), RunFolder(finished).read_table()
    overall = [row for row in table.rows if row.label is None]
    assert any(row.unbeaten for row in overall), "premise: something is marked"
    for row in overall:
        cell = cells[shown(row)]
        expected = [row.value, row.sd, *((row.low, row.high) if intervals else ())]
        found = NUMBER.findall(cell)
        assert len(found) == len(expected), cell
        for number, exact in zip(found, expected, strict=True):
            digits = len(number.partition(".")[2])
            assert exact is not None
            assert float(number) == pytest.approx(exact, abs=0.5001 * 10**-digits), (shown(row), cell)
        assert any(mark in cell for mark in ("†", "‡", "dagger")) == bool(row.unbeaten), (shown(row), cell)
    assert all(label in text for label in ("1+", "2+", "3+")), "the strata"
    assert "fewer than 10 patients" in " ".join(text.split()), "the warnings of the table"


def test_csv_holds_every_field_of_every_row(finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["show", str(finished), "--format", "csv"]) == 0
    lines = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    rows = RunFolder(finished).read_table().rows
    for line, row in zip(lines, rows, strict=True):
        for field, value in row.model_dump(mode="json").items():
            if isinstance(value, float):
                assert float(line[field]) == value
            else:
                assert line[field] == (
                    ";".join(value) if isinstance(value, list) else str("" if value is None else value)
                )


def test_json_is_the_content_of_results_json(finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["show", str(finished), "--format", "json"]) == 0
    assert capsys.readouterr().out == (finished / "results.json").read_text("utf-8")


def test_an_unknown_format_is_refused_with_a_proposal(finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["show", str(finished), "--format", "latx"]) == 2
    assert "Did you mean 'latex'" in capsys.readouterr().err


def test_show_writes_what_it_would_print(finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["show", str(finished), "--format", "md"]) == 0
    printed = capsys.readouterr().out
    assert call(["show", str(finished), "--format", "md", "--out", str(tmp_path / "table.md")]) == 0
    assert (tmp_path / "table.md").read_text("utf-8") == printed
