"""How a perturbation is defined, named, seeded and applied.

A perturbation is written as a function of one tile, hence it cannot depend on the batch. What it draws depends on its
name, the seed and the tile's id, and not on the severity: a seed keeps its direction, its places and its texture from
the first level to the last, so that a response curve follows one path, and a step of it is the metric's answer to more
of the same.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from vstain_bench.base.registry import Registry
from vstain_bench.errors import Undefined
from vstain_bench.judge.perturbations.optics import tissue
from vstain_bench.phantom.noise import Array, Field, generator
from vstain_bench.types import Images, Pixels

Kind = Literal["misalignment", "defect", "appearance", "storage"]
"""Misalignment: the stain is right and lies elsewhere. Defect: the stain is wrong. Appearance: the lab or the scanner
differs. Storage: the file does."""
Need = Literal["mpp", "partner"]


@dataclass(frozen=True)
class Draw:
    """What one tile is perturbed with.

    Attributes:
        severity: In the perturbation's unit, above 0.
        key: Name, seed and tile id: what everything random depends on.
        um_per_px: Pixel size in µm, None where unknown.
        partner: Real tile of another group, or the one output of a collapsed model; shape (h, w, 3).
        tissue: Where there is tissue, shape (h, w); None: to be estimated from the tile itself.
    """

    severity: float
    key: tuple[str | int, ...]
    um_per_px: float | None = None
    partner: Pixels | None = None
    tissue: NDArray[np.bool_] | None = None

    def tissue_of(self, picture: Pixels) -> NDArray[np.bool_]:
        """Return where there is tissue, shape (h, w): as given, else as the tile's own optical density has it."""
        return self.tissue if self.tissue is not None else tissue(picture, self.mpp)

    @property
    def mpp(self) -> float:
        """Pixel size in µm.

        Raises:
            Undefined: It is unknown.
        """
        if self.um_per_px is None:
            raise Undefined("needs µm per pixel: pass --mpp")
        return self.um_per_px

    def generator(self, *purpose: str | int) -> np.random.Generator:
        """Return random numbers for one purpose, the same whatever else is drawn."""
        return generator(*self.key, *purpose)

    def field(self, purpose: str, spacing_um: float, shape: tuple[int, int]) -> Array:
        """Return a smooth random field, mean 0 and variance 1 on an endless plane, on the tile's pixels.

        It is a function of the place in µm: another pixel size sees the same field.
        """
        rows, columns = ((np.arange(side, dtype=np.float64) + 0.5) * self.mpp for side in shape)
        return Field((*self.key, purpose), (spacing_um, spacing_um)).on_grid(rows, columns)


@dataclass(frozen=True, kw_only=True)
class PerturbationContext:
    """What a batch of tiles is perturbed with.

    Attributes:
        severity: In the perturbation's unit; 0 leaves everything as it is.
        seed: Which of the perturbation's seeds.
        ids: One per tile.
        mpp: Pixel size in µm per tile, None where unknown.
        partner: One image per tile, shape (b, 3, h, w): a real tile of another group. For a mode collapse it is the
            same image for every tile of the run.
        tissue: Where there is tissue, for instance from the H&E, shape (b, h, w) of bool.
    """

    severity: float
    seed: int
    ids: tuple[str, ...]
    mpp: tuple[float | None, ...]
    partner: Images | None = None
    tissue: torch.Tensor | None = None


@dataclass(frozen=True, kw_only=True)
class Perturbation:
    """One way in which a tile can differ from the truth, and how much of it to try.

    Attributes:
        name: Its name in tables.
        summary: What it does and what that mimics, in one line.
        family: Perturbations of one family differ in one parameter only.
        unit: Unit of the severity.
        levels: Default severities, ascending; 0 is identity and is not among them.
        kind: Whether a metric ought to forgive it.
        apply: From images (b, 3, h, w) and their context to images of the same shape, float32 in [0, 1]. A tile on
            which it cannot be done (no DAB to delete) comes back unchanged, bit for bit: see `untouched`.
        seeds: How many seeds are worth trying; 1 where nothing is drawn.
        needs: What must be known of each tile: ``mpp``, ``partner``. Without it `apply` raises ``Undefined``.
    """

    name: str
    summary: str
    family: str
    unit: str
    levels: tuple[float, ...]
    kind: Kind
    apply: Callable[[Images, PerturbationContext], Images]
    seeds: int = 1
    needs: tuple[Need, ...] = ()


Alter = Callable[[Pixels, Draw], Pixels]
"""From one tile, float32 RGB (h, w, 3), to the perturbed tile; the result is clipped to [0, 1]."""

PERTURBATIONS: Registry[Perturbation] = Registry("perturbation", __package__)
SEEDS = 5
"""Seeds of a perturbation that draws something."""


def perturbation(
    name: str,
    *,
    summary: str,
    family: str,
    unit: str,
    levels: tuple[float, ...],
    kind: Kind,
    seeds: int = 1,
    needs: tuple[Need, ...] = (),
) -> Callable[[Alter], Alter]:
    """Return a decorator that registers a function of one tile as a perturbation."""

    def add(alter: Alter) -> Alter:
        definition = Perturbation(
            name=name,
            summary=summary,
            family=family,
            unit=unit,
            levels=levels,
            kind=kind,
            apply=lambda images, context: _apply(name, needs, alter, images, context),
            seeds=seeds,
            needs=needs,
        )
        PERTURBATIONS.register(name)(definition)
        return alter

    return add


def _apply(name: str, needs: tuple[Need, ...], alter: Alter, images: Images, context: PerturbationContext) -> Images:
    if len(context.ids) != len(images) or len(context.mpp) != len(images):
        raise ValueError(f"{len(images)} images, {len(context.ids)} ids and {len(context.mpp)} pixel sizes")
    if "partner" in needs and context.partner is None:
        raise Undefined("needs a tile of another group")
    if context.severity == 0:
        return images.clone()
    tiles = []
    for place, (tile, mpp) in enumerate(zip(context.ids, context.mpp, strict=True)):
        draw = Draw(
            severity=float(context.severity),
            key=(name, context.seed, tile),
            um_per_px=mpp,
            partner=None if context.partner is None else _pixels(context.partner[place]),
            tissue=None if context.tissue is None else context.tissue[place].cpu().numpy(),
        )
        picture = _pixels(images[place])
        altered = np.clip(np.asarray(alter(picture, draw), dtype=np.float32), 0, 1)
        if altered.shape != picture.shape:
            raise TypeError(f"perturbation '{name}' made {altered.shape} of a tile of shape {picture.shape}")
        tiles.append(torch.from_numpy(np.ascontiguousarray(altered.transpose(2, 0, 1))))
    return torch.stack(tiles).to(images)


def _pixels(image: torch.Tensor) -> Pixels:
    """Return one image as an array of its own, shape (h, w, 3)."""
    return np.ascontiguousarray(image.detach().cpu().numpy().transpose(1, 2, 0)).astype(np.float32)


def untouched(before: Images, after: Images) -> tuple[bool, ...]:
    """Return for each tile whether the perturbation could not be done: the tile came back bit for bit."""
    return tuple(torch.equal(one, other) for one, other in zip(before, after, strict=True))
