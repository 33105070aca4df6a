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

Tiles pass through the network one at a time, whatever the batch, so that a tile's value does not depend on it.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, Literal

import torch

from vstain_bench.features.perceptual import (
    HEAD_WEIGHTS,
    MINIMUM_SIDE,
    TRUNK_WEIGHTS,
    Activations,
    PerceptualNetwork,
    Trunk,
    perceptual_network,
)
from vstain_bench.features.weights import WEIGHTS
from vstain_bench.metrics.definition import METRICS, mean_metric
from vstain_bench.types import Batch, Images, Metric, Rows, View

KEPT_BYTES: Final = 1 << 30
"""Most memory for the real tiles' features that are kept for the next model; further tiles are computed again.

A tile of 1024 px takes 43 MB with AlexNet and 0.5 GB with VGG-16.
"""


@dataclass(frozen=True)
class Definition:
    """Network, range of input and rule for a feature vector's length."""

    trunk: Trunk
    input_range: Literal["-1..1", "0..1"] = "-1..1"
    length: Literal["norm+1e-10", "sqrt(sum+1e-8)"] = "norm+1e-10"

    def directions(self, network: PerceptualNetwork, image: Images) -> Iterator[Activations]:
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

    def keep(network: PerceptualNetwork, view: View) -> list[tuple[Activations, ...]]:
        kept, used = [], 0
        for image in view.images:
            kept.append(tuple(definition.directions(network, image)))
            used += sum(each.nbytes for each in kept[-1])
            if used + used // len(kept) > KEPT_BYTES:
                break
        return kept

    @torch.inference_mode()
    def observe(batch: Batch) -> Rows:
        network = perceptual_network(definition.trunk, batch.side("real").device)
        kept = batch.view("real").derive(("lpips", definition), lambda view: keep(network, view))
        distances = []
        for tile, (generated, real) in enumerate(zip(batch.side("generated"), batch.side("real"), strict=True)):
            ours = definition.directions(network, generated)
            theirs = iter(kept[tile]) if tile < len(kept) else definition.directions(network, real)
            distances.append(distance(network, ours, theirs))
        return torch.stack(distances).unsqueeze(1)

    return observe


def _metric(name: str, summary: str, definition: Definition, citation: str) -> Metric:
    needs = (TRUNK_WEIGHTS[definition.trunk], HEAD_WEIGHTS[definition.trunk])
    return mean_metric(
        name=name,
        summary=summary,
        observe=observe_with(definition),
        better="lower",
        citation=citation,
        value_range=(0.0, math.inf),
        perfect=0.0,
        params={
            "net": definition.trunk,
            "heads": "0.1",
            "range": definition.input_range,
            "length": definition.length,
            "weights": "+".join(WEIGHTS[each].short_hash for each in needs),
        },
        needs=needs,
        minimum_side=MINIMUM_SIDE[definition.trunk],
    )


@METRICS.register("lpips")
def lpips() -> Metric:
    """LPIPS with AlexNet at native size."""
    return _metric(
        "lpips",
        "distance of AlexNet features (LPIPS 0.1) between generated and real IHC, native size",
        Definition("alex"),
        "Zhang et al., CVPR 2018; richzhang/PerceptualSimilarity 082bb24",
    )


@METRICS.register("lpips_vgg")
def lpips_vgg() -> Metric:
    """LPIPS with VGG-16 at native size."""
    return _metric(
        "lpips_vgg",
        "distance of VGG-16 features (LPIPS 0.1) between generated and real IHC, native size",
        Definition("vgg"),
        "Zhang et al., CVPR 2018; richzhang/PerceptualSimilarity 082bb24",
    )


@METRICS.register("lpips_vgg_unscaled")
def lpips_vgg_unscaled() -> Metric:
    """LPIPS with VGG-16 on images of the wrong range, as CSSP2P GAN's code has it."""
    return _metric(
        "lpips_vgg_unscaled",
        "lpips_vgg on [0, 1] images taken for [-1, 1]: what CSSP2P GAN's published code computes",
        Definition("vgg", input_range="0..1", length="sqrt(sum+1e-8)"),
        "Jose-Miguel-Teixeira/CSSP2P-GAN 9032585, evaluate/benchmark.py; torchmetrics 1.9 functional/image/lpips.py",
    )
