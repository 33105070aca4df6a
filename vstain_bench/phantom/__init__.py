"""Synthetic tissue: paired H&E and HER2 IHC tiles of one section, with known truth and known defects.

`phantom_tile` makes one tile, `render_ihc` makes further pictures of its tissue with `Defects` in physical units, and
`write_phantom` writes a folder of patients with simulated models. Anatomy is a function of the place in µm
(`anatomy`), HER2 stains its membranes (`her2`), and light makes the picture by Beer-Lambert (`stains`).
"""

from vstain_bench.phantom.dataset import PhantomSet, PhantomSpec, plan_phantom, write_phantom
from vstain_bench.phantom.defects import Defects, Displacement, Injected
from vstain_bench.phantom.her2 import SCORES
from vstain_bench.phantom.rendering import Rendering, render_he, render_ihc
from vstain_bench.phantom.stains import RUIFROK
from vstain_bench.phantom.tiles import SIMULATED_MODELS, PhantomTile, Truth, phantom_tile
from vstain_bench.phantom.tissue import Tissue, build_tissue

__all__ = [
    "RUIFROK",
    "SCORES",
    "SIMULATED_MODELS",
    "Defects",
    "Displacement",
    "Injected",
    "PhantomSet",
    "PhantomSpec",
    "PhantomTile",
    "Rendering",
    "Tissue",
    "Truth",
    "build_tissue",
    "phantom_tile",
    "plan_phantom",
    "render_he",
    "render_ihc",
    "write_phantom",
]
