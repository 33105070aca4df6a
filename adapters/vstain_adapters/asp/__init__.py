"""Adaptive supervised PatchNCE. README.md is the model card."""

from vstain_adapters.asp.recipe import Asp
from vstain_bench.models.contract import ADAPTERS, RECIPES, Mode, PublishedFile
from vstain_bench.models.recipe_adapters import recipe_adapter

FOLDER = "https://drive.google.com/drive/folders/11a3_4cyQY1bgBiRKnqtM7JGis5CPoVM6"
LICENCE = "not stated for the weights or for MIST; the code is BSD-2-Clause style with parts for non-commercial use"


def _release(data: str, folder: str) -> PublishedFile:
    return PublishedFile(
        file="latest_net_G.pth",
        url=FOLDER,
        steps=f"Open the page in a browser, and download latest_net_G.pth from {folder}.",
        licence=LICENCE,
        trained_on=data,
    )


RECIPES.register("asp")(Asp())
ADAPTERS.register("asp")(
    recipe_adapter(
        "asp",
        licence="Apache-2.0; of weights, their publisher's",
        released=Mode(
            summary="spectral norm takes one more power iteration, as the authors' test script does without --eval "
            "(here from the stored vectors for every tile); cut to 8 bits",
            training=True,
            truncated=True,
        ),
        published={
            "mist-her2": _release("MIST, HER2", "the folder mist_her2_lambda_linear"),
            "mist-er": _release("MIST, ER", "the folder mist_er_lambda_linear"),
            "mist-ki67": _release("MIST, Ki67", "the folder mist_ki67_lambda_linear"),
            "mist-pr": _release("MIST, PR", "the folder mist_pr_lambda_linear"),
            "bci": _release("BCI (images for non-commercial use)", "the folder for BCI"),
        },
    )
)

__all__ = ["Asp"]
