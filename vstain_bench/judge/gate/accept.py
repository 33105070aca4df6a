"""Accepting a run: its numbers become the baseline, with the reason, what changed, and the digest of the one before."""

from collections.abc import Callable
from dataclasses import dataclass

from vstain_bench.base.files import publish_text
from vstain_bench.errors import CheckFailed, UsageError
from vstain_bench.judge.gate.config import GateConfig
from vstain_bench.judge.gate.job import gate, tolerances_of
from vstain_bench.judge.gate.tolerances import Tolerances
from vstain_bench.results.baseline import Numbers, digest, make_baseline, read_numbers
from vstain_bench.results.folder import RunFolder
from vstain_bench.results.table import Table
from vstain_bench.results.verdict import Verdict


@dataclass(frozen=True)
class Accepted:
    """What became of an acceptance.

    Attributes:
        verdict: What the baseline before says of the run, or None for a first baseline.
        written: False when the baseline held the very numbers of the run already.
    """

    verdict: Verdict | None
    written: bool


def accept(request: GateConfig, reason: str, describe: Callable[[Verdict], tuple[str, ...]]) -> Accepted:
    """Write the run's numbers as the baseline; the same run, reason and predecessor give the same bytes.

    Args:
        request: The run and the place of the baseline.
        reason: Why the numbers are right.
        describe: From the verdict over the baseline before to what changes, in words that the file keeps.

    Raises:
        UsageError: there is no reason, or what lies at the baseline's place is no file of accepted numbers.
        CheckFailed: the run can be no baseline.
    """
    if not reason.strip():
        raise UsageError(where="--accept", found="no reason", expected="--reason 'why these numbers are right'")
    table, before = read_numbers(request.run).table, _before(request)
    tables = (table, before.table) if before else (table,)
    _require_sound(request, table, tolerances_of(request, *tables))
    verdict = gate(request) if before else None
    if before and not before.plain and digest(table) == digest(before.table):
        return Accepted(verdict, written=False)
    made = make_baseline(
        table,
        reason=" ".join(reason.split()),
        changes=describe(verdict) if verdict else (),
        versions=_versions(request),
        previous=before.digest if before else None,
    )
    publish_text(request.baseline, made.to_json())
    return Accepted(verdict, written=True)


def _before(request: GateConfig) -> Numbers | None:
    """Return what will be replaced, None where there is nothing yet; a run's own results are refused."""
    path = request.baseline
    if not path.exists():
        if not path.parent.is_dir():
            raise UsageError(where=f"--baseline {path}", found=f"no folder '{path.parent}'", next_step="Make it first.")
        return None
    before = read_numbers(path, "--baseline")
    if path.is_dir() or (before.plain and path.name == RunFolder(path.parent).results.name):
        raise UsageError(
            where=f"--baseline {path}",
            found="a run's own results, which --accept would replace",
            expected="a file of its own, such as baseline.json",
        )
    return before


def _require_sound(request: GateConfig, table: Table, tolerances: Tolerances) -> None:
    """Refuse a run that no later run could pass beside."""
    lacking = {
        row.metric: f"{row.status}: {row.reason}"
        for row in table.rows
        if row.value is None and row.label is None and not row.is_control and tolerances.of(row).kind != "ignore"
    }
    found = [f"no value for {metric} ({reason})" for metric, reason in lacking.items()]
    if table.inputs.partial:
        found.append("only the first tiles were scored (--limit): that is no result")
    if found:
        lines = "\n".join(f"  {each}" for each in found)
        raise CheckFailed(
            where=str(request.run),
            found=f"the run can be no baseline:\n{lines}\n",
            next_step="Leave such metrics out of the run, or give them the tolerance 'ignore'.",
        )


def _versions(request: GateConfig) -> dict[str, str]:
    """Return the versions of the packages that made the numbers, where the run folder tells them."""
    found = RunFolder(request.run).read_facts().get("versions") if request.run.is_dir() else None
    return {str(key): str(value) for key, value in found.items()} if isinstance(found, dict) else {}
