"""What a training reports after each step, and how long steps take."""

import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from vstain_bench.base.listener import Listener


@dataclass(frozen=True)
class Stepped:
    """Where a training is after one step.

    Attributes:
        epoch: The epoch under way, from 1.
        epochs: How many there will be.
        steps: Steps done in all.
        of: How many there will be.
        losses: Parts of the losses, as they were last looked at.
        images_per_second: Pairs of all devices.
        seconds_left: Until the end, validations included; None until it can be estimated.
    """

    epoch: int
    epochs: int
    steps: int
    of: int
    losses: Mapping[str, float]
    images_per_second: float
    seconds_left: float | None


@dataclass(frozen=True)
class TrainingListener(Listener):
    """What a training calls: that of every job, and ``stepped`` after each step."""

    stepped: Callable[[Stepped], None] = lambda stepped: None


class Pace:
    """How long a step takes (the mean of the latest fifty) and a validation."""

    def __init__(self, batch_size: int) -> None:
        self._batch_size = batch_size
        self._steps: deque[float] = deque(maxlen=50)
        self._validation: float | None = None
        self._last = time.monotonic()

    def resume(self) -> None:
        """Count from now: what happened since the last step was none."""
        self._last = time.monotonic()

    def stepped(self) -> None:
        """Count a step."""
        now = time.monotonic()
        self._steps.append(now - self._last)
        self._last = now

    def validated(self, seconds: float) -> None:
        """Count a validation."""
        self._validation = seconds

    @property
    def images_per_second(self) -> float:
        """Pairs per second of all devices."""
        return self._batch_size * len(self._steps) / max(sum(self._steps), 1e-9)

    def left(self, steps: int, validations: int) -> float | None:
        """Return the seconds that so many steps and validations will take."""
        if not self._steps:
            return None
        return steps * sum(self._steps) / len(self._steps) + validations * (self._validation or 0.0)
