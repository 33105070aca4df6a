"""CSSP2P GAN and its ablation: BCE, conditional BCE, + pyramid L1, + CSS loss. README.md is the model card."""

from vstain_adapters.cssp2p.recipe import Cssp2p
from vstain_bench.models.contract import ADAPTERS, RECIPES, Mode
from vstain_bench.models.recipe_adapters import recipe_adapter

RECIPES.register("bce")(Cssp2p(conditioned=False, pyramid_weight=0.0, css_weight=0.0))
RECIPES.register("cbce")(Cssp2p(pyramid_weight=0.0, css_weight=0.0))
RECIPES.register("p2p")(Cssp2p(css_weight=0.0))
RECIPES.register("cssp2p")(Cssp2p())

for _name in ("bce", "cbce", "p2p", "cssp2p"):
    ADAPTERS.register(_name)(
        recipe_adapter(
            _name,
            licence="Apache-2.0",
            released=Mode(
                summary="as the authors' test script: evaluation mode, codes read as torchvision reads them, cut to 8 "
                "bits (it then writes JPEG: --jpeg-quality 75)",
                truncated=True,
                reciprocal=True,
            ),
            alternatives=({"variant": "released"},),
        )
    )

__all__ = ["Cssp2p"]
