"""DAB masks as published code compares them, with its thresholds, its pixels and its zeros, under exact names.

``dab_tolerance_dice`` is ours: in µm, with the background estimated and a tolerance. These are for tables that were
made with the published code only.
"""

import math
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from vstain_bench.metrics.definition import METRICS, tile_means
from vstain_bench.metrics.windows import GENERATED_REAL
from vstain_bench.types import Batch, Metric, PerTile, Rows, View

Mask = NDArray[np.bool_]
_KATARIA = "tushaarkataria/Virtual-Staining-Evaluation 23e9633 metricAll.py; medpy.metric.binary"
_RGB_FROM_HED = ((0.65, 0.70, 0.29), (0.07, 0.99, 0.11), (0.27, 0.57, 0.78))  # as given, not normalised
_SQUARE = np.ones((3, 3), dtype=bool)


def skimage_dab(picture: Tensor) -> Tensor:
    """Return the DAB of scikit-image's ``rgb2hed`` (0.18 and later), float64, (h, w): in units of 6 OD, from 0."""
    weights = torch.linalg.inv(torch.tensor(_RGB_FROM_HED, dtype=torch.float64))[:, 2].tolist()
    logs = picture.double().clamp_min(1e-6).log() / math.log(1e-6)
    return torch.as_tensor(sum(logs[channel] * weight for channel, weight in enumerate(weights))).clamp_min(0)


def _kataria_masks(view: View) -> list[Mask]:
    """Return DAB above 0.07, closed by 3 × 3 twice, then the majority of 5 × 5."""
    masks = []
    for picture in view.images:
        raw = (skimage_dab(picture) > 0.07).cpu().numpy()
        closed = ndimage.binary_erosion(
            ndimage.binary_dilation(raw, _SQUARE, iterations=2), _SQUARE, iterations=2, border_value=1
        )
        masks.append(ndimage.uniform_filter(closed.astype(np.float64), 5, mode="nearest") > 0.5)
    return masks


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def _rim_distances(first: Mask, second: Mask) -> NDArray[np.float64]:
    """Return the distance in px from each pixel on the first mask's rim to the nearest on the second's."""
    rims = [mask & ~ndimage.binary_erosion(mask, ndimage.generate_binary_structure(2, 1)) for mask in (first, second)]
    return np.asarray(ndimage.distance_transform_edt(~rims[1])[rims[0]])


def _dice(generated: Mask, real: Mask) -> float:
    return _share(2 * int((generated & real).sum()), int(generated.sum()) + int(real.sum())) if real.any() else 0.0


def _iou(generated: Mask, real: Mask) -> float:
    return _share(int((generated & real).sum()), int((generated | real).sum())) if real.any() else 0.0


def _hd95(generated: Mask, real: Mask) -> float:
    if not generated.any() or not real.any():
        return 0.0
    both = [_rim_distances(generated, real), _rim_distances(real, generated)]
    return float(np.percentile(np.concatenate(both), 95))


def _asd(generated: Mask, real: Mask) -> float:
    return float(_rim_distances(generated, real).mean()) if generated.any() and real.any() else 0.0


def _tpr(generated: Mask, real: Mask) -> float:
    return _share(int((generated & real).sum()), int(real.sum()))


def _tnr(generated: Mask, real: Mask) -> float:
    return _share(int((~generated & ~real).sum()), int((~real).sum()))


def _kataria(summary: str, compare: Callable[[Mask, Mask], float], *, distance: bool = False) -> Metric:
    def observe(batch: Batch) -> Rows:
        sides = [batch.view(side).derive("kataria mask", _kataria_masks) for side in GENERATED_REAL]
        values = [compare(*pair) for pair in zip(*sides, strict=True)]
        return torch.tensor(values, dtype=torch.float64, device=batch.side("real").device).unsqueeze(1)

    return Metric(
        family="place",
        summary=summary,
        observe=observe,
        kind=PerTile(),
        better="lower" if distance else "higher",
        value_range=(0.0, math.inf if distance else 1.0),
        perfect=0.0 if distance else None,
        unit="px" if distance else "",
        params={"background": 255, "vectors": "hed", "threshold": 0.07, "close": "3x3x2", "median": 5},
        citation=_KATARIA,
    )


@METRICS.register("mask_dice_kataria")
def mask_dice_kataria() -> Metric:
    """Kataria et al.'s Dice of DAB masks: DAB above 0.07 in scikit-image's units (0.42 OD); range [0, 1].

    Higher is better. A tile whose real mask is empty counts 0 whatever was generated, so identical sides give the share
    of tiles with a mask: no perfect value.
    """
    return _kataria("Dice of DAB masks (Kataria)", _dice)


@METRICS.register("mask_iou_kataria")
def mask_iou_kataria() -> Metric:
    """Kataria et al.'s Jaccard index of the masks of ``mask_dice_kataria``; a tile without real mask counts 0."""
    return _kataria("intersection over union of DAB masks (Kataria)", _iou)


@METRICS.register("mask_hd95_kataria")
def mask_hd95_kataria() -> Metric:
    """Kataria et al.'s 95 % Hausdorff distance of the masks' rims in px; lower is better.

    A tile of which one mask is empty counts 0, the best there is: a model that stains nothing scores perfectly.
    """
    return _kataria("95 % Hausdorff distance of DAB masks (Kataria)", _hd95, distance=True)


@METRICS.register("mask_asd_kataria")
def mask_asd_kataria() -> Metric:
    """Kataria et al.'s mean distance in px from the generated mask's rim to the real one's; an empty mask counts 0."""
    return _kataria("mean distance of the rims of DAB masks (Kataria)", _asd, distance=True)


@METRICS.register("mask_tpr_kataria")
def mask_tpr_kataria() -> Metric:
    """Kataria et al.'s true positive rate: share of the real mask that is generated; without a real mask 0."""
    return _kataria("share of the real DAB mask that was generated (Kataria)", _tpr)


@METRICS.register("mask_tnr_kataria")
def mask_tnr_kataria() -> Metric:
    """Kataria et al.'s true negative rate: share of the real background that stays so; without any 0."""
    return _kataria("share of the background of the real DAB mask that stays so (Kataria)", _tnr)


def _saturated_fraction(view: View) -> Rows:
    """Return the share of pixels whose DAB alone, rebuilt as RGB, has an HSV saturation above 0.15, (b, 1)."""
    shares = []
    for picture in view.images:
        amount = skimage_dab(picture) * math.log(1e-6)
        light = torch.stack([torch.exp(amount * weight) for weight in _RGB_FROM_HED[2]]).clamp(0, 1)
        low, high = light.amin(dim=0), light.amax(dim=0)
        shares.append((high - low) / high.clamp_min(1e-300) > 0.15)
    return tile_means(torch.stack(shares))


@METRICS.register("positive_fraction_tdkstain")
def positive_fraction_tdkstain() -> Metric:
    """Absolute error of TDKstain's positive fraction: DAB rebuilt as RGB with an HSV saturation above 0.15; [0, 1].

    Lower is better. A saturation of 0.15 is a DAB of 0.14 OD in unit vectors. The mask is theirs; the
    difference of shares per tile is ours.
    """

    def observe(batch: Batch) -> Rows:
        sides = [batch.view(side).derive("tdkstain positive", _saturated_fraction) for side in GENERATED_REAL]
        return (sides[0] - sides[1]).abs()

    return Metric(
        family="amount",
        summary="absolute error of the share of pixels with saturated DAB (TDKstain)",
        observe=observe,
        kind=PerTile(),
        better="lower",
        perfect=0.0,
        params={"background": 255, "vectors": "hed", "saturation": 0.15},
        citation="balball/TDKstain preprocess/get_dab_mask.py",
    )
