"""Published tables as data: what a paper prints, digit by digit, what each column means, and every doubt about it.

One TOML file per data set in ``vstain_bench/published/`` (linked from ``benchmarks/``), or a file of the user's own::

    name = "mine"
    title = "My data set"
    summary = "..."

    [[source]]              # who published it, and how it was read
    key = "smith2026"
    ...
    [[column]]              # what is printed at the head, and the exact metric of ours where it is known
    key = "psnr"
    title = "PSNR"
    metric = "psnr"
    ...
    [[table]]               # one table: its columns, then its rows
    ...
    [[table.row]]
    model = "Smith"
    cells = ["21.0 ± 3.2"]

Published numbers are shown beside measured ones and never ranked or tested with them.
"""

import re
import tomllib
from importlib import resources
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError, model_validator

from vstain_bench.base.names import unknown
from vstain_bench.errors import UsageError
from vstain_bench.results.table import FrozenModel

_CELL = re.compile(r"^(?P<value>[-−]?\d+(?:\.\d+)?)(?: ± (?P<spread>\d+(?:\.\d+)?))?$")
MISSING = "–"
NOT_KNOWN = "meaning not known"


class Source(FrozenModel):
    """Who published numbers, and how they were read."""

    key: str
    short: str = Field(description="Authors and year, as cited beside a row")
    authors: str
    title: str
    venue: str
    year: int | None = None
    doi: str = ""
    arxiv: str = ""
    code: str = Field("", description="Repository and commit that say what a column means")
    first_hand: bool = Field(description="Whether the numbers were read where their authors published them")
    read: str = Field(description="What was read, and what that loses")

    @property
    def citation(self) -> str:
        """Authors, title, venue and identifiers in one line."""
        identifiers = [f"doi:{self.doi}" if self.doi else "", f"arXiv:{self.arxiv}" if self.arxiv else "", self.code]
        authors = "" if self.authors == "not known" else self.authors
        return ". ".join(filter(None, (authors, self.title, self.venue, ", ".join(filter(None, identifiers)))))


class PublishedColumn(FrozenModel):
    """One column as printed; ``metric`` is the exact metric of ours that it is, or empty where that is not known."""

    key: str
    title: str
    heading: str = ""
    metric: str = ""
    factor: float = Field(1.0, gt=0, description="Printed number = factor × ours")
    unit: str = ""
    better: Literal["higher", "lower", "none"]
    spread: str = Field(description="What stands after ±, or none")
    meaning: str
    doubts: tuple[str, ...] = ()


class Printed(FrozenModel):
    """One cell: the printed digits, and the numbers that they are, in the unit of our metric."""

    text: str
    value: float | None
    spread: float | None = None
    doubt: str = ""


class PublishedRow(FrozenModel):
    """One row: the printed name, the full one, and the cells in the order of the columns."""

    model: str
    name: str = ""
    cells: tuple[str, ...]
    doubts: dict[str, str] = Field(default_factory=dict, description="By the column's key")


class PublishedTable(FrozenModel):
    """One published table: whose, where, on which tiles, and what about it is not certain."""

    key: str
    number: str = Field(description="What the paper calls it")
    caption: str
    place: str = Field(description="Section and page, as far as known")
    source: str
    kind: Literal["metrics", "reader study"]
    protocol: str = Field("", description="Our protocol that computes these columns, where one does")
    dataset: str
    split: str
    tiles: int | None = None
    first_column: str
    columns: tuple[str, ...]
    row: tuple[PublishedRow, ...]
    doubts: tuple[str, ...] = ()


class Published(FrozenModel):
    """Everything that is shipped of one data set."""

    name: str
    title: str
    summary: str
    source: tuple[Source, ...]
    column: tuple[PublishedColumn, ...]
    table: tuple[PublishedTable, ...]

    @model_validator(mode="after")
    def _consistent(self) -> "Published":
        for kind, keys in (
            ("source", [each.key for each in self.source]),
            ("column", [each.key for each in self.column]),
            ("table", [each.key for each in self.table]),
        ):
            if len(set(keys)) < len(keys):
                raise ValueError(f"a {kind} key occurs twice: {', '.join(keys)}")
        known = {each.key for each in self.column}
        for table in self.table:
            if table.source not in {each.key for each in self.source}:
                raise ValueError(f"table '{table.key}': no source '{table.source}'")
            if not set(table.columns) <= known:
                raise ValueError(f"table '{table.key}': no column {', '.join(sorted(set(table.columns) - known))}")
            for row in table.row:
                _check_row(table, row)
        return self

    def source_of(self, table: PublishedTable) -> Source:
        """Return who published a table."""
        return next(each for each in self.source if each.key == table.source)

    def columns_of(self, table: PublishedTable) -> tuple[PublishedColumn, ...]:
        """Return the columns of a table in their printed order."""
        by_key = {each.key: each for each in self.column}
        return tuple(by_key[key] for key in table.columns)

    def printed(self, table: PublishedTable, row: PublishedRow) -> tuple[Printed, ...]:
        """Return the cells of a row, with the numbers in the unit of our metric."""
        return tuple(
            _printed(cell, column.factor, row.doubts.get(column.key, ""))
            for cell, column in zip(row.cells, self.columns_of(table), strict=True)
        )


def _check_row(table: PublishedTable, row: PublishedRow) -> None:
    where = f"table '{table.key}', row '{row.model}'"
    if len(row.cells) != len(table.columns):
        raise ValueError(f"{where}: {len(row.cells)} cells for {len(table.columns)} columns")
    for cell in row.cells:
        if cell != MISSING and not _CELL.match(cell):
            raise ValueError(f"{where}: the cell '{cell}' is no number such as '0.47 ± 0.07', and not '{MISSING}'")
    if not set(row.doubts) <= set(table.columns):
        raise ValueError(f"{where}: a doubt about a column that the table lacks")


def _printed(cell: str, factor: float, doubt: str) -> Printed:
    found = _CELL.match(cell)
    if found is None:
        return Printed(text=cell, value=None, doubt=doubt)
    value, spread = float(found["value"].replace("−", "-")), found["spread"]
    return Printed(
        text=cell, value=value / factor, spread=float(spread) / factor if spread is not None else None, doubt=doubt
    )


def names() -> list[str]:
    """Return the data sets whose published tables ship with the package."""
    folder = resources.files("vstain_bench.judge").joinpath("published")
    return sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml"))


def read_published(text: str) -> Published:
    """Return published tables by the data set's name, or from a TOML file's path.

    Raises:
        UsageError: there is no such name or file, or the file is not one of published tables.
    """
    path = Path(text)
    if path.suffix == ".toml" and path.is_file():
        content = path.read_bytes()
    elif text in names():
        content = resources.files("vstain_bench.judge").joinpath("published", f"{text}.toml").read_bytes()
    else:
        raise unknown(text, names(), where=f"--published {text}", found="no such data set or TOML file")
    try:
        return parse_published(content.decode("utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, ValidationError) as fault:
        raise UsageError(
            where=f"--published {text}",
            found=f"not a file of published tables: {_first_fault(fault)}",
            expected="[[source]], [[column]] and [[table]] as in benchmarks/her2match/published.toml",
        ) from fault


def parse_published(text: str) -> Published:
    """Return the published tables of a TOML text.

    Raises:
        ValueError: it is no TOML (``TOMLDecodeError``), or not of this form (``ValidationError``).
    """
    return Published.model_validate(tomllib.loads(text))


def _first_fault(fault: ValueError) -> str:
    if not isinstance(fault, ValidationError):
        return str(fault)
    first = fault.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    return f"{where}: {first['msg']}" if where else str(first["msg"])
