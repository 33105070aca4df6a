"""A verdict for GitLab: its metrics report (OpenMetrics text) and its Code Quality report.

GitLab compares the numbers of two metrics reports as text, so they have a fixed number of digits.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping

from vstain_bench.base.text import printable
from vstain_bench.present.formats.definition import Format, reading, register
from vstain_bench.present.sentences.gate import fold, sentence
from vstain_bench.results.verdict import KINDS, Finding, Verdict

DIGITS = 4
_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n"})


def _sample(family: str, labels: Mapping[str, str], value: float) -> str:
    pairs = ",".join(f'{key}="{printable(text).translate(_ESCAPES)}"' for key, text in labels.items())
    return f"{family}{{{pairs}}} {value:.{DIGITS}g}"


def _labels(finding: Finding) -> dict[str, str]:
    named = {"model": finding.model, "metric": finding.metric, "label": finding.label or ""}
    return named | {"unit": finding.unit}


def render_metrics(verdict: Verdict) -> str:
    """Return the run's numbers and the count of each kind of finding as OpenMetrics gauges."""
    return "\n".join(_metrics_lines(verdict)) + "\n"


def _metrics_lines(verdict: Verdict) -> Iterator[str]:
    yield "# TYPE vstain_bench_score gauge"
    yield "# HELP vstain_bench_score Score of a model or control on a metric."
    for each in verdict.findings:
        if each.value is not None:
            yield _sample("vstain_bench_score", _labels(each), each.value)
    yield "# TYPE vstain_bench_gate_findings gauge"
    yield "# HELP vstain_bench_gate_findings Numbers by what the gate found of them."
    for kind in KINDS:
        yield _sample("vstain_bench_gate_findings", {"gate": verdict.name, "kind": kind}, verdict.counts.get(kind, 0))
    yield "# EOF"


def render_quality(verdict: Verdict) -> str:
    """Return one issue per failing finding (those of one cause together), placed in the baseline's file."""
    found = [(each.kind, "\0".join(_labels(each).values()), sentence(each)) for each in verdict.of("worse")]
    found += [(each.kind, each.cause, each.text) for each in fold(verdict.of("missing", "incomparable", "undefined"))]
    if not verdict.passed and not verdict.failing:
        found.append(("incomparable", "empty", "no number could be compared"))
    issues = [
        {
            "description": printable(text),
            "check_name": f"vstain-bench gate: {kind}",
            "fingerprint": hashlib.sha256(f"{verdict.name}\0{kind}\0{identity}".encode()).hexdigest(),
            "severity": "major" if kind == "worse" else "critical",
            "location": {"path": printable(verdict.baseline), "lines": {"begin": 1}},
        }
        for kind, identity, text in found
    ]
    return json.dumps(issues, indent=1, ensure_ascii=False) + "\n"


_METRICS = reading(Verdict, render_metrics)
_QUALITY = reading(Verdict, render_quality)
register(Format("metrics", "GitLab's metrics report: OpenMetrics text", "txt", _METRICS, (Verdict,)))
register(Format("codequality", "GitLab's Code Quality report: JSON", "json", _QUALITY, (Verdict,)))
