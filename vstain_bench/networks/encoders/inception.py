"""Inception v3 of 2015, the network behind FID and KID, with each published way of resizing to 299 px.

The network and its weights are torch-fidelity's port of the original TensorFlow graph (the same weights as
pytorch-fid's and, up to the file format, clean-fid's); the features are its 2048 last pooled activations. How a
tile becomes 299 px is what the libraries disagree on, and at 1024 px it changes the distance, so every way has its
own name:

============================ ==================================================================================
``clean``                    bicubic with antialiasing on unrounded values, clamped to [0, 255] (clean-fid;
                             Parmar et al. 2022)
``tf1``                      TensorFlow 1's bilinear without antialiasing, its grid shifted by half a pixel, on
                             8-bit values (torch-fidelity)
``bilinear``                 bilinear without antialiasing (pytorch-fid 0.3)
``bilinear-antialias``       bilinear with antialiasing on 8-bit values cut, not rounded (torchmetrics from 1.8)
============================ ==================================================================================

Measured against torch-fidelity's own module on the same input: the features differ by less than 1e-6 of the largest
one, because the tensors are laid out channels last, which is a quarter faster.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import ClassVar, Final, cast

import torch
from torch.nn.functional import interpolate

from vstain_bench.base.names import require_known
from vstain_bench.networks.encoders.definition import ENCODERS
from vstain_bench.networks.feeding import feed
from vstain_bench.networks.tensor_files import fill, lay_out_channels_last, read_checkpoint
from vstain_bench.networks.torchvision_schema import prepare_torchvision
from vstain_bench.networks.weights import INCEPTION, WEIGHTS, current_store
from vstain_bench.types import Encoder, Images, Resized, Rows, View

SIDE: Final = 299
_SIZE = (SIDE, SIDE)


def _from_bytes(images: Images) -> Images:
    return (images - 128) / 128


def resize_clean(images: Images) -> Resized:
    """Return the network's input, shape (b, 3, 299, 299), in [-1, 1): bicubic, antialiased, clamped."""
    resized = interpolate(images * 255, _SIZE, mode="bicubic", align_corners=False, antialias=True)
    return _from_bytes(resized.clamp(0, 255))


def resize_tf1(images: Images) -> Resized:
    """Return the network's input, shape (b, 3, 299, 299), as torch-fidelity does from 8-bit images."""
    prepare_torchvision()
    from torch_fidelity.interpolate_compat_tensorflow import interpolate_bilinear_2d_like_tensorflow1x

    resized = interpolate_bilinear_2d_like_tensorflow1x((images * 255).round(), size=_SIZE, align_corners=False)
    return _from_bytes(cast(torch.Tensor, resized))


def resize_bilinear(images: Images) -> Resized:
    """Return the network's input, shape (b, 3, 299, 299), in [-1, 1], as pytorch-fid does from [0, 1]."""
    return 2 * interpolate(images, _SIZE, mode="bilinear", align_corners=False) - 1


def resize_bilinear_antialias(images: Images) -> Resized:
    """Return the network's input, shape (b, 3, 299, 299), as torchmetrics does from [0, 1] (``normalize=True``)."""
    cut = (images * 255).to(torch.uint8).float()
    return _from_bytes(interpolate(cut, _SIZE, mode="bilinear", align_corners=False, antialias=True))


RESIZES: Final[dict[str, Callable[[Images], Images]]] = {
    "clean": resize_clean,
    "tf1": resize_tf1,
    "bilinear": resize_bilinear,
    "bilinear-antialias": resize_bilinear_antialias,
}


def _graph() -> torch.nn.Sequential:
    """Return the layers up to the pooled features, without values, under the names of the weight file."""
    prepare_torchvision()
    from torch_fidelity import feature_extractor_inceptionv3 as port

    layers: dict[str, torch.nn.Module] = {
        "Conv2d_1a_3x3": port.BasicConv2d(3, 32, kernel_size=3, stride=2),
        "Conv2d_2a_3x3": port.BasicConv2d(32, 32, kernel_size=3),
        "Conv2d_2b_3x3": port.BasicConv2d(32, 64, kernel_size=3, padding=1),
        "MaxPool_1": torch.nn.MaxPool2d(kernel_size=3, stride=2),
        "Conv2d_3b_1x1": port.BasicConv2d(64, 80, kernel_size=1),
        "Conv2d_4a_3x3": port.BasicConv2d(80, 192, kernel_size=3),
        "MaxPool_2": torch.nn.MaxPool2d(kernel_size=3, stride=2),
        "Mixed_5b": port.InceptionA(192, pool_features=32),
        "Mixed_5c": port.InceptionA(256, pool_features=64),
        "Mixed_5d": port.InceptionA(288, pool_features=64),
        "Mixed_6a": port.InceptionB(288),
        "Mixed_6b": port.InceptionC(768, channels_7x7=128),
        "Mixed_6c": port.InceptionC(768, channels_7x7=160),
        "Mixed_6d": port.InceptionC(768, channels_7x7=160),
        "Mixed_6e": port.InceptionC(768, channels_7x7=192),
        "Mixed_7a": port.InceptionD(768),
        "Mixed_7b": port.InceptionE_1(1280),
        "Mixed_7c": port.InceptionE_2(2048),
        "AvgPool": torch.nn.AdaptiveAvgPool2d((1, 1)),
        "Flatten": torch.nn.Flatten(),
    }
    return torch.nn.Sequential(OrderedDict(layers))


@lru_cache(maxsize=2)
def _network(path: Path, device: torch.device) -> torch.nn.Module:
    tensors = read_checkpoint(path)
    classifier = ("fc.weight", "fc.bias")
    with torch.device("meta"):
        graph = _graph()
    kept = {key: value for key, value in tensors.items() if key not in classifier}
    return lay_out_channels_last(fill(graph, kept, path, device))


@dataclass(frozen=True)
class InceptionEncoder(Encoder):
    """Pooled features of Inception v3, 2048 per tile, after one of the ways of resizing in ``RESIZES``."""

    resize: str = "clean"
    needs: ClassVar[tuple[str, ...]] = (INCEPTION,)

    def __post_init__(self) -> None:
        require_known(self.resize, RESIZES, where="encoder 'inception'", found=f"unknown resize '{self.resize}'")

    @property
    def signature(self) -> str:
        """Network, weights and resize."""
        return f"{INCEPTION}-{WEIGHTS[INCEPTION].short_hash}-{self.resize}"

    def encode(self, view: View) -> Rows:
        """Return the features of each tile, shape (b, 2048), float32.

        Raises:
            MachineError: The weights are missing or damaged.
        """
        network = _network(current_store().obtain(INCEPTION), view.images.device)
        prepare = RESIZES[self.resize]

        def features(images: Images) -> Rows:
            return cast(torch.Tensor, network(prepare(images).contiguous(memory_format=torch.channels_last)))

        return feed(view.images, features, name=self.signature)


@ENCODERS.register("inception")
def inception(argument: str) -> Encoder:
    """Return Inception v3; the argument is the resize, ``clean`` if empty."""
    return InceptionEncoder(argument or "clean")
