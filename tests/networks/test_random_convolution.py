"""The weight-free encoder: the same numbers forever, and differences that can be seen."""

from collections.abc import Callable

import pytest
import torch
from torch.nn.functional import avg_pool2d

from vstain_bench.errors import UsageError
from vstain_bench.networks.encoders import build_encoder
from vstain_bench.networks.encoders.random_convolution import RandomConvolutionEncoder, _filters
from vstain_bench.types import Images, Rows, View

FIXED = [0.17280805, 0.49464643, 0.15164521, 0.6198299, 0.25000367, 0.39433494, 0.00460731, 0.0182828]
FIXED_SUM = 156.140616
ENCODER = RandomConvolutionEncoder()


def encode(images: Images) -> Rows:
    return ENCODER.encode(View(tuple(map(str, range(len(images)))), "real", images))


def pattern(side: int) -> Images:
    """Return one image that needs no random generator: three gratings of different directions and periods."""
    across, down = torch.meshgrid(torch.arange(side) / 9.0, torch.arange(side) / 5.0, indexing="xy")
    return torch.stack([across.sin(), down.cos(), (across + down).sin()]).mul(0.4).add(0.5).unsqueeze(0)


def test_features_are_the_same_forever() -> None:
    """Computed on version 1 with ``encode(pattern(96))``; a change of any is a new version."""
    features = encode(pattern(96))[0]
    assert features.shape == (512,)
    assert features.dtype == torch.float32
    found = [features[index].item() for index in (0, 20, 40, 100, 200, 300, 400, 511)]
    assert found == pytest.approx(FIXED, rel=1e-5)
    assert features.double().sum().item() == pytest.approx(FIXED_SUM, rel=1e-6)


def test_first_layer_is_half_texture_half_stain_in_pairs() -> None:
    first = _filters(2020, torch.device("cpu"))[0]
    assert first.shape == (32, 3, 7, 7)
    assert first[:16].mean(dim=(2, 3)).abs().max() < 1e-7
    assert torch.equal(first[16:24], -first[24:])
    assert first[16:].mean(dim=(2, 3)).abs().max() > 1e-2


def test_features_equal_a_float64_loop_over_channels() -> None:
    image = pattern(64)
    signal = (2 * image - 1).double()
    expected = []
    for filters, stride in zip(_filters(2020, torch.device("cpu")), (4, 2, 2, 2), strict=True):
        padding = filters.shape[2] // 2
        signal = torch.nn.functional.conv2d(signal, filters.double(), stride=stride, padding=padding).clamp_min(0)
        expected += [channel.mean() for channel in signal[0]] + [channel.std(correction=0) for channel in signal[0]]
    assert encode(image)[0].tolist() == pytest.approx([each.item() for each in expected], abs=2e-6)


def test_features_do_not_depend_on_the_batch() -> None:
    images = torch.rand(8, 3, 128, 96, generator=torch.Generator().manual_seed(0))
    whole = encode(images)
    for size in (1, 3):
        assert torch.equal(torch.cat([encode(each) for each in images.split(size)]), whole)


@pytest.mark.parametrize(
    "change",
    [
        lambda images: avg_pool2d(images, 5, 1, 2),  # blur
        lambda images: 1 - 0.8 * (1 - images),  # paler stain
        lambda images: images[:, [2, 1, 0]],  # another colour
    ],
)
def test_differences_of_texture_and_stain_show(change: Callable[[Images], Images]) -> None:
    colour = torch.tensor([0.9, 0.6, 0.4]).view(3, 1, 1)
    images = colour * torch.rand(2, 3, 512, 512, generator=torch.Generator().manual_seed(0))
    before, after = encode(images), encode(change(images))
    between_tiles = (before[0] - before[1]).norm() / before[0].norm()
    assert (after - before).norm() / before.norm() > 5 * between_tiles > 0


def test_names_and_signatures() -> None:
    assert build_encoder("random") == ENCODER
    assert build_encoder("random:7") == RandomConvolutionEncoder(7)
    assert ENCODER.signature == "random-convolution-seed2020-v1"
    assert RandomConvolutionEncoder(7).signature != ENCODER.signature
    with pytest.raises(UsageError, match="'x' is no seed"):
        build_encoder("random:x")
