"""Random convolutions: a distribution distance that needs no weight file, and is no FID.

Features of networks that were never trained separate distributions of images which lie far from ImageNet about as
well as trained ones do, and cannot favour models trained with the same network (Naeem et al., "Reliable Fidelity
and Diversity Metrics for Generative Models", ICML 2020, section 3.4: a randomly initialised VGG16). Here four
strided convolutions with ReLU run over the tile at its own scale, so that blur counts, and the mean and the
standard deviation over the tile of every channel are kept: 512 numbers.

In the first layer (7 x 7 px) half the filters have zero mean in each colour channel and see texture alone, with a
gain of 2; the others see stain and come in pairs of opposite sign, so that no draw of the seed leaves either
direction of colour unseen by the ReLU behind them.

The filters are drawn from PCG64's raw bits, a stream that numpy guarantees, and not from a library's normal
distribution, which may change: the same seed gives these filters forever.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar, Final

import numpy as np
import torch
from torch.nn.functional import conv2d

from vstain_bench.errors import UsageError
from vstain_bench.networks.encoders.definition import ENCODERS
from vstain_bench.networks.feeding import feed
from vstain_bench.types import Encoder, Images, Rows, View

VERSION: Final = 1
SEED: Final = 2020
TEXTURE_GAIN: Final = 2.0
STAGES: Final = ((3, 32, 7, 4), (32, 64, 3, 2), (64, 64, 3, 2), (64, 96, 3, 2))
"""Channels in, channels out, kernel and stride of each convolution."""


def _uniform(bits: np.random.PCG64, shape: tuple[int, ...]) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Return uniform numbers in [-1, 1) from the top 53 bits of each draw."""
    raw = np.asarray(bits.random_raw(int(np.prod(shape)))) >> np.uint64(11)
    return raw.astype(np.float64).reshape(shape) * 2.0**-52 - 1


@lru_cache(maxsize=4)
def _filters(seed: int, device: torch.device) -> tuple[torch.Tensor, ...]:
    bits = np.random.PCG64(seed)
    filters = []
    for channels_in, channels_out, kernel, _ in STAGES:
        bound = np.sqrt(6 / (channels_in * kernel**2))  # keeps the second moment through a ReLU (He et al. 2015)
        filters.append(bound * _uniform(bits, (channels_out, channels_in, kernel, kernel)))
    first, half = filters[0], STAGES[0][1] // 2
    first[:half] -= first[:half].mean(axis=(2, 3), keepdims=True)
    first[:half] *= TEXTURE_GAIN
    first[half + half // 2 :] = -first[half : half + half // 2]
    return tuple(torch.from_numpy(each.astype(np.float32)).to(device) for each in filters)


@dataclass(frozen=True)
class RandomConvolutionEncoder(Encoder):
    """Mean and standard deviation of the responses to fixed random convolutions, 512 per tile."""

    seed: int = SEED
    minimum_side: ClassVar[int] = 64
    """Below this side the last layer has fewer than 2 x 2 places."""

    @property
    def signature(self) -> str:
        """Seed and version; the definition of both is this file."""
        return f"random-convolution-seed{self.seed}-v{VERSION}"

    def encode(self, view: View) -> Rows:
        """Return the features of each tile, shape (b, 512), float32."""
        filters = _filters(self.seed, view.images.device)

        def features(images: Images) -> Rows:
            responses, moments = 2 * images - 1, []
            for weights, (_, _, kernel, stride) in zip(filters, STAGES, strict=True):
                responses = conv2d(responses, weights, stride=stride, padding=kernel // 2).relu_()
                mean = responses.mean((2, 3))
                variance = responses.square().mean((2, 3)) - mean.square()
                moments += [mean, variance.clamp_min(0).sqrt()]
            return torch.cat(moments, dim=1)

        return feed(view.images, features, name=self.signature)


@ENCODERS.register("random")
def random_convolution(argument: str) -> Encoder:
    """Return the random convolutions; the argument is a seed, 2020 if empty."""
    if argument and not argument.isdecimal():
        raise UsageError(
            where=f"encoder 'random:{argument}'",
            found=f"'{argument}' is no seed",
            expected="a whole number, as in random:7, or nothing",
        )
    return RandomConvolutionEncoder(int(argument) if argument else SEED)
