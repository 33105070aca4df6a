"""The ResNet generator of pix2pix, CUT and ASP (Johnson et al. 2016): 7×7, two down, residual blocks, two up, 7×7.

One module serves both published state dicts, whose keys ``model.N`` count the layers below:

- Pyramid Pix2Pix (bupt-ai-cz/BCI 841bd52): 9 blocks, batch norm, dropout 0.5 in every block, strided and transposed
  convolutions; 11,383,427 parameters, 140 keys.
- ASP (lifangda01/AdaptiveSupervisedPatchNCE b113ed2): 6 blocks, instance norm, spectral norm on every convolution,
  blurred down- and upsampling; 7,837,699 parameters, 76 keys.
"""

from collections.abc import Sequence
from typing import Literal, overload

from torch import Tensor, nn

from vstain_adapters.shared.networks.blur import BlurDown, BlurUp
from vstain_adapters.shared.networks.instance_norm import InstanceNorm
from vstain_adapters.shared.networks.weights import Wrap, plain, spectral

Norm = Literal["batch", "instance"]
NORMS: dict[str, type[nn.BatchNorm2d] | type[nn.InstanceNorm2d]] = {
    "batch": nn.BatchNorm2d,
    "instance": InstanceNorm,
}


class ResidualBlock(nn.Module):
    """Two 3×3 convolutions with reflected edges, added to their input."""

    def __init__(self, width: int, norm: Norm, dropout: bool, wrap: Wrap) -> None:
        super().__init__()
        bias = norm == "instance"
        first = [nn.ReflectionPad2d(1), wrap(nn.Conv2d(width, width, 3, bias=bias)), NORMS[norm](width), nn.ReLU(True)]
        second = [nn.ReflectionPad2d(1), wrap(nn.Conv2d(width, width, 3, bias=bias)), NORMS[norm](width)]
        self.conv_block = nn.Sequential(*first, *([nn.Dropout(0.5)] if dropout else []), *second)

    def forward(self, features: Tensor) -> Tensor:
        """Return features of the same shape."""
        result: Tensor = features + self.conv_block(features)
        return result


class ResnetGenerator(nn.Module):
    """Images in [-1, 1] to images in [-1, 1], (b, 3, h, w); height and width are multiples of 4.

    With ``layers``, the outputs of those layers are returned instead, and nothing after the last of them is computed.
    """

    def __init__(
        self, *, width: int = 64, blocks: int, norm: Norm, dropout: bool, antialias: bool, spectral_norm: bool
    ) -> None:
        super().__init__()
        wrap: Wrap = spectral if spectral_norm else plain
        bias = norm == "instance"
        layers: list[nn.Module] = [nn.ReflectionPad2d(3), wrap(nn.Conv2d(3, width, 7, bias=bias))]
        layers += [NORMS[norm](width), nn.ReLU(True)]
        for inner in (width, 2 * width):
            stride = 1 if antialias else 2
            layers += [wrap(nn.Conv2d(inner, 2 * inner, 3, stride=stride, padding=1, bias=bias))]
            layers += [NORMS[norm](2 * inner), nn.ReLU(True), *([BlurDown(2 * inner)] if antialias else [])]
        layers += [ResidualBlock(4 * width, norm, dropout, wrap) for _ in range(blocks)]
        for outer in (2 * width, width):
            if antialias:
                layers += [BlurUp(2 * outer), wrap(nn.Conv2d(2 * outer, outer, 3, padding=1, bias=bias))]
            else:
                up = nn.ConvTranspose2d(2 * outer, outer, 3, stride=2, padding=1, output_padding=1, bias=bias)
                layers += [wrap(up)]
            layers += [NORMS[norm](outer), nn.ReLU(True)]
        layers += [nn.ReflectionPad2d(3), wrap(nn.Conv2d(width, 3, 7))]
        self.model = nn.Sequential(*layers)

    @overload
    def forward(self, images: Tensor) -> Tensor: ...
    @overload
    def forward(self, images: Tensor, layers: Sequence[int]) -> list[Tensor]: ...
    def forward(self, images: Tensor, layers: Sequence[int] = ()) -> Tensor | list[Tensor]:
        """Return the generated images, or the features after each of the layers named."""
        if not layers:
            logits: Tensor = self.model(images)
            return logits.float().tanh()  # a tanh in bfloat16 would leave 1/256 between two shades of white
        found, features = [], images
        for number in range(max(layers) + 1):
            features = self.model[number](features)
            if number in layers:
                found.append(features)
        return found


def feature_widths(width: int, layers: Sequence[int]) -> list[int]:
    """Return the channels that an anti-aliased generator has after each of the layers."""
    steps = [(0, 3), (1, width), (4, 2 * width), (8, 4 * width)]
    return [max(step for step in steps if step[0] <= layer)[1] for layer in layers]


def asp_generator(*, width: int = 64, blocks: int = 6, spectral_norm: bool = True) -> ResnetGenerator:
    """Return ASP's generator; without spectral norm it is the one that folded weights fit."""
    return ResnetGenerator(
        width=width, blocks=blocks, norm="instance", dropout=False, antialias=True, spectral_norm=spectral_norm
    )


def pix2pix_resnet(*, width: int = 64, blocks: int = 9) -> ResnetGenerator:
    """Return the generator of Pyramid Pix2Pix."""
    return ResnetGenerator(width=width, blocks=blocks, norm="batch", dropout=True, antialias=False, spectral_norm=False)
