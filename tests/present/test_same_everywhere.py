"""A comparison and a leaderboard hold the same numbers and the same words in every format, and both can be lost."""

import csv
import io
import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from markdown_it import MarkdownIt

from tests.compare.studies import Study, write_study
from tests.leaderboard.simulated import Simulated, write_run
from vstain_bench.judge.compare import job as comparing
from vstain_bench.judge.compare.config import CompareConfig
from vstain_bench.judge.leaderboard import job as ranking
from vstain_bench.judge.leaderboard.config import LeaderboardConfig
from vstain_bench.present.formats import latex, render
from vstain_bench.present.sheet import Cell, Document, Sheet
from vstain_bench.present.subjects import comparison, leaderboard

NUMBER = re.compile(r"[-+−]?\d+(?:\.\d+)?(?:e[-+]\d+)?")


class Tables(HTMLParser):
    """The texts of cells in tables, and all text that is read."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.cells: list[str] = []
        self.text = ""
        self._inside = False
        self._hidden = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "td":
            self._inside = True
            self.cells.append("")
        self._hidden = tag in ("style", "script")

    def handle_endtag(self, tag: str) -> None:
        self._inside = self._inside and tag != "td"
        self._hidden = False

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.cells[-1] += f" {data}"
        if not self._hidden:
            self.text += data


def cells_of(text: str, name: str) -> list[str]:
    """Return the texts of the cells that are no names, as a reader of the format would."""
    if name == "html":
        return Tables(text).cells
    if name == "md":
        found = re.findall(r"<td[^>]*>(.*?)</td>", MarkdownIt("commonmark").enable("table").render(text))
        rows = re.findall(r"<tr>(.*?)</tr>", MarkdownIt("commonmark").enable("table").render(text), re.DOTALL)
        found = [cell for row in rows for cell in re.findall(r"<td[^>]*>(.*?)</td>", row)[1:]]
        return [re.sub(r"<[^>]+>", "", cell).replace("&lt;", "<") for cell in found]
    if name == "latex":
        bodies = re.findall(r"\\midrule\n(.*?)\\bottomrule", text, re.DOTALL)
        rows = [row for body in bodies for row in body.splitlines() if r"\multicolumn" not in row]
        return [cell for row in rows for cell in re.split(r"(?<!\\)&", row)[1:]]
    lines = [line for line in text.splitlines() if "│" in line]
    return [cell for line in lines for cell in line.split("│")[1:]]


def squeezed(text: str) -> str:
    return re.sub(r"[\s│┃]", "", text)


def sentences(document: Document) -> Iterator[str]:
    yield from (*document.headline, *document.notes)
    for section in document.sections:
        yield from (*section.lead, *section.notes)
        if section.sheet is not None:
            yield from (*section.sheet.notes, *section.sheet.gaps)


def sheets(document: Document) -> list[Sheet]:
    return [section.sheet for section in document.sections if section.sheet is not None]


def shown(document: Document) -> list[Cell]:
    return [cell for sheet in sheets(document) for line in sheet.lines for cell in line.cells]


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> Document:
    draw = np.random.default_rng(0).normal
    groups = [f"p{number}" for number in range(9) for _ in range(2)]
    values = {name: {"ssim": draw(mean, 0.02, 18), "psnr": draw(20, 0.5, 18)} for name, mean in
              (("mine", 0.5), ("near", 0.5), ("far", 0.3))}  # fmt: skip
    rows = {name: {"kd_random": draw(0, 1, (18, 4))} for name in values}
    study = Study(values=values, rows=rows, groups=groups, labels=["0", "3+"] * 9, gaps={"fid": "no weights"})
    path = write_study(tmp_path_factory.mktemp("compared") / "run", study).path
    return comparison.document(comparing.compare([path], CompareConfig(primary=("ssim",))))


@pytest.fixture(scope="module")
def ranked(tmp_path_factory: pytest.TempPathFactory) -> Document:
    run = Simulated({"a": 0.0, "b": 1.0, "c": 3.0}, metrics="psnr,css", protocol="cssp2p-2025", groups=8)
    path = write_run(tmp_path_factory.mktemp("ranked") / "run", run).path
    made = ranking.make_leaderboard([path], LeaderboardConfig(published=("her2match",)))
    return leaderboard.document(made.leaderboard)


@pytest.fixture(params=["compared", "ranked"])
def document(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Document:
    monkeypatch.setenv("COLUMNS", "400")
    found: Document = request.getfixturevalue(request.param)
    return found


def numbers(document: Document, name: str) -> Counter[str]:
    return Counter(number for cell in cells_of(render(document, name), name) for number in NUMBER.findall(cell))


def missing(document: Document, name: str) -> list[str]:
    """Return the sentences of a document that a format does not say."""
    text = render(document, name)
    if name == "html":
        text = Tables(text).text
    if name == "md":
        text = re.sub(r"\\(.)", r"\1", text)
    expected = {each: latex.escape(each) if name == "latex" else each for each in sentences(document)}
    return [each for each, written in expected.items() if squeezed(written) not in squeezed(text)]


def test_the_same_numbers_stand_in_every_table(document: Document) -> None:
    expected = Counter(
        number
        for cell in shown(document)
        for part in (cell.text, cell.spread, cell.interval, cell.standing)
        for number in NUMBER.findall(part)
    )
    assert sum(expected.values()) > 50
    for name in ("terminal", "md", "latex", "html"):
        assert numbers(document, name) == expected, name


def test_the_same_words_stand_in_every_format(document: Document) -> None:
    assert len(list(sentences(document))) > 5
    for name in ("terminal", "md", "latex", "html"):
        assert missing(document, name) == [], name


def test_data_hold_the_numbers_that_tables_show(document: Document) -> None:
    lines = csv.DictReader(io.StringIO(render(document, "csv")))
    written = [float(value) for line in lines for value in line.values() if NUMBER.fullmatch(value or "")]
    known = np.array(sorted(written))
    values = json.loads(render(document, "json"), parse_constant=lambda word: pytest.fail(word))
    assert values
    for cell in shown(document):
        if cell.number is not None and cell.text not in ("0.00", "0.000", "1.00", "1.000", "1.0", "0.0"):  # a ceiling
            assert np.isclose(known, cell.number, rtol=1e-12).any(), cell


def test_what_is_lost_is_noticed(document: Document) -> None:
    """The checks above can fail: a note and a number that another format does not have."""
    first, *others = document.sections
    assert first.sheet is not None
    line = first.sheet.lines[0]
    cells = (replace(line.cells[0], text="123.456"), *line.cells[1:])
    sheet = replace(first.sheet, lines=(replace(line, cells=cells), *first.sheet.lines[1:]))
    other = replace(document, sections=(replace(first, sheet=sheet), *others), notes=("Something else.",))
    assert numbers(other, "md") != numbers(document, "md")
    assert missing(other, "html") == ["Something else."], "the page is made from the values, not from this document"
