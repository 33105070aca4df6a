"""The generator of the CSSP2P paper: a U-Net with a ResNet encoder, instance norm throughout.

Paper: "U-Net architecture with a ResNet-50 backbone ... instance normalization in the generator" (Implementation
Details). Encoder, decoder and head come from segmentation-models-pytorch; every batch norm becomes an instance norm
without parameters, as in the authors' code. The library is never asked for weights: it would wait for its hub, 27 s
where there is no network.
"""

from typing import Literal

from torch import Tensor, nn

from vstain_adapters.shared.networks.instance_norm import InstanceNorm
from vstain_bench.base.extras import extra
from vstain_bench.networks.torchvision_schema import prepare_torchvision

Backbone = Literal["resnet18", "resnet34", "resnet50"]


class Unet(nn.Module):
    """Normalised H&E, (b, 3, h, w), to IHC in [0, 1]; height and width are multiples of 32, at least 64."""

    def __init__(self, *, backbone: Backbone = "resnet50") -> None:
        super().__init__()
        prepare_torchvision()
        with extra("train", "the U-Net of the CSSP2P paper"):
            import segmentation_models_pytorch as smp

        network = smp.Unet(backbone, encoder_weights=None, in_channels=3, classes=3)
        _use_instance_norm(network)
        self.encoder, self.decoder, self.segmentation_head = network.encoder, network.decoder, network.segmentation_head

    def forward(self, images: Tensor) -> Tensor:
        """Return the generated images."""
        logits: Tensor = self.segmentation_head(self.decoder(self.encoder(images)))
        return logits.float().sigmoid()


def _use_instance_norm(network: nn.Module) -> None:
    for name, child in network.named_children():
        if isinstance(child, nn.BatchNorm2d):
            setattr(network, name, InstanceNorm(child.num_features))
        else:
            _use_instance_norm(child)
