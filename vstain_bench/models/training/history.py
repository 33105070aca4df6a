"""What each epoch came to, and which epoch every metric would have chosen."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from vstain_bench.types import Metric


@dataclass(frozen=True)
class Epoch:
    """One epoch when it was over; epoch 0 is the untrained generator.

    Attributes:
        epoch: Its number, from 1.
        steps: Optimisation steps so far.
        learning_rate: Of both optimisers.
        losses: Mean of each part of the losses over the epoch, as ``discriminator/...`` and ``generator/...``.
        metrics: Each metric over the validation tiles; None where it has no value, empty where none was measured.
        reasons: Why a metric has no value.
    """

    epoch: int
    steps: int
    learning_rate: float
    losses: Mapping[str, float]
    metrics: Mapping[str, float | None]
    reasons: Mapping[str, str] = field(default_factory=dict)

    def record(self) -> dict[str, Any]:
        """Return it as JSON takes it; reasons only where there are any."""
        values = asdict(self)
        return values if self.reasons else {key: value for key, value in values.items() if key != "reasons"}


def measured(
    epoch: int, steps: int, rate: float, losses: Mapping[str, float], scores: Mapping[str, float | str]
) -> Epoch:
    """Return an epoch from the scores of its validation, numbers or reasons."""
    return Epoch(
        epoch,
        steps,
        rate,
        losses,
        {name: score if isinstance(score, float) else None for name, score in scores.items()},
        {name: score for name, score in scores.items() if isinstance(score, str)},
    )


def loss_of(metric: Metric, value: float) -> float:
    """Return how far a value is from what the metric wants: the smaller, the better."""
    if metric.better == "target":
        return abs(value - (metric.perfect or 0.0))
    return -value if metric.better == "higher" else value


def choose(metric: Metric | None, history: Sequence[Epoch]) -> Epoch | None:
    """Return the epoch that a metric chooses, the earlier of equals; None where no trained epoch has a value.

    Without a metric it is the latest.
    """
    if metric is None:
        return next((epoch for epoch in reversed(history) if epoch.epoch > 0), None)
    valued = [epoch for epoch in history if epoch.epoch > 0 and epoch.metrics.get(metric.name) is not None]
    return min(valued, key=lambda epoch: loss_of(metric, epoch.metrics[metric.name] or 0.0), default=None)


def choices(metrics: Sequence[Metric], history: Sequence[Epoch]) -> dict[str, dict[str, object] | None]:
    """Return, by metric, the epoch that it would have chosen and its value there."""
    found = {metric.name: choose(metric, history) for metric in metrics}
    return {
        name: None if epoch is None else {"epoch": epoch.epoch, "value": epoch.metrics[name]}
        for name, epoch in found.items()
    }


def summarise(metric: Metric | None, history: Sequence[Epoch]) -> str:
    """Return the latest value and the best one, in a few words; every latest value where no metric chooses."""
    if metric is None:
        return f"{scores(history[-1])}; the latest is kept"
    latest, best = history[-1], choose(metric, history)
    value = latest.metrics.get(metric.name)
    now = f"{metric.name} {value:.4g}" if value is not None else f"{metric.name} has no value"
    if best is None:
        return now
    if best is latest:
        return f"{now}, the best yet"
    return f"{now}; best {best.metrics[metric.name]:.4g} in epoch {best.epoch}"


def scores(epoch: Epoch) -> str:
    """Return every value of an epoch in short."""
    values = epoch.metrics.items()
    return ", ".join(f"{name} {value:.4g}" if value is not None else f"{name} –" for name, value in values)
