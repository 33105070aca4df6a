"""HER2match: ``HE/{split}/wsiNNN_idK_xX_yY.jpg`` and the same names under ``IHC/``; the group is the slide.

Source: Zenodo record 15797050. H&E and HER2 of the same re-stained section, 1024 px JPEG at 0.25 µm/px.
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

_KEY = re.compile(r"(?:^|/)(?P<slide>wsi\d+)_id\d+_x\d+_y\d+$")


def gather(given: Locations) -> Gathered:
    """Return the tiles of one split (default ``test``)."""
    root, split = require_root(given, "her2match"), given.split or "test"
    real = {name: root / "IHC" / name for name in ("train", "val", "test")}
    return gather_dataset(given, real=real, source=root / "HE" / split, split=split, read_name=read_name)


def read_name(key: str) -> Name | None:
    """Return the slide; names carry no HER2 score."""
    match = _KEY.search(key)
    return Name(group=match["slide"]) if match else None


LAYOUTS.register("her2match")(
    Layout(
        name="her2match",
        summary="HER2match: HE|IHC/{train,val,test}/wsiNNN_idK_xX_yY.jpg, group = slide, 0.25 µm/px",
        kind="dataset",
        gather=gather,
        read_name=read_name,
        mpp=0.25,
    )
)
