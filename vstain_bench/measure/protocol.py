"""Protocols: named lists of metrics with their parameters, so that a paper's table can be computed again.

A protocol is a TOML file with ``name``, ``summary`` and one ``[[metric]]`` per row of the table. ``primary`` names the
metrics on which models are to be compared (``vstain-bench compare``); where it is absent all of them are::

    primary = ["lpips"]

    [[metric]]
    name = "kid_subsets"
    subsets = 20
    size = 100
"""

import ast
import inspect
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from vstain_bench.base.config import RunConfig
from vstain_bench.base.names import nearest
from vstain_bench.errors import UsageError
from vstain_bench.measure.protocols import read_file
from vstain_bench.metrics import METRICS, build
from vstain_bench.types import Metric

_CALL = re.compile(r"^(?P<name>[\w-]+)(?:\((?P<params>.*)\))?$")


@dataclass(frozen=True)
class Protocol:
    """A named list of metrics; ``explicit`` when the user named them one by one, ``primary`` those that decide."""

    name: str
    summary: str
    metrics: tuple[Metric, ...]
    explicit: bool = False
    primary: tuple[str, ...] = ()


def read_protocol(text: str) -> Protocol:
    """Return a protocol by name, or from a TOML file's path."""
    try:
        parsed = tomllib.loads(read_file(text))
    except tomllib.TOMLDecodeError as fault:
        raise UsageError(where=f"--protocol {text}", found=f"not TOML: {fault}") from fault
    return _from_mapping(parsed, text)


def resolve_protocol(config: RunConfig) -> Protocol:
    """Return the metrics that were asked for, and for each --encoder its distances as ``fd_NAME`` and ``kd_NAME``."""
    protocol = parse_metrics(config.metrics) if config.metrics else read_protocol(config.protocol)
    metrics = list(with_stain(protocol.metrics, background=config.background, vectors=config.vectors))
    for encoder in config.encoder:
        name, _, argument = encoder.partition(":")
        label = Path(argument.partition("@")[0]).stem or name
        metrics += [
            replace(build(kind, {"encoder": encoder}), name=f"{kind}_{label}", definition=kind) for kind in ("fd", "kd")
        ]
    given = [metric.name for metric in metrics]
    for name in given:
        if given.count(name) > 1:
            raise UsageError(where="--encoder", found=f"'{name}' would occur twice in the table")
    return replace(protocol, metrics=tuple(metrics))


def _from_mapping(parsed: Mapping[str, object], where: str) -> Protocol:
    unknown = sorted(set(parsed) - {"name", "summary", "primary", "metric"})
    entries = parsed.get("metric")
    if unknown or not isinstance(entries, list) or not entries:
        raise UsageError(
            where=f"protocol {where}",
            found=f"unknown keys {', '.join(unknown)}" if unknown else "no [[metric]]",
            expected="name, summary and at least one [[metric]] with its name and parameters",
        )
    metrics = []
    for entry in entries:
        params = {key: value for key, value in entry.items() if key != "name"}
        metrics.append(build(str(entry.get("name", "")), params))
    name, summary = str(parsed.get("name", where)), str(parsed.get("summary", ""))
    return Protocol(name, summary, _distinct(metrics, where), primary=_primary(parsed.get("primary"), metrics, where))


def _primary(names: object, metrics: list[Metric], where: str) -> tuple[str, ...]:
    known = [metric.name for metric in metrics]
    given = [] if names is None else names
    unknown = [name for name in given if name not in known] if isinstance(given, list) else [given]
    if not isinstance(given, list) or unknown:
        raise UsageError(
            where=f"protocol {where}",
            found=f"primary names {', '.join(map(repr, unknown))}",
            expected=f"a list of some of its metrics: {', '.join(known)}",
            next_step=nearest(str(unknown[0]), known),
        )
    return tuple(given)


def parse_metrics(text: str) -> Protocol:
    """Return the protocol of a command-line list such as ``ssim,kid_subsets(size=100, subsets=20)``."""
    metrics = []
    for part in _split(text):
        match = _CALL.match(part)
        if not match:
            raise UsageError(
                where=f"--metrics '{part}'",
                found="not a metric",
                expected="NAME or NAME(parameter=value, ...)",
                next_step=nearest(part, METRICS.names()),
            )
        metrics.append(build(match["name"], _params(match["params"] or "", part)))
    return Protocol("custom", "chosen on the command line", _distinct(metrics, "--metrics"), explicit=True)


def with_stain(metrics: Sequence[Metric], *, background: str | None, vectors: str | None) -> tuple[Metric, ...]:
    """Return metrics with I0 or stain vectors other than by default, where they have such parameters.

    A metric for which another value was named keeps it, and so does published code, whose I0 is part of its definition.
    """
    wanted = {name: value for name, value in (("background", background), ("vectors", vectors)) if value is not None}
    parameters = [
        inspect.signature(METRICS[metric.name]).parameters if metric.name in METRICS else {} for metric in metrics
    ]
    idle = next((name for name in wanted if all(name not in known for known in parameters)), None)
    if idle is not None:
        raise UsageError(
            where=f"--{idle} {wanted[idle]}",
            found="none of the metrics asked for has such a parameter",
            expected="a metric of stain, for example of --protocol stain",
        )
    made = []
    for metric, known in zip(metrics, parameters, strict=True):
        changed = {key: wanted[key] for key in wanted if key in known and metric.params[key] == known[key].default}
        own = {key: metric.params[key] for key in known if key in metric.params}
        made.append(build(metric.name, {**own, **changed}) if changed else metric)
    return tuple(made)


def _split(text: str) -> list[str]:
    parts, depth = [""], 0
    for letter in text:
        depth += (letter == "(") - (letter == ")")
        if letter == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return [part.strip() for part in parts if part.strip()]


def _params(text: str, part: str) -> dict[str, object]:
    params: dict[str, object] = {}
    for assignment in filter(None, (piece.strip() for piece in text.split(","))):
        key, equals, value = (piece.strip() for piece in assignment.partition("="))
        if not equals:
            raise UsageError(where=f"--metrics '{part}'", found=f"'{assignment}'", expected="parameter=value")
        try:
            params[key] = ast.literal_eval(value)
        except (ValueError, SyntaxError):
            params[key] = value
    return params


def _distinct(metrics: list[Metric], where: str) -> tuple[Metric, ...]:
    if not metrics:
        raise UsageError(where=where, found="no metric", expected=f"some of {', '.join(METRICS.names())}")
    seen: set[str] = set()
    for metric in metrics:
        if metric.name in seen:
            raise UsageError(
                where=where,
                found=f"'{metric.name}' occurs twice",
                expected="every metric once",
                next_step="Make two runs to compare parameters of one metric.",
            )
        seen.add(metric.name)
    return tuple(metrics)
