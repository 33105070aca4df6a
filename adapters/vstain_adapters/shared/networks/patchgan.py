"""PatchGAN discriminators (Isola et al. 2017): one logit for every patch of the input.

Convolutions of 4×4 widen from ``width`` by doubling, at most eightfold; the last two keep the resolution. Two forms:
strided, as in pix2pix, and anti-aliased, as in CUT and ASP, where the authors of CSSP2P took theirs from.

| model | form | in | width | layers | norm | spectral | parameters | 512 px give |
| --- | --- | --- | --- | --- | --- | --- | --- | --- |
| CSSP2P, paper | strided | 6 | 64 | 4 | batch | yes | 6,964,033 | 30×30 |
| CSSP2P, released | anti-aliased, gain 1/16 | 6 | 64 | 4 | batch | yes | 6,964,033 | 30×30 |
| Pyramid Pix2Pix | strided | 6 | 64 | 3 | batch | no | 2,768,705 | 62×62 |
| ASP | anti-aliased | 3 | 32 | 5 | instance | yes | 2,791,905 | 14×14 |
"""

from collections.abc import Callable
from functools import partial
from itertools import pairwise

from torch import Tensor, nn

from vstain_adapters.shared.networks.blur import BlurDown
from vstain_adapters.shared.networks.resnet_generator import NORMS, Norm
from vstain_adapters.shared.networks.weights import Wrap, plain, spectral


def patch_layers(
    *,
    channels: int,
    width: int,
    layers: int,
    norm: Norm,
    spectral_norm: bool,
    reduce: Callable[[int], nn.Module] | None = None,
) -> tuple[list[nn.Module], nn.Module]:
    """Return the layers up to the features, and the convolution that turns features into logits.

    With ``reduce``, its module for so many channels halves the resolution in place of a stride.
    """
    wrap: Wrap = spectral if spectral_norm else plain
    widths = [channels, width] + [width * min(2**level, 8) for level in range(1, layers + 1)]
    found: list[nn.Module] = []
    for level, (before, after) in enumerate(pairwise(widths)):
        reduces, first = level < layers, level == 0
        stride = 2 if reduces and reduce is None else 1
        found.append(wrap(nn.Conv2d(before, after, 4, stride=stride, padding=1, bias=first or norm == "instance")))
        found += [] if first else [NORMS[norm](after)]
        found.append(nn.LeakyReLU(0.2, inplace=True))
        found += [reduce(after)] if reduces and reduce is not None else []
    return found, wrap(nn.Conv2d(widths[-1], 1, 4, padding=1))


def minimum_side(layers: int) -> int:
    """Return a side in px that leaves a discriminator of so many layers enough places to take a norm over."""
    return int(4 * 2**layers)


class StridedPatchGan(nn.Module):
    """Images, (b, channels, h, w), to logits, (b, 1, h', w'); keys ``model.N`` as in pix2pix."""

    def __init__(
        self, *, channels: int, width: int = 64, layers: int = 3, norm: Norm = "batch", spectral_norm: bool = False
    ) -> None:
        super().__init__()
        features, last = patch_layers(
            channels=channels, width=width, layers=layers, norm=norm, spectral_norm=spectral_norm
        )
        self.model = nn.Sequential(*features, last)

    def forward(self, images: Tensor) -> Tensor:
        """Return one logit per patch."""
        logits: Tensor = self.model(images)
        return logits


class AntialiasedPatchGan(nn.Module):
    """Images, (b, channels, h, w), to logits, (b, 1, h', w'); keys ``enc.N`` and ``final_conv`` as in ASP b113ed2.

    ``gain`` is that of each blur; ``filters_stored`` says whether their filters are keys, as they are in ASP's files
    and not in CSSP2P's.
    """

    def __init__(
        self,
        *,
        channels: int,
        width: int = 64,
        layers: int = 3,
        norm: Norm = "batch",
        spectral_norm: bool = True,
        gain: float = 1.0,
        filters_stored: bool = True,
    ) -> None:
        super().__init__()
        features, last = patch_layers(
            channels=channels,
            width=width,
            layers=layers,
            norm=norm,
            spectral_norm=spectral_norm,
            reduce=partial(BlurDown, gain=gain, stored=filters_stored),
        )
        self.enc, self.final_conv = nn.Sequential(*features), last

    def forward(self, images: Tensor) -> Tensor:
        """Return one logit per patch."""
        logits: Tensor = self.final_conv(self.enc(images))
        return logits
