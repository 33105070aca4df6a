"""The real tile of another patient."""

from vstain_bench.measure.controls.definition import PARTNER, control
from vstain_bench.types import Images


@control("other-real", "a real tile of another patient: the wrong tissue", needs=PARTNER)
def other_real(images: Images) -> Images:
    """Return the partner's tile as it is."""
    return images
