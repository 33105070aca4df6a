"""The gradient of instance norm is right for one image in any layout, where PyTorch's own is not."""

from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.nn.functional import instance_norm

from vstain_adapters.shared.networks.instance_norm import InstanceNorm
from vstain_adapters.shared.networks.patchgan import AntialiasedPatchGan
from vstain_adapters.shared.networks.resnet_generator import asp_generator
from vstain_adapters.shared.networks.resunet import ResUnet
from vstain_adapters.shared.networks.unet import Unet
from vstain_bench.networks.tensor_files import lay_out_channels_last

Layout = torch.memory_format
LAYOUTS = (torch.contiguous_format, torch.channels_last)


def by_hand(features: torch.Tensor) -> torch.Tensor:
    mean, variance = features.mean((2, 3), keepdim=True), features.var((2, 3), keepdim=True, correction=0)
    return (features - mean) / (variance + 1e-5).sqrt()


def error(norm: Callable[[torch.Tensor], torch.Tensor], images: int, layout: Layout) -> float:
    """How far the norm's gradient is from that of the norm by hand, relative, where a gradient comes in this layout."""
    random = torch.Generator().manual_seed(0)
    features, arriving = (torch.randn(images, 8, 16, 16, generator=random) for _ in range(2))
    found = []
    for function in (norm, by_hand):
        leaf = features.clone().requires_grad_()
        function(leaf).backward(arriving.contiguous(memory_format=layout))
        found.append(leaf.grad)
    one, expected = found
    assert one is not None
    assert expected is not None
    return float((one - expected).norm() / expected.norm())


@pytest.mark.parametrize("images", [1, 2])
@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
def test_the_gradient_is_that_of_the_norm_by_hand(images: int, layout: Layout) -> None:
    assert error(InstanceNorm(8), images, layout) < 1e-5


def test_pytorchs_own_is_still_wrong_for_one_image_with_the_channels_last() -> None:
    """Fails once a fixed PyTorch is installed: drop ``InstanceNorm`` for ``nn.InstanceNorm2d``, and this file."""
    assert error(instance_norm, 2, torch.channels_last) < 1e-5
    assert error(instance_norm, 1, torch.contiguous_format) < 1e-5
    assert error(instance_norm, 1, torch.channels_last) > 0.1


# what has instance norm; PyTorch's own is wrong in the first alone, where a norm is followed by a residual sum
NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "asp generator": lambda: asp_generator(width=4, blocks=2),
    "asp discriminator": lambda: AntialiasedPatchGan(channels=3, width=4, layers=2, norm="instance"),
    "cssp2p generator, paper": lambda: Unet(backbone="resnet18"),
    "cssp2p generator, released": ResUnet,
}


@pytest.mark.parametrize("name", ["asp generator", "asp discriminator"])
def test_one_image_trains_alike_in_both_layouts(name: str) -> None:
    """Every parameter's gradient, in double precision: nothing but a wrong formula can tell the layouts apart."""
    images = torch.rand(1, 3, 32, 32, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    found = []
    for layout in LAYOUTS:
        torch.manual_seed(0)
        network = NETWORKS[name]().double().eval()  # the spectral norm stands still
        if layout is torch.channels_last:
            lay_out_channels_last(network)
        made = network(images.contiguous(memory_format=layout))
        weights = torch.linspace(-1, 1, made.numel(), dtype=made.dtype).view(made.shape)
        (made * weights).sum().backward()
        found.append(torch.cat([each.grad.flatten() for each in network.parameters() if each.grad is not None]))
    one, other = found
    assert float(one.norm()) > 0
    assert float((one - other).norm() / one.norm()) < 1e-5


@pytest.mark.parametrize("name", NETWORKS)
def test_every_norm_of_a_network_is_the_cured_one(name: str) -> None:
    with torch.device("meta"):
        norms = [module for module in NETWORKS[name]().modules() if isinstance(module, nn.InstanceNorm2d)]
    assert norms, "premise: it has some"
    assert all(type(norm) is InstanceNorm for norm in norms)
