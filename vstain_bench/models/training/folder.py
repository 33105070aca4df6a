"""The folder of a training: its files, each absent or complete, and who may write them."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from vstain_bench.base.files import publish_text
from vstain_bench.errors import MachineError, UsageError
from vstain_bench.measure.journal import setting_differences
from vstain_bench.results.folder import RunFolder

FORMAT = 1


class TrainingFolder:
    """Names and access of the files of one training.

    ``card.json`` (what it is and what came of it), ``best.safetensors`` (the generator of the chosen epoch),
    ``last.safetensors``, ``recipe.toml`` (every setting; trains again with ``--recipe``), ``state.pt`` (what makes the
    same command resume), ``metrics.jsonl``, ``tensorboard/``, ``samples/`` (a sheet per epoch), ``run.json`` (times,
    machine).
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.card = path / "card.json"
        self.best = path / "best.safetensors"
        self.last = path / "last.safetensors"
        self.recipe = path / "recipe.toml"
        self.state = path / "state.pt"
        self.log = path / "metrics.jsonl"
        self.facts = path / "run.json"
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
        with RunFolder(self.path).claimed():
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
        try:
            card = json.loads(self.card.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, json.JSONDecodeError) as fault:
            raise MachineError(where=str(self.card), found=f"it cannot be read: {fault}", expected="JSON") from fault
        if not isinstance(card, dict) or card.get("format") != FORMAT:
            raise MachineError(
                where=str(self.card),
                found="it is not the card of a training, or of another version",
                next_step="Choose another --out.",
            )
        return card

    def require_same(self, identity: Mapping[str, object]) -> None:
        """Refuse a folder that holds another training.

        Raises:
            UsageError: What it holds differs in something that can change a weight.
        """
        card = self.read_card()
        if not card:
            return
        wanted = json.loads(json.dumps(identity))
        kept = {key: card.get(key) for key in wanted}
        lines = setting_differences(_flat(kept), _flat(wanted), "there", "now")
        if lines:
            raise UsageError(
                where=f"--out {self.path}",
                found="the folder holds another training:\n" + "\n".join(lines) + "\n",
                next_step="Choose another --out, or remove the folder to start over.",
            )

    def write_card(self, content: Mapping[str, object]) -> None:
        """Write card.json."""
        publish_text(self.card, json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, object]:
    """Return nested values under dotted keys."""
    flat: dict[str, object] = {}
    for key, value in values.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return flat
