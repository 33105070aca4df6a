"""DISTS: structure and texture of deep features, a distance that forgives resampled texture (Ding et al. 2020).

The image and five layers of VGG-16 with ``L2Pooling`` are compared channel by channel. With mean m, population
variance v and covariance c over the places of a channel, in generated (1) and real (2)::

    texture    l = (2 m₁m₂ + C) / (m₁² + m₂² + C)          structure  s = (2 c + C) / (v₁ + v₂ + C)
    DISTS = Σ_channels  α (1 - l) + β (1 - s)               C = 1e-6, Σ α + Σ β = 1

The means know nothing of places, so texture may be displaced; the covariances do, but after pooling. Input: RGB in
[0, 1]. Lower is better, 0 for identical tiles. Definition: dingkeyan93/DISTS 1267d8c, DISTS_pytorch/DISTS_pt.py;
moments here are taken in float64, of centred activations.

Its authors fitted α and β on images whose shorter side is 256 px, and their ``prepare_image`` brings larger ones to
it. So does ``input_size="256"``, with the same bilinear, antialiased weights, but without rounding to 8 bits in
between; smaller tiles stay as they are. ``input_size="native"`` takes the tile as it is: another number, which must
not be compared with published values.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import interpolate

from vstain_bench.errors import UsageError
from vstain_bench.metrics.activations import Image, distances
from vstain_bench.metrics.definition import METRICS
from vstain_bench.networks.structure_texture import StructureTextureNetwork, structure_texture_network
from vstain_bench.networks.weights import DISTS, VGG16, WEIGHTS
from vstain_bench.types import Batch, Metric, PerTile, Rows

InputSize = Literal["256", "native"]
REFERENCE_SIDE: Final = 256
STABILITY: Final = 1e-6


@dataclass(frozen=True)
class Channels:
    """One layer of one image: its activations less their mean, and the moments of each channel in float64."""

    centred: Float[Tensor, "h w c"]
    mean: Float[Tensor, " c"]
    variance: Float[Tensor, " c"]

    @property
    def nbytes(self) -> int:
        """Bytes of the activations; the moments are small beside them."""
        return self.centred.nbytes


def to_reference_size(image: Image) -> Float[Tensor, "3 other_h other_w"]:
    """Return the image with a shorter side of at most 256 px, the longer one in proportion, rounded down."""
    shorter = min(image.shape[1:])
    if shorter <= REFERENCE_SIDE:
        return image
    height, width = (REFERENCE_SIDE * side // shorter for side in image.shape[1:])
    return interpolate(image[None], (height, width), mode="bilinear", align_corners=False, antialias=True)[0]


def describe(network: StructureTextureNetwork, image: Image) -> Iterator[Channels]:
    """Yield the image's own channels and those of five layers."""
    for activations in network.activations(image):
        mean = activations.mean(dim=(0, 1), dtype=torch.float64)
        centred = activations - mean.float()
        yield Channels(centred, mean, centred.square().mean(dim=(0, 1), dtype=torch.float64))


def distance(
    network: StructureTextureNetwork, generated: Iterator[Channels], real: Iterator[Channels]
) -> Float[Tensor, ""]:
    """Return the weighted sum of what texture and structure lack, over all channels; a float64 scalar."""
    total = torch.zeros((), dtype=torch.float64, device=network.mean.device)
    for alpha, beta, ours, theirs in zip(network.texture, network.structure, generated, real, strict=True):
        covariance = (ours.centred * theirs.centred).mean(dim=(0, 1), dtype=torch.float64)
        texture = (2 * ours.mean * theirs.mean + STABILITY) / (ours.mean**2 + theirs.mean**2 + STABILITY)
        structure = (2 * covariance + STABILITY) / (ours.variance + theirs.variance + STABILITY)
        total += (alpha * (1 - texture)).sum() + (beta * (1 - structure)).sum()
    return total


def _observe(batch: Batch, input_size: str) -> Rows:
    network = structure_texture_network(batch.side("real").device)
    prepare = to_reference_size if input_size == "256" else lambda image: image
    with torch.inference_mode():
        return distances(
            batch,
            ("dists", input_size),
            lambda image: describe(network, prepare(image)),
            lambda generated, real: distance(network, generated, real),
        )


@METRICS.register("dists")
def dists(*, input_size: str = "256") -> Metric:
    """DISTS with VGG-16, tiles brought to a shorter side of 256 px as its authors do, or ``input_size="native"``."""
    if input_size not in get_args(InputSize):
        raise UsageError(
            where="metric 'dists', parameter 'input_size'",
            found=repr(input_size),
            expected=f"one of {', '.join(map(repr, get_args(InputSize)))}",
        )
    needs = (VGG16, DISTS)
    return Metric(
        family="perception",
        summary="distance of structure and texture of VGG-16 features (DISTS) between generated and real IHC",
        observe=lambda batch: _observe(batch, input_size),
        kind=PerTile(),
        better="lower",
        value_range=(0.0, 2.0),
        perfect=0.0,
        params={
            "input_size": ...,
            "resize": "bilinear-antialias" if input_size == "256" else "none",
            "net": "vgg-l2pool",
            "c": STABILITY,
            "weights": "+".join(WEIGHTS[each].short_hash for each in needs),
        },
        needs=needs,
        minimum_side=16,
        citation="Ding, Ma, Wang, Simoncelli 2020, IEEE TPAMI 44(5):2567-2581; dingkeyan93/DISTS 1267d8c",
    )
