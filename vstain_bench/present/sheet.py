"""One table as a value, and the document that it stands in: subjects make them, formats render them.

A subject (a run, a comparison, a leaderboard, a gate, a sweep, a training) decides once which numbers stand where, with
how many digits, which are marked, and which sentences go with them. A format decides how that looks. Neither knows the
other, so a new format is one file and a new subject needs no format of its own.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Literal, Protocol

MISSING = "–"
"""What stands where there is no number."""

Tone = Literal["plain", "best", "second", "better", "worse", "faint"]
"""What a cell says at a glance: ``best`` and ``second`` of its metric, ``better`` or ``worse`` than a reference."""
Kind = Literal["measured", "control", "reference", "published"]
"""Whose numbers: of a model, a control, a paper, or figures to read the others by (a ceiling)."""


@dataclass(frozen=True)
class Cell:
    """One number as shown; empty texts where there is nothing to show.

    Attributes:
        text: The number with its digits, or ``MISSING``.
        spread: Standard deviation, without its sign.
        interval: ``[low, high]``.
        standing: Place and interval of ranks, such as ``1= (1–3)``, or letters of models that are not told apart.
        marks: Signs that a note explains, such as ``†``.
        tone: What it says at a glance.
        number: The value itself, by which a page sorts.
        share: A share from 0 to 1, by which a page shades the cell.
        reach: Lower end, number and upper end as shares of the way from first to last, which a page draws.
        notes: Why there is no number, or what is doubtful about it.
    """

    text: str = MISSING
    spread: str = ""
    interval: str = ""
    standing: str = ""
    marks: str = ""
    tone: Tone = "plain"
    number: float | None = None
    share: float | None = None
    reach: tuple[float, float, float] | None = None
    notes: tuple[str, ...] = ()

    @property
    def with_spread(self) -> str:
        """The number with its spread and marks on one line."""
        return f"{self.text}{f' ±{self.spread}' if self.spread else ''}{self.marks}"


@dataclass(frozen=True)
class Head:
    """What a row or a column is called.

    Attributes:
        title: Its name.
        arrow: Which direction is better.
        unit: Unit of its numbers.
        note: What a reader may want to know of it: a definition, a signature.
        key: What identifies it for a program; the title where there is nothing shorter.
        link: The page that a page leads to.
        text: Whether its cells are words, not numbers.
        kind: Whose numbers it holds.
        group: What it stands under, together with its neighbours of the same group: a family of metrics, "Controls".
    """

    title: str
    arrow: str = ""
    unit: str = ""
    note: str = ""
    key: str = ""
    link: str = ""
    text: bool = False
    kind: Kind = "measured"
    group: str = ""

    @property
    def full(self) -> str:
        """Name, direction and unit on one line."""
        return " ".join(filter(None, (self.title, self.arrow, f"({self.unit})" if self.unit else "")))


@dataclass(frozen=True)
class Line:
    """One row: what it is called, and one cell for each column."""

    head: Head
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Sheet:
    """A table: columns, rows, and what must stand beside it.

    Attributes:
        columns: What each column is called.
        lines: The rows; neighbours of one group stand under its name.
        corner: What the first column, that of the rows' names, is called.
        title: What the table is called.
        notes: What a reader of the numbers must know, one sentence each.
        gaps: What is missing and why, one sentence each: rows or columns without any number collapse into these.
        turns: Whether rows and columns may change places: all cells are of one sort.
    """

    columns: tuple[Head, ...]
    lines: tuple[Line, ...]
    corner: str = ""
    title: str = ""
    notes: tuple[str, ...] = ()
    gaps: tuple[str, ...] = ()
    turns: bool = False

    def groups(self) -> list[tuple[str, list[Line]]]:
        """Return the rows by the groups that follow each other."""
        together = groupby(self.lines, lambda line: (line.head.group, line.head.kind))
        return [(group, list(lines)) for (group, _), lines in together]

    def spans(self) -> list[tuple[str, int]]:
        """Return the groups of columns that follow each other, with how many columns each has."""
        return [(group, len(list(heads))) for group, heads in groupby(self.columns, lambda head: head.group)]

    def picked(self, columns: Iterable[int]) -> "Sheet":
        """Return the sheet with some of its columns, in the order given."""
        chosen = tuple(columns)
        lines = (replace(line, cells=tuple(line.cells[column] for column in chosen)) for line in self.lines)
        return replace(self, columns=tuple(self.columns[column] for column in chosen), lines=tuple(lines))

    def turned(self) -> "Sheet":
        """Return the sheet with rows and columns in each other's place."""
        lines = tuple(
            Line(head, tuple(line.cells[place] for line in self.lines)) for place, head in enumerate(self.columns)
        )
        return replace(self, columns=tuple(line.head for line in self.lines), lines=lines)

    def narrow(self) -> "Sheet":
        """Return the sheet with the shorter side across, where it may be turned: what a page of paper holds."""
        return self.turned() if self.turns and len(self.columns) > len(self.lines) else self


@dataclass(frozen=True)
class Section:
    """A part of a document: a title, sentences that lead, a table, sentences that explain.

    ``code`` is shown as it stands, in a fixed font: a signature, a command.
    """

    title: str = ""
    lead: tuple[str, ...] = ()
    sheet: Sheet | None = None
    notes: tuple[str, ...] = ()
    code: str = ""
    level: int = 2


class Content(Protocol):
    """What was judged, as data."""

    def to_json(self) -> str:
        """Return strict JSON."""
        ...


@dataclass(frozen=True)
class Facts:
    """Values that have no class of their own, as content of a document."""

    values: Mapping[str, object]

    def to_json(self) -> str:
        """Return strict JSON."""
        return json.dumps(self.values, indent=1, ensure_ascii=False, allow_nan=False, default=str) + "\n"


Record = Mapping[str, object]


@dataclass(frozen=True)
class Document:
    """What is shown of one subject, the same in every format.

    Attributes:
        content: The values that it shows: the one thing that a format for programs reads.
        title: What it is called; empty where the first section says enough.
        headline: What can be concluded, and what cannot, one sentence each.
        passed: Whether a check passed; None where nothing was checked.
        sections: Tables with their sentences.
        notes: What a reader of the whole must know.
        records: One record per number, for a spreadsheet.
        anchor: What no reader sees, and a program finds the text again by, such as an earlier comment.
        page: The page of its own, where a subject has one; otherwise its sections make the page.
    """

    content: Content
    title: str = ""
    headline: tuple[str, ...] = ()
    passed: bool | None = None
    sections: tuple[Section, ...] = ()
    notes: tuple[str, ...] = ()
    records: Callable[[], Iterable[Record]] = field(default=tuple)
    anchor: str = ""
    page: Callable[[], str] | None = None
