"""The generator that the authors of CSSP2P released: ``ResUNet``, 67,024,619 parameters, 89 keys.

A ResNet-50 whose first convolution keeps the resolution, instance norm without parameters everywhere, and a decoder of
four stages: project the skip (1×1), upsample what comes from below bilinearly (corners aligned) and halve its channels
(1×1), lay [skip, up] side by side, two 3×3 convolutions. The classifier ``fc`` of the ResNet is never used and stays in
the state dict. Source: Jose-Miguel-Teixeira/CSSP2P-GAN 9032585 ``src/models/unet.py``, ``src/models/resnet.py``.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn

from vstain_adapters.shared.networks.instance_norm import InstanceNorm
from vstain_bench.networks.torchvision_schema import prepare_torchvision

WIDTHS = (2048, 1024, 512, 256, 64)
"""Channels of the bottleneck and of the four stages."""


class Encoder(nn.Module):
    """A ResNet-50 (stride in the 3×3 convolution) at scales 1, 1/2, 1/4, 1/8 and 1/16."""

    def __init__(self) -> None:
        super().__init__()
        prepare_torchvision()
        from torchvision.models.resnet import Bottleneck, ResNet

        self.model = ResNet(Bottleneck, [3, 4, 6, 3], norm_layer=InstanceNorm)
        self.model.conv1.stride = (1, 1)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Return the features of the five scales, finest first."""
        net = self.model
        found = [net.relu(net.bn1(net.conv1(images)))]
        features = net.maxpool(found[0])
        for layer in (net.layer1, net.layer2, net.layer3, net.layer4):
            features = layer(features)
            found.append(features)
        return found


class DoubleConvolution(nn.Module):
    """Two times 3×3 convolution, instance norm, rectifier."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for width in (before, after):
            layers += [nn.Conv2d(width, after, 3, padding=1), InstanceNorm(after), nn.ReLU(inplace=True)]
        self.double_conv = nn.Sequential(*layers)

    def forward(self, features: Tensor) -> Tensor:
        """Return features of the new width."""
        result: Tensor = self.double_conv(features)
        return result


class UpBlock(nn.Module):
    """What comes from below, doubled and narrowed, behind the skip; then two convolutions."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        double = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True)
        self.up = nn.Sequential(double, nn.Conv2d(before, before // 2, 1))
        self.double_conv = DoubleConvolution(before, after)

    def forward(self, below: Tensor, skip: Tensor) -> Tensor:
        """Return features at the skip's resolution."""
        result: Tensor = self.double_conv(torch.cat([skip, self.up(below)], dim=1))
        return result


class Head(nn.Module):
    """A 1×1 convolution to three channels."""

    def __init__(self, before: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(before, 3, 1)

    def forward(self, features: Tensor) -> Tensor:
        """Return what the sigmoid of the generator takes."""
        result: Tensor = self.conv(features)
        return result


class Decoder(nn.Module):
    """Four pairs of skip projection and up block, then the head, in one list."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList()
        for before, after in pairwise(WIDTHS):
            skip = 2 * after if after == WIDTHS[-1] else after  # the finest skip is widened to fill half of the stage
            self.layers += [nn.Conv2d(after, skip, 1), UpBlock(before, after)]
        self.layers.append(Head(WIDTHS[-1]))

    def forward(self, features: list[Tensor]) -> Tensor:
        """Return what the sigmoid of the generator takes, at the finest resolution."""
        *skips, below = features
        for stage, skip in enumerate(reversed(skips)):
            below = self.layers[2 * stage + 1](below, self.layers[2 * stage](skip))
        return self.layers[-1](below)  # type: ignore[no-any-return]  # a ModuleList forgets its modules' types


class ResUnet(nn.Module):
    """Normalised H&E, (b, 3, h, w), to IHC in [0, 1]; height and width are multiples of 16, at least 32."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.decoder = Encoder(), Decoder()

    def forward(self, images: Tensor) -> Tensor:
        """Return the generated images."""
        logits: Tensor = self.decoder(self.encoder(images))
        return logits.float().sigmoid()
