"""BCI: ``HE/{split}/NNNNN_{split}_{score}.png`` and the same names under ``IHC/``; the label is the HER2 score.

Source: Liu et al. 2022, bupt-ai-cz/BCI. Consecutive sections, 1024 px at about 0.46 µm/px. Names say nothing of the
patient, so which tiles share a slide is unknown and they count as independent.
"""

import re

from vstain_bench.tiles.layouts.definition import (
    LAYOUTS,
    Gathered,
    Layout,
    Locations,
    Name,
    gather_dataset,
    require_root,
)

_KEY = re.compile(r"(?:^|/)\d{5}_(?P<split>train|test)_(?P<score>0|1\+|2\+|3\+)$")


def gather(given: Locations) -> Gathered:
    """Return the tiles of one split (default ``test``)."""
    root, split = require_root(given, "bci"), given.split or "test"
    real = {name: root / "IHC" / name for name in ("train", "test")}
    return gather_dataset(given, real=real, source=root / "HE" / split, split=split, read_name=read_name)


def read_name(key: str) -> Name | None:
    """Return the HER2 score and the split."""
    match = _KEY.search(key)
    return Name(label=match["score"], split=match["split"]) if match else None


LAYOUTS.register("bci")(
    Layout(
        name="bci",
        summary="BCI: HE|IHC/{train,test}/NNNNN_{split}_{score}.png, label = HER2 score, 0.46 µm/px",
        kind="dataset",
        gather=gather,
        read_name=read_name,
        mpp=0.46,
    )
)
