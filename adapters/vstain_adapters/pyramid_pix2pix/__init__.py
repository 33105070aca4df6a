"""Pyramid Pix2Pix. README.md is the model card."""

from vstain_adapters.pyramid_pix2pix.recipe import PyramidPix2Pix
from vstain_bench.adapters import RECIPES

RECIPES.register("pyramid_pix2pix")(PyramidPix2Pix())

__all__ = ["PyramidPix2Pix"]
