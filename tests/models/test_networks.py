"""Networks are the published ones: counts, keys, shapes, and what their layers compute."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy.signal import upfirdn
from torch import nn
from torch.nn import functional

from tests.models import published_keys as published
from vstain_adapters.shared.networks.blur import BlurDown, BlurUp
from vstain_adapters.shared.networks.instance_norm import InstanceNorm
from vstain_adapters.shared.networks.patch_projector import PatchProjector, draw_places
from vstain_adapters.shared.networks.patchgan import AntialiasedPatchGan, StridedPatchGan
from vstain_adapters.shared.networks.pix2pix_unet import Pix2PixUnet
from vstain_adapters.shared.networks.resnet_generator import asp_generator, feature_widths, pix2pix_resnet
from vstain_adapters.shared.networks.resunet import ResUnet, UpBlock
from vstain_adapters.shared.networks.unet import Unet
from vstain_adapters.shared.networks.weights import fold_spectral_norm, initialise
from vstain_bench.base.config import change
from vstain_bench.models.contract import RECIPES
from vstain_bench.models.recipe_adapters import generator_tensors

PLAIN_GENERATOR: dict[str, object] = {"generator_network": "unet", "backbone": "resnet18", "encoder_weights": "none"}


def released_discriminator(recipe: str) -> nn.Module:
    """The discriminator that a recipe builds, of its own size, as its authors' code has it."""
    chosen = change(RECIPES[recipe], {"variant": "released", **PLAIN_GENERATOR}, where="test")
    return chosen.build(device=torch.get_default_device(), seed=0).discriminator


# network, channels in, parameters, keys of the state dict, output for 512 px
NETWORKS: dict[str, tuple[Callable[[], nn.Module], int, int, int, tuple[int, int]]] = {
    "cssp2p generator, released": (ResUnet, 3, 67_024_619, 89, (3, 512)),
    "cssp2p discriminator, released": (
        lambda: released_discriminator("cssp2p"), 6, 6_964_033, 40, (1, 30),
    ),
    "bce discriminator, released": (lambda: released_discriminator("bce"), 3, 6_960_961, 40, (1, 30)),
    "cssp2p discriminator, paper": (
        lambda: StridedPatchGan(channels=6, layers=4, spectral_norm=True), 6, 6_964_033, 40, (1, 30),
    ),
    "pyramid pix2pix generator": (pix2pix_resnet, 3, 11_383_427, 140, (3, 512)),
    "pyramid pix2pix discriminator": (lambda: StridedPatchGan(channels=6), 6, 2_768_705, 22, (1, 62)),
    "pix2pix U-Net": (Pix2PixUnet, 3, 54_413_955, 82, (3, 512)),  # "54.414 M" in the log of junyanz's code
    "asp generator": (asp_generator, 3, 7_837_699, 76, (3, 512)),
    "asp discriminator": (
        lambda: AntialiasedPatchGan(channels=3, width=32, layers=5, norm="instance"), 3, 2_791_905, 33, (1, 14),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", NETWORKS)
def test_counts_and_shapes_are_the_published_ones(name: str) -> None:
    build, channels, parameters, keys, (out, side) = NETWORKS[name]
    with torch.device("meta"):
        network = build()
        answer = network(torch.empty(2, channels, 512, 512))
    assert sum(parameter.numel() for parameter in network.parameters()) == parameters
    assert len(network.state_dict()) == keys
    assert answer.shape == (2, out, side, side)


PUBLISHED: dict[str, tuple[dict[str, tuple[int, ...]], Callable[[], nn.Module]]] = {
    "cssp2p generator": (published.cssp2p_generator(), ResUnet),
    "cssp2p discriminator": (
        published.antialiased_discriminator(6, [64, 128, 256, 512, 512], norm=True, filters=False),
        lambda: released_discriminator("cssp2p"),
    ),
    "pyramid pix2pix generator": (published.pyramid_pix2pix_generator(), pix2pix_resnet),
    "pyramid pix2pix discriminator": (
        published.pyramid_pix2pix_discriminator(),
        lambda: StridedPatchGan(channels=6),
    ),
    "asp generator": (published.asp_generator(), asp_generator),
    "asp discriminator": (
        published.antialiased_discriminator(3, [32, 64, 128, 256, 256, 256], norm=False, filters=True),
        lambda: AntialiasedPatchGan(channels=3, width=32, layers=5, norm="instance"),
    ),
    "asp projector": (published.asp_projector(), lambda: PatchProjector((3, 128, 256, 256, 256))),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_state_dicts_fit_key_by_key(name: str) -> None:
    """Names and shapes come from a list of their own; a key more or less is refused."""
    shapes, build = PUBLISHED[name]
    with torch.device("meta"):
        network = build()
        tensors = {key: torch.empty(shape) for key, shape in shapes.items()}
    assert {key: tuple(value.shape) for key, value in network.state_dict().items()} == shapes
    network.load_state_dict(tensors, strict=True, assign=True)
    with pytest.raises(RuntimeError, match="Missing key"):
        network.load_state_dict(dict(list(tensors.items())[1:]), strict=True, assign=True)


@pytest.mark.parametrize("name", ["cssp2p generator", "pyramid pix2pix generator", "asp generator"])
def test_a_loaded_generator_stains(name: str) -> None:
    shapes, build = PUBLISHED[name]
    with torch.device("meta"):
        network = build()
    network.load_state_dict(published.filled(shapes), strict=True, assign=True)
    with torch.inference_mode():
        stained = network.eval()(torch.rand(1, 3, 64, 48, generator=torch.Generator().manual_seed(0)))
    lowest = 0.0 if name.startswith("cssp2p") else -1.0
    assert stained.shape == (1, 3, 64, 48)
    assert stained.dtype == torch.float32
    assert float(stained.min()) >= lowest
    assert float(stained.max()) <= 1.0
    assert float(stained.std()) > 1e-3


def test_a_lightning_checkpoint_gives_its_generator() -> None:
    shapes = published.cssp2p_generator()
    generator = {key: torch.empty(shape, device="meta") for key, shape in shapes.items()}
    judge = {"enc.0.bias": torch.zeros(64)}
    for checkpoint in (
        published.lightning_checkpoint(generator, judge),
        {f"generator.{key}": value for key, value in generator.items()},  # without torch.compile
        generator,  # a bare state dict
    ):
        assert list(generator_tensors(checkpoint)) == list(shapes)


def test_the_unet_of_the_paper_has_instance_norm_and_nothing_but_instance_norm() -> None:
    with torch.device("meta"):
        network = Unet()
    norms = [module for module in network.modules() if "Norm" in type(module).__name__]
    assert len(norms) == 53 + 10, "premise: a ResNet-50's norms and two for each of five decoder blocks"
    assert all(type(norm) is InstanceNorm and not norm.affine for norm in norms)
    assert sum(parameter.numel() for parameter in network.parameters()) == 32_466_291


def test_the_unet_stains_within_the_range() -> None:
    torch.manual_seed(0)
    network = Unet(backbone="resnet18").eval()
    with torch.inference_mode():
        stained = network(torch.randn(2, 3, 64, 96))
    assert stained.shape == (2, 3, 64, 96)
    assert 0 <= float(stained.min()) < float(stained.max()) <= 1


# --- spectral norm ---


def settled(network: nn.Module) -> nn.Module:
    """Return the network after as many steps as its power iteration needs."""
    with torch.no_grad():
        for _ in range(150):
            for module in network.modules():
                for hook in list(module._forward_pre_hooks.values()):
                    hook(module, None)
    return network


def test_folded_spectral_norm_computes_the_same() -> None:
    torch.manual_seed(3)
    network = settled(asp_generator(width=16).train())
    folded = asp_generator(width=16, spectral_norm=False)
    folded.load_state_dict(fold_spectral_norm(network.state_dict()), strict=True)
    images = torch.rand(1, 3, 64, 64) * 2 - 1
    with torch.no_grad():
        expected, iterating = network.eval()(images), network.train()(images)
        found = folded.eval()(images)
    assert float((found - expected).abs().max()) < 1e-5
    assert float((found - iterating).abs().max()) < 1e-4
    assert float(expected.std()) > 1e-2, "premise: the network says something"


def test_a_folded_weight_has_norm_one() -> None:
    layer = settled(torch.nn.utils.spectral_norm(nn.Conv2d(8, 12, 3)))
    weight = fold_spectral_norm(layer.state_dict())["weight"]
    assert float(torch.linalg.svdvals(weight.flatten(1))[0]) == pytest.approx(1.0, abs=1e-4)


def test_initial_weights_reach_under_the_spectral_norm() -> None:
    network = asp_generator(width=8)
    initialise(network, lambda weight: nn.init.constant_(weight, 0.5))
    tensors = network.state_dict()
    assert all((value == 0.5).all() for key, value in tensors.items() if key.endswith("weight_orig"))
    assert all((value == 0).all() for key, value in tensors.items() if key.endswith("bias"))


# --- what layers compute, each by other means ---


def test_blurred_downsampling_by_scipy() -> None:
    images = torch.rand(1, 2, 9, 12, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    found = BlurDown(2).double()(images).numpy()
    for channel in range(2):
        rows = np.pad(images[0, channel].numpy(), 1, mode="reflect")
        rows = upfirdn([0.25, 0.5, 0.25], rows, axis=0)[2:-2:2]
        expected = upfirdn([0.25, 0.5, 0.25], rows, axis=1)[:, 2:-2:2]
        np.testing.assert_allclose(found[0, channel], expected, atol=1e-7)


def test_the_blur_of_cssp2p_leaves_a_sixteenth() -> None:
    """A row and a column of the filter that sums to one, in turn: CSSP2P-GAN 9032585 src/models/networks.py:94-141."""
    images = torch.rand(1, 2, 9, 12, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    found = BlurDown(2, gain=1 / 16, stored=False).double()
    filters = np.outer([1, 2, 1], [1, 2, 1]) / 16
    for channel in range(2):
        rows = np.pad(images[0, channel].numpy(), 1, mode="reflect")
        rows = upfirdn(filters[:, 0], rows, axis=0)[2:-2:2]
        expected = upfirdn(filters[0], rows, axis=1)[:, 2:-2:2]
        np.testing.assert_allclose(found(images).numpy()[0, channel], expected, atol=1e-9)
    assert float(found(torch.ones(1, 2, 8, 8, dtype=torch.float64)).std()) == pytest.approx(0, abs=1e-9)
    assert float(found(torch.ones(1, 2, 8, 8, dtype=torch.float64)).mean()) == pytest.approx(0.0625, abs=1e-9)
    assert float(BlurDown(2)(torch.ones(1, 2, 8, 8)).mean()) == pytest.approx(1)


# recipe, variant, and what each blur of its discriminator leaves of an image of ones
GAINS = [
    ("cssp2p", "released", 1 / 16),
    ("bce", "released", 1 / 16),
    ("cssp2p", "paper", 1.0),
    ("asp", "released", 1.0),
]


@pytest.mark.parametrize(("recipe", "variant", "gain"), GAINS)
def test_the_blur_of_a_discriminator_is_its_authors(recipe: str, variant: str, gain: float) -> None:
    settings: dict[str, object] = {"variant": variant}
    settings |= {"width": 4} if recipe == "asp" else {"discriminator_network": "antialiased"} | PLAIN_GENERATOR
    chosen = change(RECIPES[recipe], settings, where="test")
    judge = chosen.build(device=torch.device("cpu"), seed=0).discriminator
    blurs = [module for module in judge.modules() if isinstance(module, BlurDown)]
    assert len(blurs) == 4 + (recipe == "asp")
    for blur in blurs:
        assert float(blur(torch.ones(1, len(blur.filt), 6, 6)).mean()) == pytest.approx(gain, rel=1e-6)
    assert any(key.endswith("filt") for key in judge.state_dict()) == (recipe == "asp")


def test_blurred_upsampling_by_scipy() -> None:
    images = torch.rand(1, 2, 5, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    found = BlurUp(2).double()(images).numpy()
    for channel in range(2):
        rows = np.pad(images[0, channel].numpy(), 1, mode="edge")
        rows = upfirdn([0.25, 0.75, 0.75, 0.25], rows, up=2, axis=0)[3:-3]
        expected = upfirdn([0.25, 0.75, 0.75, 0.25], rows, up=2, axis=1)[:, 3:-3]
        assert expected.shape == (10, 14), "premise: doubled"
        np.testing.assert_allclose(found[0, channel], expected, atol=1e-7)


def test_an_up_block_takes_the_skip_first_and_aligns_corners() -> None:
    """Its convolutions are made to pass two channels through, the first of the skip and the first of what came up."""
    block = UpBlock(4, 2)
    below, skip = torch.rand(1, 4, 3, 3), torch.rand(1, 2, 6, 6)
    seen: list[torch.Tensor] = []
    block.double_conv.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    with torch.no_grad():
        block.up[1].weight.zero_()  # type: ignore[operator, union-attr]  # a Sequential forgets its modules' types
        block.up[1].weight[0, 1] = 1.0  # type: ignore[index]
        block.up[1].bias.zero_()  # type: ignore[operator, union-attr]
        block(below, skip)
    torch.testing.assert_close(seen[0][:, :2], skip)
    line = np.linspace(0, 2, 6)  # corners coincide
    rows = np.stack([np.interp(line, range(3), row) for row in below[0, 1].numpy()])
    expected = np.stack([np.interp(line, range(3), column) for column in rows.T]).T
    np.testing.assert_allclose(seen[0][0, 2].numpy(), expected, atol=1e-6)


def test_asp_generator_by_plain_functions() -> None:
    """The folded network, written out: order of layers, padding, norm, residuals."""
    torch.manual_seed(1)
    network = asp_generator(width=4, blocks=2, spectral_norm=False).eval()
    weights = network.state_dict()

    def convolve(images: torch.Tensor, name: str, reflect: int = 0, zeros: int = 0) -> torch.Tensor:
        padded = functional.pad(images, (reflect,) * 4, mode="reflect") if reflect else images
        return functional.conv2d(padded, weights[f"{name}.weight"], weights[f"{name}.bias"], padding=zeros)

    def norm(images: torch.Tensor) -> torch.Tensor:
        mean, variance = images.mean((2, 3), keepdim=True), images.var((2, 3), keepdim=True, correction=0)
        return (images - mean) / (variance + 1e-5).sqrt()

    images = torch.rand(2, 3, 16, 20) * 2 - 1
    with torch.no_grad():
        flow = norm(convolve(images, "model.1", reflect=3)).relu()
        flow = BlurDown(8)(norm(convolve(flow, "model.4", zeros=1)).relu())
        flow = BlurDown(16)(norm(convolve(flow, "model.8", zeros=1)).relu())
        for block in (12, 13):
            inner = norm(convolve(flow, f"model.{block}.conv_block.1", reflect=1)).relu()
            flow = flow + norm(convolve(inner, f"model.{block}.conv_block.5", reflect=1))
        flow = norm(convolve(BlurUp(16)(flow), "model.15", zeros=1)).relu()
        flow = norm(convolve(BlurUp(8)(flow), "model.19", zeros=1)).relu()
        expected = convolve(flow, "model.23", reflect=3).tanh()
        torch.testing.assert_close(network(images), expected, atol=1e-5, rtol=1e-5)


def test_features_are_those_after_each_layer_named() -> None:
    torch.manual_seed(0)
    network, layers = asp_generator(width=4).eval(), (0, 4, 8, 12, 16)
    images = torch.rand(1, 3, 32, 32)
    features = network(images, layers=layers)
    assert [feature.shape[1] for feature in features] == feature_widths(4, layers) == [3, 8, 16, 16, 16]
    for layer, feature in zip(layers, features, strict=True):
        torch.testing.assert_close(feature, network.model[: layer + 1](images))


def test_patches_are_projected_where_they_were_drawn() -> None:
    torch.manual_seed(0)
    features = [torch.rand(2, 3, 6, 5), torch.rand(2, 4, 3, 3)]
    projector = PatchProjector((3, 4), size=7)
    places = draw_places(features, 12, torch.Generator().manual_seed(1))
    assert [len(chosen) for chosen in places] == [12, 9]  # the second layer has nine places in all
    assert len(places[0].unique()) == 12
    found = projector(features, places)
    assert [matrix.shape for matrix in found] == [(24, 7), (18, 7)]
    for matrix in found:
        torch.testing.assert_close(matrix.norm(dim=1), torch.ones(len(matrix)), atol=1e-5, rtol=0)
    row, column = divmod(int(places[0][5]), 5)
    expected = projector.get_submodule("mlp_0")(features[0][1, :, row, column])
    torch.testing.assert_close(found[0][12 + 5], expected / expected.norm(), atol=1e-5, rtol=1e-5)
    again = draw_places(features, 12, torch.Generator().manual_seed(1))
    assert all((one == other).all() for one, other in zip(places, again, strict=True))
