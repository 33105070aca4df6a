"""From tissue to pictures: the H&E, the real IHC, and IHC as a model with known defects would make it."""

import math
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from vstain_bench.phantom.defects import AS_IT_IS, Defects, Displacement, Injected, change_dab, relocate_dab
from vstain_bench.phantom.noise import Array, Field
from vstain_bench.phantom.section import Frame
from vstain_bench.phantom.stains import OPTICS_UM, Picture, blur, expose, transmit
from vstain_bench.phantom.tissue import Tissue, pool


@dataclass(frozen=True)
class Rendering:
    """An IHC picture and what truly lies under its pixels.

    Attributes:
        image: RGB, float32, [0, 1], values k / 255, shape (h, w, 3).
        dab: Optical density of DAB, mean over each pixel, before any blur, shape (h, w).
        counterstain: The same of haematoxylin.
        injected: What was changed against the tissue.
    """

    image: Picture
    dab: Array
    counterstain: Array
    injected: Injected


def render_he(tissue: Tissue) -> Picture:
    """Return the tissue's H&E picture, shape (h, w, 3)."""
    around = _around(tissue, OPTICS_UM)
    densities = {name: _crop(tissue, tissue.densities[name], around) for name in ("haematoxylin", "eosin")}
    light = transmit(densities, tissue.stain.vectors, tissue.stain.source_white)
    return _picture(tissue, light, around, blur_um=OPTICS_UM, exposure="H&E")


def render_ihc(tissue: Tissue, defects: Defects = AS_IT_IS, *, exposure: str = "real") -> Rendering:
    """Return the tissue's IHC picture with defects injected, and the truth about it.

    Defects act in this order: nests are omitted and invented, DAB is multiplied, everything is displaced, DAB is
    relocated, and the light is blurred. Tissue beyond the tile's border moves in where something moves out.

    Args:
        tissue: What is stained.
        defects: What goes wrong; by default nothing.
        exposure: Seeds the sensor's noise and the elastic displacement, so that two models differ in both.

    Raises:
        UsageError: The tile has too few nests, or no stroma, for the defects asked for.
    """
    blur_um = math.hypot(OPTICS_UM, defects.blur_um)
    around = _around(tissue, blur_um)
    place, elastic_um = _places(tissue, defects.displacement, around, exposure)
    tissue = _with_reach(tissue, place, around)
    dab, hallucinated_um2, omitted_um2 = change_dab(tissue, defects)
    maps = {"dab": dab, "counterstain": tissue.densities["counterstain"]}
    if place is None:
        here = {name: _crop(tissue, samples, around) for name, samples in maps.items()}
    else:
        here = {name: _move(tissue, samples, place) for name, samples in maps.items()}
    relocated = 0.0
    if defects.relocate > 0.0:
        view = tissue.view
        stroma = (1.0 - view.tumour) * (1.0 - view.glass) * view.collagen
        stroma = _crop(tissue, stroma, around) if place is None else _move(tissue, stroma, place)
        here["dab"], relocated = relocate_dab(here["dab"], stroma, around, defects.relocate)
    light = transmit(here, tissue.stain.vectors, tissue.stain.real_white)
    inner = (slice(around, -around), slice(around, -around))
    return Rendering(
        image=_picture(tissue, light, around, blur_um=blur_um, exposure=exposure),
        dab=pool(here["dab"][inner], tissue.samples),
        counterstain=pool(here["counterstain"][inner], tissue.samples),
        injected=Injected(
            defects=defects,
            elastic_um=elastic_um,
            hallucinated_um2=hallucinated_um2,
            omitted_um2=omitted_um2,
            relocated_od_um2=relocated * tissue.step**2,
        ),
    )


def _around(tissue: Tissue, blur_um: float) -> int:
    """Return how many samples beyond the tile a blur needs: 4 standard deviations, in whole pixels."""
    return math.ceil(4.0 * blur_um / tissue.mpp) * tissue.samples


def _picture(tissue: Tissue, light: Array, around: int, *, blur_um: float, exposure: str) -> Picture:
    blurred = blur(light, blur_um / tissue.step)[around:-around, around:-around]
    return expose(pool(blurred, tissue.samples), key=(*tissue.key, exposure))


def _crop(tissue: Tissue, samples: Array, around: int) -> Array:
    """Return the tile's part of an array over all samples, with so many samples around it."""
    edge = tissue.margin * tissue.samples - around
    return samples[edge : samples.shape[0] - edge, edge : samples.shape[1] - edge]


def _tile_frame(tissue: Tissue) -> Frame:
    height, width = tissue.shape
    return tissue.section.frame(height=height * tissue.samples, width=width * tissue.samples, step=tissue.step)


def _places(
    tissue: Tissue, displacement: Displacement, around: int, exposure: str
) -> tuple[tuple[Array, Array] | None, float]:
    """Return where on the section each sample's content comes from, (y, x) in µm, and the elastic part's RMS in µm.

    None stands for no displacement at all. Content turns about the tile's centre, then moves.
    """
    if displacement == Displacement():
        return None, 0.0
    frame = _tile_frame(tissue).widened(around)
    down, across = np.meshgrid(frame.rows, frame.columns, indexing="ij")
    down, across = down - displacement.shift_um[0], across - displacement.shift_um[1]
    reached = 0.0
    if displacement.elastic_um > 0.0:
        parts = []
        for axis in ("down", "across"):
            spacing = (displacement.elastic_length_um, displacement.elastic_length_um)
            field = Field((*tissue.key, exposure, "elastic", axis), spacing)
            parts.append(field.on_grid(frame.rows, frame.columns))
        inner = (slice(around, -around), slice(around, -around))
        scale = displacement.elastic_um / np.sqrt(np.mean(parts[0][inner] ** 2 + parts[1][inner] ** 2))
        parts = [scale * part for part in parts]
        down, across = down - parts[0], across - parts[1]
        reached = float(np.sqrt(np.mean(parts[0][inner] ** 2 + parts[1][inner] ** 2)))
    turn = math.radians(displacement.rotation_degrees)
    down, across = down - tissue.section.centre[0], across - tissue.section.centre[1]
    turned = (math.cos(turn) * down - math.sin(turn) * across, math.cos(turn) * across + math.sin(turn) * down)
    return (turned[0] + tissue.section.centre[0], turned[1] + tissue.section.centre[1]), reached


def _with_reach(tissue: Tissue, place: tuple[Array, Array] | None, around: int) -> Tissue:
    """Return the tissue with a margin wide enough for every place that is sampled."""
    frame = _tile_frame(tissue)
    reach = around * tissue.step
    if place is not None:
        over = (
            frame.rows[0] - place[0].min(),
            place[0].max() - frame.rows[-1],
            frame.columns[0] - place[1].min(),
            place[1].max() - frame.columns[-1],
        )
        # A cubic spline mirrors at the border of its array; 12 samples on, that is below 1e-6.
        reach = max(reach, *over) + 12 * tissue.step
    return tissue if reach <= tissue.margin * tissue.mpp else tissue.with_margin(reach)


def _move(tissue: Tissue, samples: Array, place: tuple[Array, Array]) -> Array:
    """Return an array over all samples at other places of the section, by cubic spline, not below 0."""
    frame = tissue.view.frame
    coordinates = [(place[0] - frame.top) / frame.step, (place[1] - frame.left) / frame.step]
    moved: Array = ndimage.map_coordinates(samples, coordinates, order=3, mode="mirror")
    return np.maximum(moved, 0.0)
