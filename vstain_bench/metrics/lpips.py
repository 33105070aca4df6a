"""LPIPS: distance of deep features between a virtual stain and the real one, tile by tile (Zhang et al., CVPR 2018).

For each of five layers the activations a (generated) and b (real) are scaled to unit length over the channels at
every place; the squared differences are weighted per channel, summed over channels, averaged over places, and the
five layers are added::

    LPIPS = sum_l  mean_hw  sum_c  w_lc (a_lchw / |a_lhw| - b_lchw / |b_lhw|)^2

Input: RGB at native size, mapped from [0, 1] to [-1, 1]. Lower is better, 0 for identical tiles. Definition: version
0.1 of the ``lpips`` package (richzhang/PerceptualSimilarity, 082bb24), |a| + 1e-10 for the length; means here are
taken in float64. Equal to the package within 1e-6 relative.

``lpips_vgg_unscaled`` is what CSSP2P GAN's benchmark computes (Jose-Miguel-Teixeira/CSSP2P-GAN 9032585,
evaluate/benchmark.py): torchmetrics 1.9 with VGG on images in [0, 1] that it takes for [-1, 1], and with
sqrt(|a|^2 + 1e-8) for the length. Contrast is halved, and the number is much lower; it stands beside published
values of that code only.

``st_lpips`` and ``st_lpips_vgg`` are ST-LPIPS (Ghildyal and Liu, ECCV 2022): the same formula over networks that are
built, and trained together with their channel weights, so that a displacement of a few pixels changes little
(``features/shift_tolerant.py``). Definition: abhijay9/ShiftTolerant-LPIPS cd87524, variant ``shift_tolerant``. Its
authors judged tiles of 64 px displaced by 1 to 3 px; at the size of a stain's tiles it forgives no more pixels.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import torch

from vstain_bench.metrics.activations import Image, distances
from vstain_bench.metrics.definition import METRICS
from vstain_bench.networks.perceptual import (
    HEAD_WEIGHTS,
    MINIMUM_SIDE,
    TRUNK_WEIGHTS,
    Activations,
    PerceptualNetwork,
    Trunk,
    perceptual_network,
)
from vstain_bench.networks.shift_tolerant import (
    SHIFT_TOLERANT_MINIMUM_SIDE,
    SHIFT_TOLERANT_WEIGHTS,
    shift_tolerant_network,
)
from vstain_bench.networks.weights import WEIGHTS
from vstain_bench.types import Batch, Metric, PerTile, Rows


@dataclass(frozen=True)
class Definition:
    """Network, range of input and rule for a feature vector's length."""

    trunk: Trunk
    input_range: Literal["-1..1", "0..1"] = "-1..1"
    length: Literal["norm+1e-10", "sqrt(sum+1e-8)"] = "norm+1e-10"
    shift_tolerant: bool = False

    def network(self, device: torch.device) -> PerceptualNetwork:
        """Return the network on a device, loaded once per process."""
        return (shift_tolerant_network if self.shift_tolerant else perceptual_network)(self.trunk, device)

    @property
    def needs(self) -> tuple[str, ...]:
        """The weight files of trunk and channel weights."""
        if self.shift_tolerant:
            return (SHIFT_TOLERANT_WEIGHTS[self.trunk],)
        return TRUNK_WEIGHTS[self.trunk], HEAD_WEIGHTS[self.trunk]

    def directions(self, network: PerceptualNetwork, image: Image) -> Iterator[Activations]:
        """Yield the activations of one image, shape (3, h, w), in [0, 1], scaled to unit length at every place."""
        for activations in network.activations(2 * image - 1 if self.input_range == "-1..1" else image):
            squares = activations.square().sum(dim=2, keepdim=True)
            yield activations / (squares.sqrt() + 1e-10 if self.length == "norm+1e-10" else (squares + 1e-8).sqrt())


def distance(network: PerceptualNetwork, generated: Iterator[Activations], real: Iterator[Activations]) -> torch.Tensor:
    """Return the weighted squared difference, averaged over places and summed over layers; a float64 scalar."""
    total = torch.zeros((), dtype=torch.float64, device=network.shift.device)
    for head, ours, theirs in zip(network.heads, generated, real, strict=True):
        total += ((ours - theirs).square() @ head).mean(dtype=torch.float64)
    return total


def observe_with(definition: Definition) -> Callable[[Batch], Rows]:
    """Return the function from a batch to one distance per tile, shape (b, 1), float64."""

    @torch.inference_mode()
    def observe(batch: Batch) -> Rows:
        network = definition.network(batch.side("real").device)
        return distances(
            batch,
            definition,
            lambda image: definition.directions(network, image),
            lambda generated, real: distance(network, generated, real),
        )

    return observe


def _metric(summary: str, definition: Definition, citation: str) -> Metric:
    smallest = SHIFT_TOLERANT_MINIMUM_SIDE if definition.shift_tolerant else MINIMUM_SIDE
    return Metric(
        family="perception",
        summary=summary,
        observe=observe_with(definition),
        kind=PerTile(),
        better="lower",
        value_range=(0.0, math.inf),
        perfect=0.0,
        params={
            "net": f"{definition.trunk}-shift-tolerant" if definition.shift_tolerant else definition.trunk,
            "heads": "ST0.0" if definition.shift_tolerant else "0.1",
            "range": definition.input_range,
            "length": definition.length,
            "weights": "+".join(WEIGHTS[each].short_hash for each in definition.needs),
        },
        needs=definition.needs,
        minimum_side=smallest[definition.trunk],
        citation=citation,
    )


@METRICS.register("lpips")
def lpips() -> Metric:
    """LPIPS with AlexNet at native size."""
    return _metric(
        "distance of AlexNet features (LPIPS 0.1) between generated and real IHC, native size",
        Definition("alex"),
        "Zhang et al., CVPR 2018; richzhang/PerceptualSimilarity 082bb24",
    )


@METRICS.register("lpips_vgg")
def lpips_vgg() -> Metric:
    """LPIPS with VGG-16 at native size."""
    return _metric(
        "distance of VGG-16 features (LPIPS 0.1) between generated and real IHC, native size",
        Definition("vgg"),
        "Zhang et al., CVPR 2018; richzhang/PerceptualSimilarity 082bb24",
    )


@METRICS.register("lpips_vgg_unscaled")
def lpips_vgg_unscaled() -> Metric:
    """LPIPS with VGG-16 on images of the wrong range, as CSSP2P GAN's code has it."""
    return _metric(
        "lpips_vgg on [0, 1] images taken for [-1, 1]: what CSSP2P GAN's published code computes",
        Definition("vgg", input_range="0..1", length="sqrt(sum+1e-8)"),
        "Jose-Miguel-Teixeira/CSSP2P-GAN 9032585, evaluate/benchmark.py; torchmetrics 1.9 functional/image/lpips.py",
    )


@METRICS.register("st_lpips")
def st_lpips() -> Metric:
    """ST-LPIPS with AlexNet at native size: LPIPS retrained to forgive displacements of a few pixels."""
    return _metric(
        "distance of shift-tolerant AlexNet features (ST-LPIPS) between generated and real IHC, native size",
        Definition("alex", shift_tolerant=True),
        "Ghildyal and Liu, ECCV 2022; abhijay9/ShiftTolerant-LPIPS cd87524",
    )


@METRICS.register("st_lpips_vgg")
def st_lpips_vgg() -> Metric:
    """ST-LPIPS with VGG-16 at native size."""
    return _metric(
        "distance of shift-tolerant VGG-16 features (ST-LPIPS) between generated and real IHC, native size",
        Definition("vgg", shift_tolerant=True),
        "Ghildyal and Liu, ECCV 2022; abhijay9/ShiftTolerant-LPIPS cd87524",
    )
