"""The report as one HTML file that needs no network: what was scored, how well, on which tiles, measured how.

Rules that the file keeps:

- Equal input on one machine gives equal bytes, whatever the run folder: no time, no duration, no host name, no path
  of the run folder. Of every other absolute path the last two parts are shown, so that a report that is passed on
  does not carry the layout of someone's home.
- Nothing is fetched. The content security policy allows the one style sheet and the one script of this file, by
  their hashes, and pictures from data: URIs; the page reads without the script, which only sorts the table.
- Names of models, tiles and labels are text. Every value that the template prints is made visible and escaped by
  ``reports/page.py``; only strings made as ``Markup`` by this package are exempt.
"""

import csv
import re
import string
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from vstain_bench.present.figures.distributions import distributions
from vstain_bench.present.figures.nests import HALLUCINATED, OMITTED, make_nests
from vstain_bench.present.figures.panel import COLOURS, FULL_DIFFERENCE, MOST_MODELS, make_panel
from vstain_bench.present.formats.definition import REPORTS, Report
from vstain_bench.present.numbers import ARROWS, MARK, Column, columns, decimals_of, footnotes, model_title
from vstain_bench.present.pages.frame import render_page
from vstain_bench.present.sentences.run import headline
from vstain_bench.present.sentences.stain import BANDS, stain_section
from vstain_bench.results.folder import RunFolder
from vstain_bench.results.table import CONTROL_PREFIX, Row, Table

MOST_SKIPPED = 50
"""Most left-out tiles that are listed."""
_PATH = re.compile(r"(?<![\w.:/~])~?/(?:[^\s/'\",;:()\[\]]+/){2,}[^\s/'\",;:()\[\]]*[^\s/'\",;:()\[\].]")


@dataclass(frozen=True)
class Definition:
    """How one metric was measured, as the report prints it."""

    name: str
    arrow: str
    summary: str
    signature: str
    interval: str
    needs: str
    citation: str
    facts: str


def shorten_paths(text: str) -> str:
    """Return text in which each absolute path is reduced to its last two parts."""
    return _PATH.sub(lambda found: "…/" + "/".join(found.group().rstrip("/").split("/")[-2:]), text)


def shown_command(arguments: Iterable[str]) -> str:
    """Return the command line without ``--out`` and its value, each absolute path reduced to its last two parts."""
    kept, skip = [], False
    for argument in arguments:
        if skip or argument.startswith("--out="):
            skip = False
        elif argument == "--out":
            skip = True
        else:
            head, equals, tail = argument.rpartition("=")
            parts = tail.rstrip("/").split("/")
            short = "…/" + "/".join(parts[-2:]) if tail.startswith(("/", "~")) and len(parts) > 3 else tail
            kept.append(f"{head}{equals}{short}")
    return " ".join(f"'{each}'" if any(letter.isspace() for letter in each) else each for each in kept)


def render(folder: RunFolder) -> str:
    """Return the whole page."""
    return render_page("report.html.j2", _context(folder), filters={"short": shorten_paths, "title_of": model_title})


def _context(folder: RunFolder) -> dict[str, object]:
    """Return everything that the template reads."""
    table, facts = folder.read_table(), folder.read_facts()
    values = tile_values(folder)
    digits = {first.metric: decimals_of(_rows(table, first.metric)) for first in table.metrics()}
    reasons, skipped = _reasons(table), _skipped(folder)
    return {
        "table": table,
        "facts": facts,
        "headline": headline(table),
        "models": list(table.models),
        "controls": [model for model in table.row_models() if model.startswith(CONTROL_PREFIX)],
        "columns": _ordered_columns(table),
        "label_columns": _label_columns(table),
        "stain": stain_section(table),
        "bands": BANDS,
        "nests": make_nests(folder, table, values),
        "nest_colours": {"hallucinated": HALLUCINATED, "omitted": OMITTED},
        "row_of": {(row.model, row.metric, row.label): row for row in table.rows},
        "reasons": reasons,
        "notes": _notes(table, reasons),
        "mark": MARK,
        "figures": distributions(table, {key: list(each.values()) for key, each in values.items()}),
        "panel": make_panel(folder, table, values, digits),
        "most_models": MOST_MODELS,
        "difference_colours": COLOURS,
        "full_difference": FULL_DIFFERENCE,
        "definitions": [_definition(table, first) for first in table.metrics()],
        "control_summaries": _control_summaries(table),
        "clustered": [
            first for first in table.metrics() if any(row.icc is not None for row in _rows(table, first.metric))
        ],
        "skipped": skipped[:MOST_SKIPPED],
        "skipped_more": max(0, len(skipped) - MOST_SKIPPED),
        "environment": _environment(table, facts),
    }


def _ordered_columns(table: Table) -> list[Column]:
    """Return the columns of the main table; those without any value stand last."""
    return sorted(columns(table), key=lambda column: all(cell.reason for cell in column.cells.values()))


def _label_columns(table: Table) -> dict[str, dict[str, Column]]:
    """Return the columns of each label by metric, without those that have no value under any label."""
    found = {label: {each.metric: each for each in columns(table, label)} for label in table.labels()}
    told = {
        name
        for by_metric in found.values()
        for name, column in by_metric.items()
        if any(not cell.reason for cell in column.cells.values())
    }
    return {
        label: {name: each for name, each in by_metric.items() if name in told} for label, by_metric in found.items()
    }


def _rows(table: Table, metric: str) -> list[Row]:
    return [row for row in table.rows if row.metric == metric and row.label is None]


def tile_values(folder: RunFolder) -> dict[tuple[str, str], dict[str, float]]:
    """Return values by model and metric, then by tile id, in the order of the ids."""
    tiles = folder.read_tiles()
    clean = tiles[tiles["condition"] == "clean"].sort_values("tile", kind="stable")
    groups = clean.groupby(["model", "metric"], sort=False)
    found = {
        (str(model), str(metric)): dict(zip(part["tile"].astype(str), part["value"].astype(float), strict=True))
        for (model, metric), part in groups
    }
    order = {key: place for place, key in enumerate(zip(tiles["model"], tiles["metric"], strict=True))}
    return dict(sorted(found.items(), key=lambda item: order[item[0]]))


def _reasons(table: Table) -> dict[str, str]:
    """Return a letter for each reason why a cell of the main table is empty."""
    found = dict.fromkeys(f"{row.status}: {row.reason}" for row in table.rows if row.reason and row.label is None)
    letters = string.ascii_lowercase
    return {reason: letters[place % 26] * (1 + place // 26) for place, reason in enumerate(found)}


def _notes(table: Table, reasons: Mapping[str, str]) -> list[str]:
    """Return the footnotes that are neither warnings, which stand above, nor reasons, which carry letters."""
    given = tuple(f"{reason}." for reason in reasons)
    return [note for note in footnotes(table) if note not in table.warnings and not note.endswith(given)]


def _definition(table: Table, first: Row) -> Definition:
    """Return how a metric was measured, with what its definition says where the metric is known here."""
    from vstain_bench.metrics import METRICS, build

    methods = dict.fromkeys(row.interval for row in _rows(table, first.metric) if row.interval and not row.is_control)
    metric = build(first.metric) if first.metric in METRICS else None
    facts = ["a target is best" if first.better == "target" else f"{first.better} is better"]
    if metric is not None:
        low, high = (f"{end:g}".replace("inf", "∞").replace("-", "−") for end in metric.value_range)
        facts.append(f"from {low} to {high}{f' {metric.unit}' if metric.unit else ''}")
        facts.append(f"{metric.perfect:g} for identical images" if metric.perfect is not None else "")
    return Definition(
        name=first.metric,
        arrow=ARROWS[first.better],
        summary=metric.summary if metric else "defined outside this installation: its signature says what is known",
        signature=first.signature,
        interval="; ".join(methods) or "none, as there is no value",
        needs=", ".join(metric.needs) if metric else "",
        citation=metric.citation if metric else "",
        facts=", ".join(filter(None, facts)),
    )


def _control_summaries(table: Table) -> list[tuple[str, str]]:
    from vstain_bench.measure.controls import CONTROLS

    known = {CONTROLS[name].model: CONTROLS[name].summary for name in CONTROLS}
    return [(model_title(model), known.get(model, "")) for model in table.row_models() if model in known]


def _skipped(folder: RunFolder) -> list[dict[str, str]]:
    if not folder.skipped.is_file():
        return []
    with folder.skipped.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def _environment(table: Table, facts: Mapping[str, object]) -> list[tuple[str, str]]:
    """Return what a second run needs to give the same numbers, without when, where or how long."""
    given = facts.get("machine")
    machine: Mapping[str, object] = given if isinstance(given, dict) else {}
    arguments = facts.get("command")
    told = {
        "command": shown_command(map(str, arguments)) if isinstance(arguments, list) else "",
        "device": facts.get("device"),
        "threads": facts.get("threads"),
        "platform": machine.get("platform"),
        "processor": machine.get("processor"),
        "cores": machine.get("cores"),
        "seed": facts.get("seed", table.controls.seed),
        "layout": facts.get("layout"),
        "digest of real and source tiles": f"sha256 {table.inputs.digest}",
    }
    weights = facts.get("weights")
    if isinstance(weights, dict):
        told |= {f"weights {name}": f"sha256 {digest}" for name, digest in sorted(weights.items())}
    return [(name, str(value)) for name, value in told.items() if value not in (None, "")]


REPORTS.register("html")(Report("html", "one page that works offline, with figures and tiles", "html", render))
