"""MIST: ``{HER2,ER,PR,Ki67}/TrainValAB/{train,val}{A,B}/SLIDE_row_column.jpg``; A is H&E, B is IHC.

Source: Li et al. 2023, lifangda01/AdaptiveSupervisedPatchNCE. Consecutive sections, 1024 px at 0.4661 µm/px. The
published split is by tile: the same slides lie in train and val (issue 6 of that repository).
"""

import re
from pathlib import Path

from vstain_bench.tiles.layouts.definition import (
    LAYOUTS,
    Gathered,
    Layout,
    Locations,
    Name,
    gather_dataset,
    require_root,
)

_KEY = re.compile(r"(?:^|/)(?P<slide>[0-9A-Za-z-]+)_\d+_\d+$")
_SLIDE = re.compile(r"\d")


def _pairs_folder(root: Path) -> Path:
    inner = root / "TrainValAB"
    return inner if inner.is_dir() else root


def gather(given: Locations) -> Gathered:
    """Return the tiles of one split (default ``val``, which papers call their test set)."""
    root, split = _pairs_folder(require_root(given, "mist")), given.split or "val"
    real = {name: root / f"{name}B" for name in ("train", "val", "test")}
    return gather_dataset(given, real=real, source=root / f"{split}A", split=split, read_name=read_name)


def read_name(key: str) -> Name | None:
    """Return the slide."""
    match = _KEY.search(key)
    return Name(group=match["slide"]) if match and _SLIDE.search(match["slide"]) else None


LAYOUTS.register("mist")(
    Layout(
        name="mist",
        summary="MIST: TrainValAB/{train,val}{A,B}/SLIDE_row_column.jpg, group = slide, 0.4661 µm/px",
        kind="dataset",
        gather=gather,
        read_name=read_name,
        mpp=0.4661,
    )
)
