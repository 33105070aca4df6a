"""The baseline of a gate: the accepted numbers of a run, why they were accepted, and what they replaced."""

import hashlib
import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field, ValidationError

from vstain_bench.errors import UsageError
from vstain_bench.results.folder import RunFolder
from vstain_bench.results.table import FrozenModel, Row, Table, parse_table, read_table

BASELINE_VERSION = "1.1"
READ = (
    "model", "metric", "label", "value", "low", "high", "interval", "tiles", "groups", "infinite", "status", "reason",
)  # fmt: skip
"""What a gate reads of a row. The rest is left out, so that a changed baseline shows changed numbers and no more."""


class Baseline(FrozenModel):
    """The content of a baseline file; with ``previous`` the acceptances of a repository form a chain.

    Equal runs accepted for the same reason after the same baseline give the same bytes.
    """

    baseline_version: str = BASELINE_VERSION
    reason: str = Field(description="Why these numbers were accepted")
    changes: tuple[str, ...] = Field(description="What differed from the baseline before, in words")
    versions: dict[str, str] = Field(description="Of the packages that made the numbers, from run.json")
    previous: str | None = Field(description="Digest of the baseline before; null for the first")
    digest: str = Field(description="sha256 of the table, so that numbers changed by hand are noticed")
    table: Table

    def to_json(self) -> str:
        """Return strict JSON with one line per row, so that a version control shows which numbers changed."""
        head = self.model_dump(mode="json", exclude={"table"})
        table = self.table.model_dump(mode="json", exclude={"metrics", "rows"}, exclude_defaults=True)
        version = {"schema_version": self.table.schema_version}
        text = _dump(head | {"table": version | table | {"metrics": [], "rows": []}}, indent=1)
        for key, each in (("metrics", self.table.metrics), ("rows", self.table.rows)):
            lines = ",\n".join(f"   {_dump(one.model_dump(mode='json', exclude_defaults=True))}" for one in each)
            # In a string the quotes would be escaped.
            text = text.replace(f'  "{key}": []', f'  "{key}": [\n{lines}\n  ]')
        return text + "\n"


def _dump(content: object, indent: int | None = None) -> str:
    return json.dumps(content, indent=indent, ensure_ascii=False, allow_nan=False)


def trimmed(table: Table) -> Table:
    """Return the part of a table that a gate reads."""
    rows = tuple(Row(**{field: getattr(row, field) for field in READ}) for row in table.rows)
    return Table(
        protocol=table.protocol,
        inputs=table.inputs,
        controls=table.controls,
        models=table.models,
        warnings=(),
        metrics=tuple(record.model_copy(update={"summary": None, "citation": None}) for record in table.metrics),
        rows=rows,
    )


def digest(table: Table) -> str:
    """Return the sha256 of what a gate reads of a table; a field that a later version adds does not change it."""
    return _digest(trimmed(table).model_dump(mode="json", exclude_defaults=True))


def _digest(content: object) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True, allow_nan=False).encode()).hexdigest()


def make_baseline(
    table: Table,
    *,
    reason: str,
    changes: tuple[str, ...] = (),
    versions: dict[str, str] | None = None,
    previous: str | None = None,
) -> Baseline:
    """Return the baseline of a table; ``previous`` is the digest of the one that it replaces."""
    return Baseline(
        reason=reason,
        changes=changes,
        versions=dict(sorted((versions or {}).items())),
        previous=previous,
        digest=digest(table),
        table=trimmed(table),
    )


@dataclass(frozen=True)
class Numbers:
    """What a gate reads on either side.

    Attributes:
        table: The numbers.
        reason: Why they were accepted, or None where they are a run's own.
        plain: Whether they are a results.json, not a baseline file.
        digest: What a baseline that replaces them names as the one before.
    """

    table: Table
    digest: str
    reason: str | None = None
    plain: bool = True


def read_numbers(path: Path, role: str = "") -> Numbers:
    """Return the numbers of a run folder, a results.json or a baseline file.

    Args:
        path: Where they lie.
        role: What the command line calls it, such as ``--baseline``, for messages.

    Raises:
        UsageError: there is nothing, or something else, or the numbers of a baseline were changed by hand.
    """
    where = f"{role} {path}".strip()
    if path.is_dir():
        return _numbers(RunFolder(path).read_table(), where)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as fault:
        raise UsageError(
            where=where,
            found="no such file or folder",
            expected="a run folder, its results.json, or a file written by 'vstain-bench gate --accept'",
            next_step=f"Make one: vstain-bench gate RUN {where} --accept --reason 'first baseline'" if role else "",
        ) from fault
    except (OSError, UnicodeDecodeError) as fault:
        raise UsageError(where=where, found=f"it cannot be read: {fault}", expected="JSON in UTF-8") from fault
    baseline = parse_baseline(text, where)
    if baseline is None:
        return _numbers(read_table(text, where), where)
    return Numbers(_distinct(baseline.table, where), baseline.digest, baseline.reason, plain=False)


def _numbers(table: Table, where: str) -> Numbers:
    return Numbers(_distinct(table, where), digest(table))


def parse_baseline(text: str, where: str) -> Baseline | None:
    """Return the baseline that a text holds, or None when it is something else, such as a results.json.

    Raises:
        UsageError: it is no JSON, a damaged baseline, or one of another version.
    """
    try:
        content = json.loads(text)
    except ValueError as fault:
        raise UsageError(
            where=where,
            found=f"it is not JSON ({fault})",
            expected="a results.json, or a file written by 'vstain-bench gate --accept'",
            next_step="Restore it from version control, or score again.",
        ) from fault
    if not isinstance(content, dict) or "baseline_version" not in content:
        return None
    version = content["baseline_version"]
    if version not in (BASELINE_VERSION, "1.0"):
        raise UsageError(
            where=where,
            found=f"baseline_version {version!r}",
            expected=f"{BASELINE_VERSION!r} or '1.0'",
            next_step="Use the vstain-bench that wrote it, or accept a run anew.",
        )
    try:
        # In a file of version 1.0 the digest is that of the table as it stands there, which names no schema.
        stored = content.get("table") if version == "1.0" else None
        table = parse_table({"schema_version": "1.0", **stored} if isinstance(stored, dict) else content.get("table"))
        baseline = Baseline.model_validate({**content, "baseline_version": BASELINE_VERSION, "table": table})
    except ValueError as fault:
        first = fault.errors()[0] if isinstance(fault, ValidationError) else {"loc": ("table",), "msg": str(fault)}
        raise UsageError(
            where=f"{where}, {'.'.join(str(part) for part in first['loc'])}",
            found=f"not a baseline: {first['msg']}",
            expected="a file as written by 'vstain-bench gate --accept'",
            next_step="Restore it from version control.",
        ) from fault
    if (_digest(stored) if stored is not None else digest(baseline.table)) != baseline.digest:
        raise UsageError(
            where=where,
            found="its numbers are not those that were accepted: the digest differs",
            expected="a baseline as 'vstain-bench gate --accept' wrote it, with no line edited or merged",
            next_step="Restore it from version control, or delete it and accept a run with its reason.",
        )
    return baseline


Key = tuple[str, str, str | None]


def key_of(row: Row) -> Key:
    """Return what identifies a number: model, metric, label."""
    return row.model, row.metric, row.label


def _distinct(table: Table, where: str) -> Table:
    """Refuse a table in which a number occurs twice."""
    for (model, metric, label), times in Counter(map(key_of, table.rows)).items():
        if times > 1:
            raise UsageError(
                where=where,
                found=f"{metric} of '{model}' (label {label}) occurs {times} times",
                expected="every model, metric and label once",
                next_step="Score again, or restore the file.",
            )
    return table
