"""Which metrics of a protocol can be computed here, and why the others cannot."""

from collections.abc import Mapping
from dataclasses import dataclass

from vstain_bench.errors import InputError, MachineError, UsageError, VstainError
from vstain_bench.measure.protocol import Protocol
from vstain_bench.networks.weights import WEIGHTS, WeightsStore
from vstain_bench.results.table import Status
from vstain_bench.types import Metric


@dataclass(frozen=True)
class Gap:
    """Why a metric has no value: the status and reason of its rows (no path of this machine), and the fault."""

    status: Status
    reason: str
    fault: VstainError


@dataclass(frozen=True)
class Selection:
    """All metrics of the protocol in their order, the gaps among them, and the sha256 of the weights of the others."""

    metrics: tuple[Metric, ...]
    gaps: Mapping[str, Gap]
    weights: Mapping[str, str]

    @property
    def computable(self) -> tuple[Metric, ...]:
        """The metrics that will be observed."""
        return tuple(metric for metric in self.metrics if metric.name not in self.gaps)


def select(protocol: Protocol, *, has_source: bool, smallest: tuple[str, int], store: WeightsStore) -> Selection:
    """Return what can be computed, fetching weights that are missing; ``smallest`` is a tile with its shortest side.

    A metric of a protocol that cannot be computed becomes a gap with its reason; a metric that the user named is an
    error.

    Raises:
        UsageError: a named metric needs the H&E and there is none, or nothing at all can be computed.
        InputError: a named metric needs larger tiles.
        MachineError: a named metric needs weights that are not to be had.
    """
    gaps: dict[str, Gap] = {}
    weights: dict[str, str] = {}
    for metric in protocol.metrics:
        gap = _lacks_source(metric, has_source) or _lacks_pixels(metric, *smallest) or _lacks_weights(metric, store)
        if gap is None:
            weights |= {name: WEIGHTS[name].sha256 for name in metric.needs}
        elif protocol.explicit:
            raise gap.fault
        else:
            gaps[metric.name] = gap
    if len(gaps) == len(protocol.metrics):
        reasons = "\n".join(f"  {name}: {gap.reason}" for name, gap in gaps.items())
        raise UsageError(
            where=f"protocol '{protocol.name}'", found=f"none of its metrics can be computed:\n{reasons}\n"
        )
    return Selection(protocol.metrics, gaps, weights)


def _lacks_source(metric: Metric, has_source: bool) -> Gap | None:
    if has_source or "source" not in metric.compares:
        return None
    found = "it compares with the H&E, and no source tiles were given"
    fault = UsageError(where=f"metric '{metric.name}'", found=found, next_step="Pass --source DIR.")
    return Gap("unavailable", f"{found}: pass --source", fault)


def _lacks_pixels(metric: Metric, tile: str, side: int) -> Gap | None:
    if side >= metric.minimum_side:
        return None
    fault = InputError(
        where=f"metric '{metric.name}'",
        found=f"tile '{tile}' has a side of {side} px",
        expected=f"sides of at least {metric.minimum_side} px",
        next_step="Leave the metric out with --metrics.",
    )
    return Gap("undefined", f"tile '{tile}' has a side of {side} px, it needs {metric.minimum_side} px", fault)


def _lacks_weights(metric: Metric, store: WeightsStore) -> Gap | None:
    for name in metric.needs:
        try:
            store.obtain(name)
        except MachineError as fault:
            reason = (
                f"the weights {WEIGHTS[name].file} are not here: run 'vstain-bench weights fetch {name}', or put the "
                "file into a folder and pass --weights-dir"
            )
            return Gap("unavailable", reason, fault)
    return None
