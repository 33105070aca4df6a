"""The real tile blurred."""

from vstain_bench.measure.controls.definition import control
from vstain_bench.metrics.windows import Window, smooth
from vstain_bench.types import Images

SIGMA = 4.0


@control("blurred-real", f"the real tile blurred, sigma {SIGMA:g} px: no detail", needs="real")
def blurred_real(images: Images) -> Images:
    """Return the images under a Gaussian, cut at 4 sigma or at the side."""
    taps = min(2 * round(4 * SIGMA) + 1, 2 * min(images.shape[-2:]) - 1)
    return smooth(images, Window("gaussian", taps, SIGMA)).clamp(0, 1)
