"""The log of a training: metrics.jsonl, one line a record, and the same numbers for TensorBoard."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from vstain_bench.base.extras import extra
from vstain_bench.models.training.history import Epoch

with extra("train", "train"):
    from torch.utils.tensorboard import SummaryWriter


class Records:
    """Writes both; whatever an interrupted training wrote after its last state is taken back first."""

    def __init__(self, log: Path, tensorboard: Path, *, logged: int, steps: int) -> None:
        log.touch()
        os.truncate(log, min(logged, log.stat().st_size))
        self._log = log.open("a", encoding="utf-8")
        # TensorBoard leaves out what was written for this step and later ones by an earlier session.
        self._writer = SummaryWriter(str(tensorboard), purge_step=steps + 1 if steps else None)

    def __enter__(self) -> "Records":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._log.close()
        self._writer.close()

    def step(self, epoch: int, steps: int, losses: Mapping[str, float], images_per_second: float) -> None:
        """Record one step."""
        self._write({"kind": "step", "epoch": epoch, "steps": steps, "losses": losses, "images/s": images_per_second})
        for name, value in {**losses, "images_per_second": images_per_second}.items():
            self._writer.add_scalar(f"step/{name}", value, steps)

    def epoch(self, epoch: Epoch) -> None:
        """Record an epoch that is over."""
        self._write({"kind": "epoch", **epoch.record()})
        numbers = {"learning_rate": epoch.learning_rate, **{f"losses/{k}": v for k, v in epoch.losses.items()}}
        numbers |= {f"metrics/{name}": value for name, value in epoch.metrics.items() if value is not None}
        for name, value in numbers.items():
            self._writer.add_scalar(f"epoch/{name}", value, epoch.steps)

    def settle(self) -> int:
        """Bring everything to the disk; return the length of metrics.jsonl in bytes."""
        self._log.flush()
        os.fsync(self._log.fileno())
        self._writer.flush()
        return os.fstat(self._log.fileno()).st_size

    def _write(self, record: Mapping[str, object]) -> None:
        self._log.write(json.dumps(record, ensure_ascii=False, allow_nan=False) + "\n")
