"""For programs: the values themselves as JSON, one record per number as CSV."""

import csv
import io

from vstain_bench.base.text import printable
from vstain_bench.present.formats.definition import Format, register
from vstain_bench.present.sheet import Document

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def guard_formula(value: object) -> object:
    """Return a cell that no spreadsheet takes for a formula and no terminal for a command."""
    if not isinstance(value, str):
        return value
    return printable(f"'{value}" if value.startswith(_FORMULA) else value)


def render_json(document: Document) -> str:
    """Return the values that a document shows, as strict JSON."""
    return document.content.to_json()


def render_csv(document: Document) -> str:
    """Return one line per record; an empty cell is undefined."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    for number, record in enumerate(document.records()):
        if not number:
            writer.writerow(record)
        writer.writerow([guard_formula("" if value is None else value) for value in record.values()])
    return text.getvalue()


register(Format("json", "every value, for a program", "json", render_json))
register(Format("csv", "one line per number, for a spreadsheet", "csv", render_csv))
