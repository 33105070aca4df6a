"""The table as data: the JSON that results.json holds, and CSV for a spreadsheet."""

import csv
import io

from vstain_bench.base.text import printable
from vstain_bench.present.formats.definition import REPORTS, Report
from vstain_bench.results.folder import RunFolder
from vstain_bench.results.table import Row

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def render_json(folder: RunFolder) -> str:
    """Return exactly the content of results.json."""
    return folder.read_table().to_json()


def guard_formula(value: object) -> object:
    """Return a cell that no spreadsheet takes for a formula and no terminal for a command."""
    if not isinstance(value, str):
        return value
    return printable(f"'{value}" if value.startswith(_FORMULA) else value)


def render_csv(folder: RunFolder) -> str:
    """Return one line per row of the table; empty cells are undefined."""
    table = folder.read_table()
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    fields = list(Row.model_fields)
    writer.writerow(fields)
    for row in table.rows:
        values = row.model_dump(mode="json") | {"unbeaten": ";".join(row.unbeaten)}
        writer.writerow([guard_formula("" if values[field] is None else values[field]) for field in fields])
    return text.getvalue()


REPORTS.register("json")(Report("json", "the content of results.json", "json", render_json))
REPORTS.register("csv")(Report("csv", "one line per row, for a spreadsheet", "csv", render_csv))
