"""Side-by-side pairs: one image per pair, H&E in the left half and IHC in the right (``--real DIR``).

Source: bupt-ai-cz/BCI 841bd52 PyramidPix2pix/datasets/combine_A_and_B.py makes such pairs.
"""

from vstain_bench.errors import UsageError
from vstain_bench.tiles.layouts.definition import LAYOUTS, Gathered, Layout, Locations, files_of, generated_files
from vstain_bench.words import ImageFile


def gather(given: Locations) -> Gathered:
    """Return the two halves of each pair as source and real, beside the generated folders."""
    if given.real is None:
        raise UsageError(where="--layout side-by-side", found="no --real", expected="the folder of pairs as --real DIR")
    pairs, notes = files_of(given.real, "--real")
    generated, more = generated_files(given)
    return Gathered(
        real=tuple((key, ImageFile(file.path, "right")) for key, file in pairs),
        source=tuple((key, ImageFile(file.path, "left")) for key, file in pairs),
        generated=generated,
        notes=(*notes, *more),
    )


LAYOUTS.register("side-by-side")(
    Layout(
        name="side-by-side",
        summary="one image per pair, H&E left and IHC right",
        kind="folders",
        gather=gather,
    )
)
