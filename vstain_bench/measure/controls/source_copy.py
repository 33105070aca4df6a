"""The H&E."""

from vstain_bench.measure.controls.definition import control
from vstain_bench.types import Images


@control("source-copy", "the H&E itself: no staining at all", needs="source")
def source_copy(images: Images) -> Images:
    """Return the H&E as it is."""
    return images
