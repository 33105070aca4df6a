"""A verdict as data."""

from vstain_bench.present.gate.outputs.definition import OUTPUTS, Output
from vstain_bench.results.verdict import Verdict

OUTPUTS.register("json")(Output("json", "every finding, for a program", Verdict.to_json))
