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
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from vstain_bench.present.figures.distributions import distributions
from vstain_bench.present.figures.nests import HALLUCINATED, OMITTED, make_nests
from vstain_bench.present.figures.panel import COLOURS, FULL_DIFFERENCE, MOST_MODELS, make_panel
from vstain_bench.present.numbers import ARROWS, UNTOLD, decimals_of, model_title
from vstain_bench.present.pages.frame import render_page
from vstain_bench.present.sentences.run import footnotes, headline
from vstain_bench.present.sentences.stain import BANDS, stain_section
from vstain_bench.present.sheets import by_label, clustering, scores
from vstain_bench.results.folder import RunFolder
from vstain_bench.results.table import CONTROL_PREFIX, MetricRecord, Row, Table

MOST_SKIPPED = 50
"""Most left-out tiles that are listed."""


@dataclass(frozen=True)
class Definition:
    """How one metric was measured, as the report prints it."""

    name: str
    arrow: str
    summary: str
    signature: str
    interval: str
    citation: str
    facts: str


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


def render_run(folder: RunFolder) -> str:
    """Return the whole page."""
    return render_page("run.html.j2", _context(folder), filters={"title_of": model_title})


def _context(folder: RunFolder) -> dict[str, object]:
    """Return everything that the template reads."""
    table, facts = folder.read_table(), folder.read_facts()
    values = tile_values(folder)
    digits = {record.name: decimals_of(_rows(table, record.name), record.better) for record in table.metrics}
    skipped = _skipped(folder)
    return {
        "table": table,
        "facts": facts,
        "headline": headline(table),
        "models": list(table.models),
        "controls": [model for model in table.row_models() if model.startswith(CONTROL_PREFIX)],
        "stain": stain_section(table),
        "bands": BANDS,
        "nests": make_nests(folder, table, values),
        "nest_colours": {"hallucinated": HALLUCINATED, "omitted": OMITTED},
        "scores": scores(table),
        "by_label": by_label(table),
        "notes": _notes(table),
        "figures": distributions(table, {key: list(each.values()) for key, each in values.items()}),
        "panel": make_panel(folder, table, values, digits),
        "most_models": MOST_MODELS,
        "difference_colours": COLOURS,
        "full_difference": FULL_DIFFERENCE,
        "definitions": [_definition(table, record) for record in table.metrics],
        "clustered": clustering(table),
        "skipped": skipped[:MOST_SKIPPED],
        "skipped_more": max(0, len(skipped) - MOST_SKIPPED),
        "environment": _environment(table, facts),
    }


def _rows(table: Table, metric: str) -> list[Row]:
    return [row for row in table.rows if row.metric == metric and row.label is None]


def tile_values(folder: RunFolder) -> dict[tuple[str, str], dict[str, float]]:
    """Return values by model and metric, then by tile id, in the order of the ids."""
    tiles = folder.read_tiles()
    groups = tiles.sort_values("tile", kind="stable").groupby(["model", "metric"], sort=False)
    found = {
        (str(model), str(metric)): dict(zip(part["tile"].astype(str), part["value"].astype(float), strict=True))
        for (model, metric), part in groups
    }
    order = {key: place for place, key in enumerate(zip(tiles["model"], tiles["metric"], strict=True))}
    return dict(sorted(found.items(), key=lambda item: order[item[0]]))


def _notes(table: Table) -> list[str]:
    """Return the sentences beside the table, without the warnings, which stand above it."""
    about = table.controls.about
    controls = [f"{model_title(model)} is {about[model].summary}" for model in table.row_models() if model in about]
    notes = [note for note in footnotes(table) if note not in table.warnings]
    order = (
        "Best (bold) and second (underlined) rank the models' point estimates; where intervals overlap, the order may "
        "be chance."
    )
    return [*notes, order, *([f"Controls took no model: {'; '.join(controls)}."] if controls else [])]


def _definition(table: Table, record: MetricRecord) -> Definition:
    """Return how a metric was measured."""
    methods = dict.fromkeys(row.interval for row in _rows(table, record.name) if row.interval and not row.is_control)
    facts = ["a target is best" if record.better == "target" else f"{record.better} is better"]
    if record.range is not None:
        low, high = (
            infinite if end is None else f"{end:g}".replace("-", "−")
            for end, infinite in zip(record.range, ("−∞", "∞"), strict=True)
        )
        facts.append(f"from {low} to {high}{f' {record.unit}' if record.unit else ''}")
    if record.perfect is not None:
        facts.append(f"{record.perfect:g} for identical images")
    return Definition(
        name=record.name,
        arrow=ARROWS[record.better],
        summary=record.summary or UNTOLD,
        signature=record.signature,
        interval="; ".join(methods) or "none, as there is no value",
        citation=record.citation or "",
        facts=", ".join(facts),
    )


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
