"""Ways of running a model: what the authors' scripts do is an option, and even that is repeatable."""

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from tests.predict.conftest import Call, codes
from tests.predict.models import generator, small, trained
from vstain_bench.base.randomness import seed_of
from vstain_bench.errors import UsageError
from vstain_bench.models.recipe_adapters import adapters
from vstain_bench.phantom import PhantomSet


def images_of(folder: Path) -> dict[str, np.ndarray]:
    return {path.stem: codes(path).astype(int) for path in sorted(folder.glob("*.png"))}


def by_hand(network: nn.Module, pixels: torch.Tensor, tile: str, seed: int) -> np.ndarray:
    """Pyramid Pix2Pix in training mode on one tile, cut to 8 bits as tensor2im cuts.

    Dropout draws in the order of memory, hence channels last, as the job has them.
    """
    network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch lacks it
    torch.manual_seed(seed_of("predict", seed, tile))
    with torch.no_grad():
        made = network.train()(2 * pixels.contiguous(memory_format=torch.channels_last) - 1)[0]
    return ((made.permute(1, 2, 0).numpy() + 1) / 2 * 255).astype(np.uint8).astype(int)


def test_pyramid_pix2pix_as_its_authors_test_it(phantom: PhantomSet, stained: Call, tmp_path: Path) -> None:
    """Batch norm by the tile itself and dropout on: the network in training mode, one tile at a time, seeded."""
    trained(tmp_path / "run", "pyramid_pix2pix")
    asked = {"weights": str(tmp_path / "run"), "source": phantom.source, "mode": "released", "batch_size": 8}
    stained("pyramid_pix2pix", **asked, limit=4, seed=5)
    network = generator("pyramid_pix2pix")
    for tile, made in images_of(tmp_path / "out").items():
        pixels = torch.from_numpy(codes(phantom.source / f"{tile}.png") / np.float32(255)).permute(2, 0, 1)[None]
        assert np.abs(made - by_hand(network, pixels, tile, 5)).max() <= 1
        assert (made == by_hand(network, pixels, tile, 5)).mean() > 0.99


def test_released_is_repeatable_and_another_seed_another_image(
    phantom: PhantomSet, stained: Call, tmp_path: Path
) -> None:
    trained(tmp_path / "run", "pyramid_pix2pix")
    asked = {"weights": str(tmp_path / "run"), "source": phantom.source, "mode": "released"}
    stained("pyramid_pix2pix", **asked, limit=1, out="one")
    stained("pyramid_pix2pix", **asked, limit=4, out="four")
    stained("pyramid_pix2pix", **asked, limit=4, out="again")
    stained("pyramid_pix2pix", **asked, limit=4, seed=1, out="other")
    first = next(iter(images_of(tmp_path / "one")))
    four, again, other = (images_of(tmp_path / name) for name in ("four", "again", "other"))
    assert np.array_equal(images_of(tmp_path / "one")[first], four[first]), "what came before does not matter"
    for tile in four:
        assert np.array_equal(four[tile], again[tile])
        assert np.abs(four[tile] - other[tile]).mean() > 1, "dropout is on"


def test_released_differs_from_eval_as_stated(phantom: PhantomSet, stained: Call, tmp_path: Path) -> None:
    """Pyramid Pix2Pix: another image. ASP and CSSP2P: the same network to 1e-4, cut instead of rounded."""
    for name in ("pyramid_pix2pix", "asp", "cssp2p"):
        trained(tmp_path / name, name)
        for mode in ("eval", "released"):
            stained(name, weights=str(tmp_path / name), source=phantom.source, mode=mode, limit=2, out=f"{name}-{mode}")
        eval_, released = (images_of(tmp_path / f"{name}-{mode}") for mode in ("eval", "released"))
        differences = np.concatenate([(eval_[tile] - released[tile]).ravel() for tile in eval_])
        if name == "pyramid_pix2pix":
            assert np.abs(differences).mean() > 2
        elif name == "cssp2p":
            assert set(np.unique(differences)) == {0, 1}
            assert 0.4 < differences.mean() < 0.6, "half of the values are rounded up"


def test_cssp2p_writes_the_bytes_of_its_authors_script(phantom: PhantomSet, stained: Call, tmp_path: Path) -> None:
    """By torchvision's own transforms, as CSSP2P-GAN 9032585 reads (stain_dataset.py:34-40) and writes tiles.

    Read as k / 255, a few values in ten thousand are cut to another code, and the files differ.
    """
    from vstain_bench.networks.torchvision_schema import prepare_torchvision

    prepare_torchvision()
    from torchvision.transforms import v2

    trained(tmp_path / "run", "cssp2p")
    stained("cssp2p", weights=str(tmp_path / "run"), source=phantom.source, mode="released", jpeg_quality=75)
    network = generator("cssp2p").eval()
    read = v2.Compose([v2.ToImage(), v2.ToDtype(torch.float32, scale=True)])
    normalise = v2.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    made = sorted((tmp_path / "out").rglob("*.jpg"))
    assert len(made) == 12
    for file in made:
        source = Image.open(phantom.source / f"{file.stem}.png").convert("RGB")
        with torch.inference_mode():
            images = normalise(read(source))[None].contiguous(memory_format=torch.channels_last)  # as the job has them
            expected = v2.ToPILImage()(network(images)[0])
        written = io.BytesIO()
        expected.save(written, format="JPEG")
        assert file.read_bytes() == written.getvalue()


def test_asp_takes_one_power_iteration_and_forgets_it(phantom: PhantomSet, stained: Call, tmp_path: Path) -> None:
    """As a forward pass in training mode from the stored vectors; the second tile is as if it were the first."""
    trained(tmp_path / "run", "asp")
    asked = {"weights": str(tmp_path / "run"), "source": phantom.source, "mode": "released"}
    stained("asp", **asked, limit=3)
    for tile, made in images_of(tmp_path / "out").items():
        pixels = torch.from_numpy(codes(phantom.source / f"{tile}.png") / np.float32(255)).permute(2, 0, 1)[None]
        with torch.no_grad():
            expected = small("asp").generate(generator("asp").train(), pixels)[0].permute(1, 2, 0).numpy() * 255
        assert np.abs(made + 0.5 - expected).max() < 0.51


def test_the_mode_is_stated(phantom: PhantomSet, stained: Call, tmp_path: Path) -> None:
    trained(tmp_path / "run", "pyramid_pix2pix")
    outcome = stained("pyramid_pix2pix", weights=str(tmp_path / "run"), source=phantom.source, mode="released", limit=1)
    assert "dropout on" in str(outcome.facts["mode"])
    settings = outcome.facts["settings"]
    assert isinstance(settings, dict)
    assert (settings["mode"], settings["seed"]) == ("released", 0)


@pytest.mark.parametrize("name", ["identity", "torchscript", "onnx"])
def test_who_has_no_authors_has_no_released_mode(name: str, phantom: PhantomSet, stained: Call) -> None:
    assert set(adapters()[name].modes) == {"eval"}
    with pytest.raises(UsageError, match=r"--mode released.*no such mode.*eval"):
        stained(name, source=phantom.source, mode="released")
