"""Adaptive supervised PatchNCE. README.md is the model card."""

from vstain_adapters.asp.recipe import Asp
from vstain_bench.adapters import RECIPES

RECIPES.register("asp")(Asp())

__all__ = ["Asp"]
