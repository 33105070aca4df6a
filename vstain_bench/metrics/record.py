"""A metric as a table holds it: from its definition to the record, and back to score again what a run kept."""

import inspect
import math
from collections.abc import Mapping
from dataclasses import replace

from vstain_bench.errors import UsageError
from vstain_bench.metrics.definition import METRICS, build
from vstain_bench.results.table import MetricRecord
from vstain_bench.types import Metric


def record_of(metric: Metric) -> MetricRecord:
    """Return what a table says of a metric."""
    low, high = (end if math.isfinite(end) else None for end in metric.value_range)
    return MetricRecord(
        name=metric.name,
        definition=metric.definition or metric.name,
        params={
            key: value if isinstance(value, str | int | float) else str(value) for key, value in metric.params.items()
        },
        version=metric.version,
        signature=metric.signature,
        summary=metric.summary,
        compares=metric.compares,
        better=metric.better,
        unit=metric.unit,
        perfect=metric.perfect,
        range=(low, high),
        interval=metric.interval,
        family=metric.family,
        citation=metric.citation,
    )


def restore(definition: str, params: Mapping[str, object], name: str = "") -> Metric:
    """Return the metric that a finished table describes, to score again what its run kept.

    A table holds every part of the signature: beside the arguments what the definition fixes, an encoder by its
    signature, and the digest of the slides' estimates.

    Args:
        definition: The name under which it is registered.
        params: Every parameter of the table.
        name: What it is called there, where that is another name.

    Raises:
        UsageError: the definition is unknown here, or has other parameters, or fixes one otherwise.
    """
    arguments = inspect.signature(METRICS[definition]).parameters
    given = {key: value for key, value in params.items() if key in arguments}
    if "encoder" in given:
        given["encoder"] = f"recorded:{given['encoder']}"
    made = build(definition, given)
    if "slides" in params:
        made = replace(made, params={**made.params, "slides": params["slides"]})
    for key in dict.fromkeys((*made.params, *params)):
        told, own = (str(each[key]) if key in each else None for each in (params, made.params))
        if told != own:
            raise UsageError(
                where=f"metric '{name or definition}'",
                found=f"parameter '{key}' is {told}" if told is not None else f"no parameter '{key}'",
                expected=own if own is not None else f"none of that name, in {made.signature}",
            )
    return replace(made, name=name or definition, definition=definition)
