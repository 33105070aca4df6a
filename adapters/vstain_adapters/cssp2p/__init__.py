"""CSSP2P GAN and its ablation: BCE, conditional BCE, + pyramid L1, + CSS loss. README.md is the model card."""

from vstain_adapters.cssp2p.recipe import Cssp2p
from vstain_bench.adapters import RECIPES

RECIPES.register("bce")(Cssp2p(conditioned=False, pyramid_weight=0.0, css_weight=0.0))
RECIPES.register("cbce")(Cssp2p(pyramid_weight=0.0, css_weight=0.0))
RECIPES.register("p2p")(Cssp2p(css_weight=0.0))
RECIPES.register("cssp2p")(Cssp2p())

__all__ = ["Cssp2p"]
