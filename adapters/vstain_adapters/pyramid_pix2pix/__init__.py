"""Pyramid Pix2Pix. README.md is the model card."""

from vstain_adapters.pyramid_pix2pix.recipe import PyramidPix2Pix
from vstain_bench.models.contract import ADAPTERS, RECIPES, Mode, PublishedFile
from vstain_bench.models.recipe_adapters import recipe_adapter

RELEASES = "https://github.com/bupt-ai-cz/BCI/releases/download/v1.0"
LICENCE = "not stated for the weights; the code is BSD-3-Clause style"


def _release(data: str, *, terms: str) -> PublishedFile:
    file = f"trained_on_{data}.zip"
    return PublishedFile(
        file=file,
        url=f"{RELEASES}/{file}",
        steps=f"Download it (curl -LO {RELEASES}/{file}); it is read as it is, unpacking is not needed.",
        licence=f"{LICENCE}; {terms}",
        trained_on=data,
    )


RECIPES.register("pyramid_pix2pix")(PyramidPix2Pix())
ADAPTERS.register("pyramid_pix2pix")(
    recipe_adapter(
        "pyramid_pix2pix",
        licence="Apache-2.0; of weights, their publisher's",
        released=Mode(
            summary="batch norm by the tile itself and dropout on, as the authors' test script leaves them without "
            "--eval; cut to 8 bits",
            training=True,
            truncated=True,
        ),
        alternatives=({"generator_network": "unet"},),
        published={
            "bci": _release("BCI", terms="BCI's images are for non-commercial use"),
            "llvip": _release("LLVIP", terms="visible to infrared light, no stain"),
        },
    )
)

__all__ = ["PyramidPix2Pix"]
