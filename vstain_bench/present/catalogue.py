"""What exists, as records: the one source of ``list`` and of the tables in the documentation.

What a list needs is imported by it, so that none waits for the others' libraries.
"""

from collections.abc import Callable

from vstain_bench.base.names import nearest
from vstain_bench.errors import UsageError

Record = dict[str, object]


def _range(low: float, high: float) -> list[float | None]:
    return [None if abs(end) == float("inf") else end for end in (low, high)]


def _metrics() -> list[Record]:
    from vstain_bench.metrics import METRICS, build

    records: list[Record] = []
    for name in METRICS:
        metric = build(name)
        records.append(
            {
                "name": metric.name,
                "summary": metric.summary,
                "compares": "-".join(metric.compares),
                "better": metric.better,
                "range": _range(*metric.value_range),
                "unit": metric.unit,
                "perfect": metric.perfect,
                "needs": list(metric.needs),
                "minimum_side": metric.minimum_side,
                "interval": metric.interval,
                "signature": metric.signature,
                "citation": metric.citation,
            }
        )
    return records


def _protocols() -> list[Record]:
    from vstain_bench.measure.protocol import read_protocol
    from vstain_bench.measure.protocols import names

    protocols = [read_protocol(name) for name in names()]
    return [
        {
            "name": protocol.name,
            "summary": protocol.summary,
            "metrics": ", ".join(metric.name for metric in protocol.metrics),
            "signatures": [metric.signature for metric in protocol.metrics],
        }
        for protocol in protocols
    ]


def _encoders() -> list[Record]:
    from vstain_bench.networks.encoders import ENCODERS

    return [{"name": name, "summary": _first_line(ENCODERS[name].__doc__)} for name in ENCODERS]


def _datasets() -> list[Record]:
    from vstain_bench.tiles.layouts import LAYOUTS

    return [{"name": name, "kind": LAYOUTS[name].kind, "summary": LAYOUTS[name].summary} for name in LAYOUTS]


def _perturbations() -> list[Record]:
    from vstain_bench.judge.perturbations import PERTURBATIONS

    return [
        {
            "name": name,
            "summary": PERTURBATIONS[name].summary,
            "kind": PERTURBATIONS[name].kind,
            "levels": ", ".join(f"{level:g}" for level in PERTURBATIONS[name].levels) + f" {PERTURBATIONS[name].unit}",
        }
        for name in PERTURBATIONS
    ]


def _controls() -> list[Record]:
    from vstain_bench.measure.controls import CONTROLS

    return [{"name": CONTROLS[name].model, "summary": CONTROLS[name].summary} for name in CONTROLS]


def _reports() -> list[Record]:
    from vstain_bench.present.formats import FORMATS

    return [{"name": name, "summary": FORMATS[name].summary} for name in FORMATS]


def _adapters() -> list[Record]:
    from vstain_bench.models.recipe_adapters import adapters

    known = adapters()
    return [
        {
            "name": name,
            "summary": known[name].card.summary,
            "weights": known[name].card.weights or "none",
            "modes": ", ".join(known[name].modes),
            "authors": ", ".join(f"authors:{key}" for key in known[name].published),
            "licence": known[name].card.licence,
        }
        for name in known
    ]


def _recipes() -> list[Record]:
    from vstain_bench.models.contract import RECIPES

    return [
        {
            "name": name,
            "summary": RECIPES[name].summary,
            "epochs": RECIPES[name].total_epochs,
            "batch_size": RECIPES[name].batch_size,
            "lr": RECIPES[name].lr,
            "citation": RECIPES[name].citation,
        }
        for name in RECIPES
    ]


def _first_line(text: str | None) -> str:
    return (text or "").strip().partition("\n")[0]


CATALOGUES: dict[str, Callable[[], list[Record]]] = {
    "metrics": _metrics,
    "protocols": _protocols,
    "encoders": _encoders,
    "datasets": _datasets,
    "controls": _controls,
    "perturbations": _perturbations,
    "reports": _reports,
    "adapters": _adapters,
    "recipes": _recipes,
}


def catalogue(what: str) -> list[Record]:
    """Return the records of one kind."""
    if what not in CATALOGUES:
        raise UsageError(
            where=f"list {what}",
            found="no such list",
            expected=f"one of {', '.join(CATALOGUES)}",
            next_step=nearest(what, list(CATALOGUES)),
        )
    return CATALOGUES[what]()
