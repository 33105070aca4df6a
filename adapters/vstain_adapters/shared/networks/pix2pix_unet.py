"""pix2pix's own generator (Isola et al. 2017): a U-Net of strided convolutions, ``unet_256`` in the authors' code.

Keys nest as its blocks do: ``model.model.1.model.1. ... .weight``. Source: junyanz/pytorch-CycleGAN-and-pix2pix
``models/networks.py``; its log of this network reads 54.414 M parameters.
"""

import torch
from torch import Tensor, nn


class SkipBlock(nn.Module):
    """One level: down, the level below, up; its input is laid beside its output unless it is the outermost.

    The input goes on as the leaky rectifier left it, since the published one works in place.
    """

    def __init__(self, outer: int, inner: int, below: "SkipBlock | None", *, dropout: bool = False) -> None:
        super().__init__()
        down = [nn.LeakyReLU(0.2, inplace=True), nn.Conv2d(outer, inner, 4, stride=2, padding=1, bias=False)]
        if below is not None:
            down += [nn.BatchNorm2d(inner), below]
        wide = inner if below is None else 2 * inner
        up = [nn.ReLU(), nn.ConvTranspose2d(wide, outer, 4, stride=2, padding=1, bias=False), nn.BatchNorm2d(outer)]
        self.model = nn.Sequential(*down, *up, *([nn.Dropout(0.5)] if dropout else []))

    def forward(self, features: Tensor) -> Tensor:
        """Return (b, 2c, h, w): the rectified input, then the output."""
        rectified = self.model[0](features)
        return torch.cat([rectified, self.model[1:](rectified)], dim=1)


class Outermost(nn.Module):
    """The outermost level: no norm, no skip, three channels in and out."""

    def __init__(self, inner: int, below: SkipBlock) -> None:
        super().__init__()
        down = nn.Conv2d(3, inner, 4, stride=2, padding=1, bias=False)
        self.model = nn.Sequential(down, below, nn.ReLU(), nn.ConvTranspose2d(2 * inner, 3, 4, stride=2, padding=1))

    def forward(self, images: Tensor) -> Tensor:
        """Return what the tanh of the generator takes."""
        logits: Tensor = self.model(images)
        return logits


class Pix2PixUnet(nn.Module):
    """Images in [-1, 1] to images in [-1, 1], (b, 3, h, w); height and width are multiples of 2 ** levels."""

    def __init__(self, *, width: int = 64, levels: int = 8) -> None:
        super().__init__()
        block = SkipBlock(8 * width, 8 * width, None)
        for _ in range(levels - 5):
            block = SkipBlock(8 * width, 8 * width, block, dropout=True)
        for outer in (4 * width, 2 * width, width):
            block = SkipBlock(outer, 2 * outer, block)
        self.model = Outermost(width, block)

    def forward(self, images: Tensor) -> Tensor:
        """Return the generated images."""
        logits: Tensor = self.model(images)
        return logits.float().tanh()
