"""The folder of a prediction: images, where they come from, and what makes a stopped prediction go on.

``predict.json`` says what made the images; a folder belongs to one setting. ``predicted.csv`` names every finished
image with the SHA-256 of its H&E and its own; an image counts as done only while both are still those.
"""

import csv
import re
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

from vstain_bench.base.files import csv_text, publish_csv, publish_json, read_json
from vstain_bench.base.jobs import JobFolder
from vstain_bench.base.listener import Advance
from vstain_bench.errors import DecodeError, MachineError, UsageError
from vstain_bench.networks.weights import digest
from vstain_bench.tiles.pairing import Problem
from vstain_bench.tiles.scan import IMAGE_EXTENSIONS
from vstain_bench.tiles.sources import SourceTile

_HALF = re.compile(r"\..+\.(?:png|jpg|csv|json)\.[a-z0-9_]{8}\.(?:png|jpg|csv|json)")
"""What ``files.replacing`` calls a file until it is whole."""
VERSION = "1.0"
"""Of predict.json."""
HEADER = ("tile", "file", "source_sha256", "sha256")


@dataclass(frozen=True)
class Done:
    """One finished image: its tile, its file within the folder, and the SHA-256 of the H&E and of the image."""

    tile: str
    file: str
    source_sha256: str
    sha256: str


class PredictionFolder(JobFolder):
    """Names and access of the files of one prediction."""

    job = "prediction"

    def __init__(self, path: Path, suffix: str) -> None:
        super().__init__(path)
        self.suffix = suffix
        self.facts = path / "predict.json"
        self.done = path / "predicted.csv"
        self.skipped = path / "skipped.csv"

    def image(self, tile: str) -> Path:
        """Return where the image of a tile belongs."""
        return self.path / f"{tile}{self.suffix}"

    def refuse_foreign(self, scanned: Path | None) -> None:
        """Refuse to write among the H&E, or among images of someone else.

        Args:
            scanned: The folder that was searched for H&E, or None where none was (a manifest).

        Raises:
            UsageError: Images would be taken for what they are not.
        """
        own = self.path.resolve()
        if scanned is not None and scanned.resolve() in (own, *own.parents):
            raise UsageError(
                where=f"--out {self.path}",
                found=f"it lies in the folder of the H&E tiles ({scanned}), and would be read as such the next time",
                expected="a folder of its own beside it",
            )
        if not self.facts.is_file():
            images = [path for path in self.path.rglob("*") if path.suffix.lower() in IMAGE_EXTENSIONS]
            if images:
                raise UsageError(
                    where=f"--out {self.path}",
                    found=f"{len(images)} images that no prediction wrote (first: {images[0].name})",
                    expected="a new folder, or one of a prediction that was stopped",
                )

    def remove_halves(self) -> None:
        """Remove what a killed prediction left half-written; the folder is its own."""
        if self.facts.is_file():
            for path in self.path.rglob(".*.*"):
                if _HALF.fullmatch(path.name):
                    path.unlink(missing_ok=True)

    def claim(self, settings: Mapping[str, object], facts: Mapping[str, object]) -> None:
        """Take the folder for these settings, or make sure that it is theirs; one without an image is anyone's.

        Raises:
            UsageError: Its images were made with others.
        """
        if self.facts.is_file():
            kept = self.read_facts().get("settings")
            if self.recorded():
                self.require_same(kept if isinstance(kept, dict) else {}, settings)
        publish_json(self.facts, {**facts, "settings": settings, "finished": False})

    def read_facts(self) -> dict[str, Any]:
        """Return what predict.json says."""
        return read_json(
            self.facts, "predict.json of a prediction", version=("schema_version", VERSION),
            next_step="Delete the folder, or repair it.", fault=MachineError,
        )  # fmt: skip

    def recorded(self) -> list[Done]:
        """Return the images that predicted.csv names; a line that was torn by a kill is left out."""
        if not self.done.is_file():
            return []
        with self.done.open(newline="", encoding="utf-8", errors="replace") as stream:
            lines = list(csv.reader(stream))[1:]
        return [Done(*line) for line in lines if len(line) == len(HEADER) and len(line[-1]) == 64]

    def verified(self, tiles: Sequence[SourceTile], workers: int, progress: Advance | None = None) -> list[Done]:
        """Return the recorded images of these tiles that are still what was written, of the same H&E.

        Raises:
            UsageError: Images of other tiles lie there, too.
        """
        by_id = {tile.id: tile for tile in tiles}
        recorded = {done.tile: done for done in self.recorded()}
        strange = sorted(set(recorded) - set(by_id))
        if strange:
            raise UsageError(
                where=f"--out {self.path}",
                found=f"images of {len(strange)} tiles that are not among the H&E (first: '{strange[0]}')",
                expected="the same H&E tiles as before, or more",
                next_step="Choose another --out: in a folder of two sets nobody could say which is which.",
            )

        def holds(done: Done) -> bool:
            try:
                return (
                    digest(by_id[done.tile].file.path) == done.source_sha256
                    and self.image(done.tile).is_file()
                    and digest(self.image(done.tile)) == done.sha256
                )
            except OSError:
                return False

        found = []
        with ThreadPoolExecutor(workers) as pool:
            for number, (done, good) in enumerate(
                zip(recorded.values(), pool.map(holds, recorded.values()), strict=True), start=1
            ):
                found += [done] if good else []
                if progress:
                    progress(number, len(recorded))
        return found

    def write_done(self, found: Iterable[Done]) -> None:
        """Write predicted.csv whole, in the order of the tiles."""
        lines = [astuple(done) for done in sorted(found, key=lambda done: done.tile)]
        publish_csv(self.done, HEADER, lines)

    def append_done(self, found: Done) -> None:
        """Add one line to predicted.csv; the image is on the disk already."""
        try:
            with self.done.open("a", newline="", encoding="utf-8") as stream:
                stream.write(csv_text([astuple(found)]))
        except OSError as fault:
            raise MachineError(
                where=str(self.done),
                found=f"it cannot be written ({fault.strerror or fault})",
                next_step="Make room and give the same command again.",
            ) from fault

    def write_skipped(self, problems: Sequence[Problem]) -> None:
        """Write skipped.csv, every tile that was left out and why; none where there is none."""
        if not problems:
            self.skipped.unlink(missing_ok=True)
            return
        lines = sorted((each.tile, each.kind, each.message) for each in problems)
        publish_csv(self.skipped, ("tile", "kind", "reason"), lines)


def as_problem(tile: str, fault: DecodeError) -> Problem:
    """Return the problem of a tile that could not be decoded."""
    return Problem(tile, "decode", str(fault))
