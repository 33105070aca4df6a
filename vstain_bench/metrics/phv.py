"""PHV, "perceptual hash value": how many channels of an ImageNet network answer otherwise, in two published meanings.

A tile passes through a ResNet; each channel's answer is averaged over places, and a channel differs when generated and
real are more than T apart::

    PHV = |{ c : | mean_hw a_c - mean_hw b_c | > T }| / channels

Averages over a whole tile forgive any displacement and see no place. The two published codes differ in network,
thresholds, direction and range of input, so each has names of its own; neither resizes here (PC-StainGAN's stretched
its crops to 1505 × 1500 px).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import torch
from torch import Tensor

from vstain_bench.metrics.definition import METRICS
from vstain_bench.metrics.windows import GENERATED_REAL
from vstain_bench.networks.residual import MINIMUM_SIDE, RESIDUAL_WEIGHTS, Depth, channel_means, residual_network
from vstain_bench.networks.weights import WEIGHTS
from vstain_bench.types import Batch, Images, Metric, PerTile, RowArray, Rows, Values, View

_MEAN: Final = (0.485, 0.456, 0.406)
_DEVIATION: Final = (0.229, 0.224, 0.225)
_ASP: Final = "lifangda01/AdaptiveSupervisedPatchNCE 7618342 evaluate.py, 832aa5a util/perceptual.py"
_PCSTAIN: Final = (
    "Liu et al. 2021 (PC-StainGAN), IEEE TMI; Pathology-Consistent-Stain-Transfer 61dd68a "
    "evaluation_metrics/Resnet_P_hash_value.py"
)


def _as_asp(image: Tensor) -> Tensor:
    """Return ASP's input: [0, 1] taken for [-1, 1], hence at half its contrast, then ImageNet's mean and deviation."""
    mean, deviation = (image.new_tensor(each).view(3, 1, 1) for each in (_MEAN, _DEVIATION))
    return ((image + 1) / 2 - mean) / deviation


def _as_pcstain(image: Tensor) -> Tensor:
    """Return PC-StainGAN's input: [-1, 1] without ImageNet's statistics."""
    return (image - 0.5) / 0.5


@dataclass(frozen=True)
class Definition:
    """Network, its input, and the threshold of each group of layers; ``alike``: percent of channels that agree."""

    depth: Depth
    prepare: Callable[[Images], Images]
    thresholds: tuple[float, ...]
    alike: bool
    input_range: str


ASP = Definition("resnet50", _as_asp, (0.01, 0.01, 0.01, 0.01), alike=False, input_range="0..1 taken for -1..1")
PCSTAIN = Definition("resnet18", _as_pcstain, (0.02, 0.01, 0.005), alike=True, input_range="-1..1")


def _differing(batch: Batch, definition: Definition) -> Rows:
    """Return the share of channels that differ in each group of layers, float64, (b, layers)."""
    network = residual_network(definition.depth, batch.side("real").device)

    def means(view: View) -> list[tuple[Tensor, ...]]:
        return [channel_means(network, definition.prepare(image)) for image in view.images]

    sides = [batch.view(side).derive(("phv", definition), means) for side in GENERATED_REAL]
    rows = [
        [
            float(((one - other).abs() > threshold).double().mean())
            for threshold, one, other in zip(definition.thresholds, *tile, strict=False)
        ]
        for tile in zip(*sides, strict=True)
    ]
    return torch.tensor(rows, dtype=torch.float64, device=batch.side("real").device)


def _metric(summary: str, definition: Definition, layer: int | None, citation: str) -> Metric:
    """Return the metric of one group of layers, or of the mean over all."""
    weights = RESIDUAL_WEIGHTS[definition.depth]

    def values(rows: RowArray) -> Values:
        share = rows.mean(axis=1) if layer is None else rows[:, layer - 1]
        return np.asarray(100.0 * (1.0 - share) if definition.alike else share)

    shared: dict[str, object] = {
        "net": definition.depth,
        "range": definition.input_range,
        "weights": WEIGHTS[weights].short_hash,
    }
    thresholds = definition.thresholds[0 if layer is None else layer - 1]
    return Metric(
        family="perception",
        summary=summary,
        observe=lambda batch: _differing(batch, definition),
        kind=PerTile(values),
        better="higher" if definition.alike else "lower",
        value_range=(0.0, 100.0 if definition.alike else 1.0),
        perfect=100.0 if definition.alike else 0.0,
        unit="%" if definition.alike else "",
        params={**shared, "layer": "1-4" if layer is None else layer, "threshold": thresholds},
        needs=(weights,),
        minimum_side=MINIMUM_SIDE,
        observation=f"phv|net:{definition.depth}|range:{definition.input_range}",
        citation=citation,
    )


def _asp(layer: int | None) -> Metric:
    which = "mean over four groups of layers" if layer is None else f"group {layer} of layers"
    return _metric(f"share of ResNet-50 channels that differ, {which} (ASP's PHV)", ASP, layer, _ASP)


@METRICS.register("phv_asp")
def phv_asp() -> Metric:
    """ASP's PHV, mean over the four groups of layers of ResNet-50: T = 0.01, range [0, 1], lower is better.

    ASP's code takes images in [0, 1] for [-1, 1], which halves their contrast before the network; a correct range gives
    other numbers, none of which are published.
    """
    return _asp(None)


@METRICS.register("phv_asp_layer1")
def phv_asp_layer1() -> Metric:
    """ASP's PHV after the first group of layers."""
    return _asp(1)


@METRICS.register("phv_asp_layer2")
def phv_asp_layer2() -> Metric:
    """ASP's PHV after the second group of layers."""
    return _asp(2)


@METRICS.register("phv_asp_layer3")
def phv_asp_layer3() -> Metric:
    """ASP's PHV after the third group of layers."""
    return _asp(3)


@METRICS.register("phv_asp_layer4")
def phv_asp_layer4() -> Metric:
    """ASP's PHV after the fourth group of layers."""
    return _asp(4)


def _pcstain(layer: int) -> Metric:
    summary = f"percent of ResNet-18 channels that agree, group {layer} of layers (PC-StainGAN's PHV)"
    return _metric(summary, PCSTAIN, layer, _PCSTAIN)


@METRICS.register("phv_pcstain_layer1")
def phv_pcstain_layer1() -> Metric:
    """PC-StainGAN's PHV: percent of channels within T = 0.02 after the first group of layers; higher is better."""
    return _pcstain(1)


@METRICS.register("phv_pcstain_layer2")
def phv_pcstain_layer2() -> Metric:
    """PC-StainGAN's PHV with T = 0.01 after the second group of layers."""
    return _pcstain(2)


@METRICS.register("phv_pcstain_layer3")
def phv_pcstain_layer3(*, threshold: float = 0.005) -> Metric:
    """PC-StainGAN's PHV after the third group of layers; its code notes T = 0.005 and T = 0.0025."""
    metric = _pcstain(3)
    if threshold == PCSTAIN.thresholds[2]:
        return metric
    changed = replace(PCSTAIN, thresholds=(*PCSTAIN.thresholds[:2], threshold))
    return replace(_metric(metric.summary, changed, 3, _PCSTAIN), observation="")
