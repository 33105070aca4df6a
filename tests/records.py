"""What tables written by hand say of their metrics."""

from vstain_bench.results.migrate import describe
from vstain_bench.results.table import MetricRecord


def record(signature: str, *, better: str = "higher", unit: str = "", **known: object) -> MetricRecord:
    """Return the record of a signature."""
    said = {"signature": signature, "better": better, "unit": unit}
    return MetricRecord.model_validate({**describe(signature.partition("|")[0], said), **known})
