"""What published tables must fulfil beside their form: known metrics and protocols, sources, sensible numbers."""

from collections.abc import Iterator

from vstain_bench.base.names import nearest
from vstain_bench.judge.leaderboard.problem import Problem
from vstain_bench.judge.leaderboard.published import NOT_KNOWN, Printed, Published, PublishedColumn, PublishedTable
from vstain_bench.measure.protocols import names as protocol_names
from vstain_bench.metrics import METRICS, build


def check_published(published: Published) -> Iterator[Problem]:
    """Yield every problem of published tables that satisfy the form."""
    yield from _sources(published)
    for column in published.column:
        yield from _column(column)
    for table in published.table:
        yield from _table(published, table)
    used = {key for table in published.table for key in table.columns}
    for column in published.column:
        if column.key not in used:
            yield Problem(where=f"column '{column.key}'", found="no table has it", expected="columns that are printed")


def _sources(published: Published) -> Iterator[Problem]:
    for source in published.source:
        where = f"source '{source.key}'"
        if source.first_hand and not (source.doi or source.arxiv or source.code):
            yield Problem(
                where=where, found="no doi, arxiv or code", expected="where readers find what was read first-hand"
            )
        if not source.read.strip():
            yield Problem(where=f"{where}, read", found="nothing", expected="what was read, and what that loses")
        if source.year is not None and not 1990 <= source.year <= 2100:
            yield Problem(where=f"{where}, year", found=str(source.year), expected="a year with four digits")


def _column(column: PublishedColumn) -> Iterator[Problem]:
    where = f"column '{column.key}'"
    if column.metric and column.metric not in METRICS:
        yield Problem(
            where=f"{where}, metric", found=f"'{column.metric}'", expected="a metric of 'list metrics', or nothing",
            next_step=nearest(column.metric, METRICS.names()),
        )  # fmt: skip
        return
    if column.metric and column.better not in (build(column.metric).better, "none"):
        expected = f"{build(column.metric).better}, as for {column.metric}"
        yield Problem(where=f"{where}, better", found=column.better, expected=expected)
    if not column.metric and column.factor != 1:
        yield Problem(where=f"{where}, factor", found=f"{column.factor:g} without a metric", expected="1")
    if column.meaning.startswith(NOT_KNOWN) and column.metric:
        found = f"'{column.metric}' beside '{NOT_KNOWN}'"
        yield Problem(where=f"{where}, metric", found=found, expected="no metric where the meaning is not known")


def _table(published: Published, table: PublishedTable) -> Iterator[Problem]:
    where = f"table '{table.key}'"
    if table.protocol and table.protocol not in protocol_names():
        yield Problem(
            where=f"{where}, protocol", found=f"'{table.protocol}'", expected=f"one of {', '.join(protocol_names())}",
            next_step=nearest(table.protocol, protocol_names()),
        )  # fmt: skip
    if table.tiles is not None and table.tiles < 1:
        yield Problem(
            where=f"{where}, tiles", found=str(table.tiles), expected="1 or more, or no entry where not known"
        )
    models = [row.model for row in table.row]
    for model in dict.fromkeys(models):
        if models.count(model) > 1:
            yield Problem(
                where=f"{where}, row '{model}'", found=f"{models.count(model)} rows", expected="every row once"
            )
    for row in table.row:
        for column, printed in zip(published.columns_of(table), published.printed(table, row), strict=True):
            place = f"{where}, row '{row.model}', {column.title}"
            yield from _cell(place, column, printed, table.kind == "reader study")


def _cell(where: str, column: PublishedColumn, printed: Printed, share: bool) -> Iterator[Problem]:
    if printed.value is None:
        return
    if column.metric in METRICS:
        low, high = build(column.metric).value_range
    else:
        low, high = (0.0, 1.0) if share else (-1e9, 1e9)
    if not low <= printed.value <= high:
        expected = f"a number from {low * column.factor:g} to {high * column.factor:g}, as printed"
        yield Problem(
            where=where, found=f"'{printed.text}'", expected=expected, next_step="Is the column's factor right?"
        )
    if printed.spread is not None and column.spread == "none":
        yield Problem(where=where, found=f"'{printed.text}'", expected="no ±, since the column's spread is 'none'")
