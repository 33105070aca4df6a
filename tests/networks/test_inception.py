"""Inception features and each way of resizing, against the code that defines it."""

from pathlib import Path
from typing import cast

import numpy as np
import pytest
import torch
from PIL import Image

from vstain_bench.errors import UsageError
from vstain_bench.networks.encoders import build_encoder, inception
from vstain_bench.networks.encoders.inception import RESIZES, InceptionEncoder
from vstain_bench.networks.weights import INCEPTION, WEIGHTS
from vstain_bench.types import Images, View


def bytes_of(count: int, side: int, seed: int = 0) -> torch.Tensor:
    """Return 8-bit images: a blocky pattern with noise, so that resizing has edges to treat."""
    generator = np.random.default_rng(seed)
    coarse = generator.integers(0, 256, (count, 3, side // 8 + 1, side // 8 + 1)).repeat(8, 2).repeat(8, 3)
    noise = generator.integers(-20, 21, (count, 3, side, side))
    return torch.from_numpy((coarse[:, :, :side, :side] + noise).clip(0, 255).astype(np.uint8))


def images_of(content: torch.Tensor) -> Images:
    return content.float() / 255


def view_of(images: Images) -> View:
    return View(tuple(f"tile{index}" for index in range(len(images))), "real", images)


def library_network(folder: Path) -> torch.nn.Module:
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    path = folder / WEIGHTS[INCEPTION].file
    network = FeatureExtractorInceptionV3("inception", ["2048"], feature_extractor_weights_path=str(path))
    return cast(torch.nn.Module, network)


def relative_error(found: torch.Tensor, expected: torch.Tensor) -> float:
    return ((found - expected).norm() / expected.norm()).item()


@pytest.mark.parametrize("resize", ["clean", "tf1", "bilinear-antialias"])  # at 299 px each is the identity
def test_features_equal_torch_fidelity_at_299(seeded_weights: Path, resize: str) -> None:
    content = bytes_of(2, 299)
    expected = library_network(seeded_weights)(content)[0]
    found = InceptionEncoder(resize).encode(view_of(images_of(content)))
    assert found.shape == (2, 2048)
    assert relative_error(found, expected) < 1e-6
    assert relative_error(expected[:1], expected[1:]) > 1e-3  # different images have different features


def test_tf1_features_equal_torch_fidelity_at_another_size(seeded_weights: Path) -> None:
    content = bytes_of(1, 400)
    expected = library_network(seeded_weights)(content)[0]
    assert relative_error(InceptionEncoder("tf1").encode(view_of(images_of(content))), expected) < 1e-6


def test_torchmetrics_features(seeded_weights: Path) -> None:
    from torchmetrics.image.fid import FrechetInceptionDistance

    path = str(seeded_weights / WEIGHTS[INCEPTION].file)
    library = FrechetInceptionDistance(normalize=True, feature_extractor_weights_path=path)
    images = torch.rand(2, 3, 330, 360, generator=torch.Generator().manual_seed(0))  # not on the 8-bit grid
    library.update(images, real=True)
    expected = library.real_features_sum
    found = InceptionEncoder("bilinear-antialias").encode(view_of(images)).double().sum(dim=0)
    assert relative_error(found, expected) < 1e-6


def test_clean_equals_pil_bicubic_of_each_channel() -> None:
    content = bytes_of(1, 1024)
    channels = [Image.fromarray(channel.numpy().astype(np.float32)) for channel in content[0]]
    resized = [np.asarray(channel.resize((299, 299), Image.Resampling.BICUBIC)) for channel in channels]
    expected = np.clip(np.stack(resized), 0, 255)
    found = inception.resize_clean(images_of(content))[0].numpy() * 128 + 128
    assert np.abs(found - expected).max() < 0.003  # grey levels of 255
    other = inception.resize_bilinear_antialias(images_of(content))[0].numpy() * 128 + 128
    assert np.abs(other - expected).max() > 1  # the comparison can tell resizes apart


@pytest.mark.parametrize(
    ("side", "tolerance"),
    [(598, 1e-6), (640, 3e-4)],  # places that float32 holds exactly, and others, where it is off by 1e-4 px
)
def test_bilinear_is_pytorch_fids(side: int, tolerance: float) -> None:
    """A sample at output p reads the input at (p + 0.5) h / 299 - 0.5, from its four neighbours only."""
    images = images_of(bytes_of(1, side))
    place = ((np.arange(299) + 0.5) * side / 299 - 0.5).clip(0)
    low = place.astype(int)
    high, share = np.minimum(low + 1, side - 1), place - low
    pixels = images[0].double().numpy()
    rows = pixels[:, low] * (1 - share)[:, None] + pixels[:, high] * share[:, None]
    expected = 2 * (rows[:, :, low] * (1 - share) + rows[:, :, high] * share) - 1
    assert np.abs(inception.resize_bilinear(images)[0].numpy() - expected).max() < tolerance


@pytest.mark.parametrize("resize", RESIZES)
def test_resizing_does_not_depend_on_the_batch_and_stays_in_range(resize: str) -> None:
    images = images_of(bytes_of(3, 512))
    whole = RESIZES[resize](images)
    assert torch.equal(torch.cat([RESIZES[resize](each) for each in images.split(1)]), whole)
    assert whole.min() >= -1
    assert whole.max() <= 1


@pytest.mark.usefixtures("seeded_weights")
def test_features_do_not_depend_on_the_batch() -> None:
    images, encoder = images_of(bytes_of(3, 128)), InceptionEncoder()
    whole = encoder.encode(view_of(images))
    parts = [encoder.encode(view_of(each)) for each in images.split(2)]
    assert torch.equal(torch.cat(parts), whole)


def test_the_network_is_loaded_once_for_all_resizes(seeded_weights: Path) -> None:
    path = seeded_weights / WEIGHTS[INCEPTION].file
    inception._network.cache_clear()
    for resize in ("clean", "tf1"):
        InceptionEncoder(resize).encode(view_of(images_of(bytes_of(1, 64))))
    assert inception._network.cache_info().misses == 1
    assert inception._network(path, torch.device("cpu")) is inception._network(path, torch.device("cpu"))


def test_names_and_signatures() -> None:
    assert build_encoder("inception") == InceptionEncoder("clean")
    assert build_encoder("inception:tf1") == InceptionEncoder("tf1")
    signatures = {InceptionEncoder(resize).signature for resize in RESIZES}
    assert len(signatures) == len(RESIZES)
    assert all(WEIGHTS[INCEPTION].sha256[:12] in signature for signature in signatures)
    with pytest.raises(UsageError, match="Did you mean 'bilinear'"):
        build_encoder("inception:bilinaer")
