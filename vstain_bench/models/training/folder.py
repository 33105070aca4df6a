"""The folder of a training: its files, each absent or complete, and who may write them."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from vstain_bench.base.files import publish_json, read_json
from vstain_bench.base.jobs import JobFolder
from vstain_bench.errors import MachineError, UsageError

FORMAT = 1


class TrainingFolder(JobFolder):
    """Names and access of the files of one training.

    ``card.json`` (what it is and what came of it), ``best.safetensors`` (the generator of the chosen epoch),
    ``last.safetensors``, ``recipe.toml`` (every setting; trains again with ``--recipe``), ``state.pt`` (what makes the
    same command resume), ``metrics.jsonl``, ``tensorboard/``, ``samples/`` (a sheet per epoch), ``run.json`` (times,
    machine).
    """

    job = "training"

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.card = path / "card.json"
        self.best = path / "best.safetensors"
        self.last = path / "last.safetensors"
        self.recipe = path / "recipe.toml"
        self.state = path / "state.pt"
        self.log = path / "metrics.jsonl"
        self.tensorboard = path / "tensorboard"
        self.samples = path / "samples"

    def sample(self, epoch: int) -> Path:
        """Return the place of an epoch's sample sheet."""
        return self.samples / f"epoch-{epoch:04d}.png"

    @contextmanager
    def claimed(self) -> Iterator[None]:
        """Create the folder and hold it alone; what a killed training left half-written is removed."""
        foreign = [name for name in ("results.json", "journal.sqlite", "shard.json") if (self.path / name).exists()]
        if foreign:
            raise UsageError(
                where=f"--out {self.path}",
                found=f"the folder holds a run of 'vstain-bench run' ({foreign[0]})",
                expected="a folder of its own for a training",
                next_step="Choose another --out.",
            )
        with super().claimed():
            for file in (self.best, self.last, self.state):
                for half in self.path.glob(f".{file.name}.*"):
                    half.unlink(missing_ok=True)
            yield

    def read_card(self) -> dict[str, Any]:
        """Return the card, or an empty dict where there is none.

        Raises:
            MachineError: It is no card.
        """
        if not self.card.is_file():
            return {}
        return read_json(
            self.card, "the card of a training", version=("format", FORMAT), next_step="Choose another --out.",
            fault=MachineError,
        )  # fmt: skip

    def require_identity(self, identity: Mapping[str, object]) -> None:
        """Refuse a folder that holds another training: one that differs in something that can change a weight."""
        card = self.read_card()
        if card:
            self.require_same({key: card.get(key) for key in identity}, identity)

    def write_card(self, content: Mapping[str, object]) -> None:
        """Write card.json."""
        publish_json(self.card, content)
