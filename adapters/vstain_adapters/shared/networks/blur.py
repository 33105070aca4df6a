"""Anti-aliased resampling by two: a fixed binomial blur, then every second pixel, or the other way round.

Source: Zhang 2019, "Making convolutional networks shift-invariant again"; the variant of
taesungp/contrastive-unpaired-translation b3ac297 and of ASP b113ed2, ``models/networks.py``, where ``filt`` is a key.
CSSP2P-GAN 9032585 ``src/models/networks.py:94-141`` takes a row and a column of the filter that sums to one, one after
the other: each sums to a quarter, so that what is left of an image of ones is 1/16; and it keeps no filter.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional


def binomial(row: tuple[float, ...], channels: int, total: float = 1.0) -> Tensor:
    """Return the outer product of a row with itself, one copy per channel, shape (channels, 1, k, k), of that sum."""
    line = torch.tensor(row)
    kernel = torch.outer(line, line)
    return (kernel * (total / kernel.sum())).repeat(channels, 1, 1, 1)


class BlurDown(nn.Module):
    """Halve height and width, rounded up: gain · [1, 2, 1]² / 16 with reflected edges, stride 2.

    ``stored`` says whether the filter is a key of the state dict.
    """

    filt: Tensor

    def __init__(self, channels: int, *, gain: float = 1.0, stored: bool = True) -> None:
        super().__init__()
        self.register_buffer("filt", binomial((1, 2, 1), channels, total=gain), persistent=stored)

    def forward(self, images: Tensor) -> Tensor:
        """Return (b, c, ⌈h/2⌉, ⌈w/2⌉)."""
        padded = functional.pad(images, (1, 1, 1, 1), mode="reflect")
        return functional.conv2d(padded, self.filt.to(images.dtype), stride=2, groups=images.shape[1])


class BlurUp(nn.Module):
    """Double height and width: a transposed convolution with [1, 3, 3, 1]² / 16 and replicated edges."""

    filt: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("filt", binomial((1, 3, 3, 1), channels, total=4.0))

    def forward(self, images: Tensor) -> Tensor:
        """Return (b, c, 2h, 2w)."""
        padded = functional.pad(images, (1, 1, 1, 1), mode="replicate")
        return functional.conv_transpose2d(
            padded, self.filt.to(images.dtype), stride=2, padding=3, groups=images.shape[1]
        )
