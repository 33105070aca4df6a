"""SSIM, PSNR and LPIPS after registration: what is left of a difference when the displacement is taken out.

The generated tile is laid onto the real one by its haematoxylin (`vstain_bench.stain.registration`): no place by more
than a bound, and only where the two tiles show that they belong together. A refused tile is compared as it lies, so
that a refusal never helps; ``registration_refused`` says how often that was, ``registration_residual`` how far tiles
lay off. The same border is left out of every tile, moved or not.
"""

import math

import numpy as np
import torch
from torch.nn import functional

from vstain_bench.errors import Undefined
from vstain_bench.metrics.definition import METRICS, tile_means
from vstain_bench.metrics.lpips import lpips
from vstain_bench.metrics.structure import ssim
from vstain_bench.metrics.windows import GENERATED_REAL
from vstain_bench.stain.density import Separation, stain_maps
from vstain_bench.stain.micrometres import pixel_sizes
from vstain_bench.stain.registration import Registration, register, resample
from vstain_bench.types import Batch, Images, Metric, PerTile, Rows, View

_SOURCE = "Own registration (vstain-bench); Le Besnerais and Champagnat 2005, ICIP (iterative Lucas-Kanade)"
NEAREST = 9
"""Displacements of the least squared error whose SSIM is computed."""


def registrations(batch: Batch, bound_um: float, separation: Separation) -> list[Registration]:
    """Return how each generated tile lies against its real one, computed once per batch.

    Raises:
        Undefined: a pixel size is unknown, a tile too small for a null, or without haematoxylin.
    """

    def compute(both: Batch) -> list[Registration]:
        generated, real = (
            stain_maps(both.view(side), separation).haematoxylin.cpu().numpy() for side in GENERATED_REAL
        )
        return [
            register(one, other, mpp, bound_um=bound_um)
            for one, other, mpp in zip(generated, real, pixel_sizes(both), strict=True)
        ]

    return batch.derive(("registration", bound_um, separation), compute)


def registered(batch: Batch, bound_um: float, separation: Separation) -> Batch:
    """Return the batch with its generated tiles laid onto the real ones, the border of the bound cut off both sides."""

    def compute(both: Batch) -> Batch:
        sizes = pixel_sizes(both)
        found = registrations(both, bound_um, separation)
        margin = max(math.ceil(bound_um / size) for size in sizes)
        if min(both.side("real").shape[-2:]) - 2 * margin < 11:
            raise Undefined(f"nothing is left of a tile without its border of {bound_um:g} µm")
        moved = [resample(*each) for each in zip(both.side("generated"), found, sizes, strict=True)]

        def cut(view: View, images: Images) -> View:
            inner = images[..., margin:-margin, margin:-margin].contiguous()
            return View(view.ids, view.owner, inner, view.mpp)

        generated, real = (both.view(side) for side in GENERATED_REAL)
        return Batch({"generated": cut(generated, torch.stack(moved)), "real": cut(real, real.images)})

    return batch.derive(("registered", bound_um, separation), compute)


def _params(bound_um: float, separation: Separation) -> dict[str, object]:
    return {"by": "haematoxylin", "bound_um": bound_um, **separation.params}


@METRICS.register("ssim_registered")
def ssim_registered(*, bound_um: float = 8.0, background: str = "tile", vectors: str = "h-dab") -> Metric:
    """SSIM after the generated tile is laid onto the real one, no place moved by more than ``bound_um`` µm.

    Range [-1, 1], higher is better, 1 for identical tiles. Cubic splines smooth a little, which costs about 0.01 on a
    tile that was moved.
    """
    separation, plain = Separation(background, vectors), ssim()
    return Metric(
        family="structure",
        summary=f"structural similarity after registration by haematoxylin within {bound_um:g} µm",
        observe=lambda batch: plain.observe(registered(batch, bound_um, separation)),
        kind=PerTile(),
        better="higher",
        value_range=(-1.0, 1.0),
        perfect=1.0,
        params={**_params(bound_um, separation), **plain.params},
        citation=f"{plain.citation}; {_SOURCE}",
    )


@METRICS.register("psnr_registered")
def psnr_registered(*, bound_um: float = 8.0, background: str = "tile", vectors: str = "h-dab") -> Metric:
    """PSNR per tile after the generated tile is laid onto the real one, no place moved by more than ``bound_um`` µm.

    dB, higher is better; tiles without any error have no finite value and are counted.
    """
    separation = Separation(background, vectors)

    def observe(batch: Batch) -> Rows:
        pair = registered(batch, bound_um, separation)
        error = tile_means((pair.side("generated") - pair.side("real")).square())
        return -10 * error.log10()

    return Metric(
        family="pixel",
        summary=f"peak signal-to-noise ratio after registration by haematoxylin within {bound_um:g} µm",
        observe=observe,
        kind=PerTile(),
        better="higher",
        value_range=(0.0, math.inf),
        unit="dB",
        params=_params(bound_um, separation),
        citation=_SOURCE,
    )


@METRICS.register("lpips_registered")
def lpips_registered(*, bound_um: float = 8.0, background: str = "tile", vectors: str = "h-dab") -> Metric:
    """LPIPS (AlexNet) after the generated tile is laid onto the real one, no place moved by more than ``bound_um`` µm.

    Lower is better, 0 for identical tiles.
    """
    separation, plain = Separation(background, vectors), lpips()
    return Metric(
        family="perception",
        summary=f"distance of AlexNet features after registration by haematoxylin within {bound_um:g} µm",
        observe=lambda batch: plain.observe(registered(batch, bound_um, separation)),
        kind=PerTile(),
        better="lower",
        value_range=(0.0, math.inf),
        perfect=0.0,
        params={**_params(bound_um, separation), **plain.params},
        needs=plain.needs,
        minimum_side=plain.minimum_side,
        citation=f"{plain.citation}; {_SOURCE}",
    )


def _column(values: list[float], batch: Batch) -> Rows:
    return torch.tensor(values, dtype=torch.float64, device=batch.side("real").device).unsqueeze(1)


@METRICS.register("registration_residual")
def registration_residual(*, bound_um: float = 8.0, background: str = "tile", vectors: str = "h-dab") -> Metric:
    """Median length of the displacement between the generated and the real tile, µm; lower is better.

    A refused tile has no displacement that could be known: it is counted and left out of the mean. Read it beside
    ``registration_refused``.
    """
    separation = Separation(background, vectors)
    return Metric(
        family="registration",
        summary=f"median displacement found by haematoxylin within {bound_um:g} µm",
        observe=lambda batch: _column(
            [found.residual_um for found in registrations(batch, bound_um, separation)], batch
        ),
        kind=PerTile(),
        better="lower",
        value_range=(0.0, math.inf),
        perfect=0.0,
        unit="µm",
        params=_params(bound_um, separation),
        citation=_SOURCE,
    )


@METRICS.register("registration_refused")
def registration_refused(*, bound_um: float = 8.0, background: str = "tile", vectors: str = "h-dab") -> Metric:
    """Share of tiles whose haematoxylin shows no more agreement than at displacements where nothing corresponds.

    Range [0, 1]; lower is better, 0 where every generated tile is recognised as its real one.
    """
    separation = Separation(background, vectors)
    return Metric(
        family="registration",
        summary=f"share of tiles that cannot be registered by haematoxylin within {bound_um:g} µm",
        observe=lambda batch: _column(
            [float(not found.accepted) for found in registrations(batch, bound_um, separation)], batch
        ),
        kind=PerTile(),
        better="lower",
        perfect=0.0,
        params=_params(bound_um, separation),
        citation=_SOURCE,
    )


def _nearest_shifts(generated: torch.Tensor, inner: torch.Tensor, reach: int) -> list[tuple[int, int]]:
    """Return the whole-pixel displacements within a disc at which squared error is least, the least first.

    Args:
        generated: One image, (3, h, w).
        inner: The real one without a border of ``reach`` px.
        reach: Radius of the disc in px.
    """
    height, width = generated.shape[1:]
    spectrum = torch.fft.rfft2(generated.double())
    padded = functional.pad(inner.double(), (0, 2 * reach, 0, 2 * reach))
    cross = torch.fft.irfft2(spectrum * torch.fft.rfft2(padded).conj(), s=(height, width)).sum(dim=0)
    sums = functional.pad(generated.double().square().sum(dim=0).cumsum(0).cumsum(1), (1, 0, 1, 0))
    rows, columns = inner.shape[1:]
    energy = sums[rows:, columns:] - sums[:-rows, columns:] - sums[rows:, :-columns] + sums[:-rows, :-columns]
    side = 2 * reach + 1
    error = (energy[:side, :side] - 2 * cross[:side, :side]).cpu().numpy()
    offset = np.arange(side) - reach
    error[np.hypot(offset[:, None], offset[None]) > reach] = np.inf
    chosen = np.argsort(error, axis=None, kind="stable")[:NEAREST]
    return [(int(place // side), int(place % side)) for place in chosen if np.isfinite(error.flat[place])]


@METRICS.register("ssim_shift_marginal")
def ssim_shift_marginal(*, radius_um: float = 4.0) -> Metric:
    """SSIM with the place of the whole tile as a nuisance: its highest value over displacements to ``radius_um`` µm.

    The real tile without a border of the radius is compared with the generated one at whole-pixel displacements; SSIM
    is computed at the nine of least squared error. Range [-1, 1], higher is better, 1 for identical tiles. It forgives
    what is rigid and nothing else, and any tile gains by it: read it beside the controls.
    """
    plain = ssim()

    def observe(batch: Batch) -> Rows:
        values = []
        for place, size in enumerate(pixel_sizes(batch)):
            generated, real = (batch.side(side)[place] for side in GENERATED_REAL)
            reach = max(1, math.floor(radius_um / size + 1e-9))
            if min(real.shape[1:]) - 2 * reach < 11:
                raise Undefined(f"nothing is left of a tile without its border of {radius_um:g} µm")
            inner = real[:, reach:-reach, reach:-reach].contiguous()
            fixed = View(batch.ids[place : place + 1], "real", inner[None])
            best = -math.inf
            for down, across in _nearest_shifts(generated, inner, reach):
                cut = generated[:, down : down + inner.shape[1], across : across + inner.shape[2]].contiguous()
                pair = Batch({"generated": View(fixed.ids, "generated", cut[None]), "real": fixed})
                best = max(best, float(plain.observe(pair)))
            values.append(best)
        return _column(values, batch)

    return Metric(
        family="structure",
        summary=f"highest structural similarity over displacements of the whole tile to {radius_um:g} µm",
        observe=observe,
        kind=PerTile(),
        better="higher",
        value_range=(-1.0, 1.0),
        perfect=1.0,
        params={"radius_um": ..., "nearest": NEAREST, **plain.params},
        citation=f"{plain.citation}; own marginalisation (vstain-bench)",
    )
