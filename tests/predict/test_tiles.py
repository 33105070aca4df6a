"""Tiles in, tiles out: the identity through every way leaves each pixel as it was."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from tests.predict.conftest import Call, codes
from tests.predict.models import small, tensors_of, torchscript, trained
from vstain_bench.errors import UsageError, VstainError
from vstain_bench.models.contract import RECIPES, Model
from vstain_bench.models.predict.fitting import Fit, fit, settle_tiling
from vstain_bench.phantom import PhantomSet

# window, overlap, batch size: whole, windows larger and smaller than a tile, with and without overlap
WAYS = [("auto", None, 1), ("whole", None, 4), (64, None, 1), (64, 0, 3), (48, 47, 2), (1024, 64, 8)]


@pytest.mark.parametrize(("window", "overlap", "batch_size"), WAYS)
def test_the_identity_gives_back_every_pixel(
    window: object, overlap: int | None, batch_size: int, odd: Path, stained: Call, tmp_path: Path
) -> None:
    outcome = stained("identity", source=odd, window=window, overlap=overlap, batch_size=batch_size)
    assert (outcome.images, outcome.made, outcome.skipped) == (4, 4, 0)
    for name in "abcd":
        assert np.array_equal(codes(tmp_path / "out" / f"{name}.png"), codes(odd / f"{name}.png")), name


@pytest.mark.parametrize("multiple", [1, 7, 32, 64])
def test_padding_to_a_multiple_is_cut_away_again(multiple: int, odd: Path, stained: Call, tmp_path: Path) -> None:
    class Same(torch.nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return images * 1

    told: list[str] = []
    stained(
        "torchscript",
        weights=str(torchscript(tmp_path / "same.pt", Same())),
        settings=(f"multiple={multiple}",),
        source=odd,
        told=told,
    )
    for name in "abcd":
        assert np.array_equal(codes(tmp_path / "out" / f"{name}.png"), codes(odd / f"{name}.png")), name
    assert any("mirrored to multiples" in line for line in told) == (multiple > 1)


def test_what_the_network_sees_is_the_mirrored_tile(odd: Path, stained: Call, tmp_path: Path) -> None:
    """A network that moves everything by 8 px shows at the lower edge what was mirrored there."""

    class Up(torch.nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return torch.roll(images, -8, dims=2)

    weights = str(torchscript(tmp_path / "up.pt", Up()))
    stained("torchscript", weights=weights, settings=("multiple=64",), source=odd)
    source, made = codes(odd / "a.png"), codes(tmp_path / "out" / "a.png")
    assert np.array_equal(made[:89], source[8:])
    assert np.array_equal(made[89:], source[88:96][::-1]), "numpy's and torch's reflection: the edge is not repeated"


@pytest.mark.parametrize("name", ["cssp2p", "pyramid_pix2pix", "asp"])
def test_a_recipe_s_checkpoint_stains_as_the_recipe_does(
    name: str, phantom: PhantomSet, stained: Call, tmp_path: Path
) -> None:
    """The same numbers as the recipe's own ``generate`` on one decoded tile, rounded; spectral norm is folded."""
    trained(tmp_path / "run", name)
    outcome = stained(name, weights=str(tmp_path / "run"), source=phantom.source)
    assert outcome.images == 12
    recipe = small(name)
    network = recipe.blank_generator()
    from safetensors.torch import load_file

    network.load_state_dict(load_file(tmp_path / "run" / "best.safetensors"), strict=True)
    tile = sorted(phantom.source.glob("*.png"))[5]
    pixels = torch.from_numpy(codes(tile) / np.float32(255)).permute(2, 0, 1)[None]
    with torch.no_grad():
        expected = recipe.generate(network.eval(), pixels)[0].permute(1, 2, 0).numpy() * 255
    difference = np.abs(codes(tmp_path / "out" / tile.name) - expected)
    assert difference.max() < 0.51
    assert difference.max() > 0.1, "premise: the image is not constant"


def test_the_batch_does_not_matter(phantom: PhantomSet, stained: Call, tmp_path: Path) -> None:
    trained(tmp_path / "run", "asp")
    for batch_size in (1, 5):
        stained("asp", weights=str(tmp_path / "run"), source=phantom.source, batch_size=batch_size, out=str(batch_size))
    for tile in sorted(phantom.source.glob("*.png")):
        one, five = (codes(tmp_path / str(size) / tile.name).astype(int) for size in (1, 5))
        assert np.abs(one - five).max() <= 1, "rounding at most"


def test_bfloat16_is_near(phantom: PhantomSet, stained: Call, tmp_path: Path) -> None:
    trained(tmp_path / "run", "pyramid_pix2pix")
    for dtype in ("fp32", "bf16"):
        stained(
            "pyramid_pix2pix", weights=str(tmp_path / "run"), source=phantom.source, dtype=dtype, limit=3, out=dtype
        )
    for tile in sorted((tmp_path / "bf16").glob("*.png")):
        full, half = (codes(tmp_path / dtype / tile.name).astype(int) for dtype in ("fp32", "bf16"))
        assert 0 < np.abs(full - half).mean() < 1.5


def test_the_settings_of_the_card_are_taken(stained: Call, phantom: PhantomSet, tmp_path: Path) -> None:
    assert small("asp") != RECIPES["asp"], "premise: without the card its weights would not fit"
    trained(tmp_path / "run", "asp")
    outcome = stained("asp", weights=str(tmp_path / "run"), source=phantom.source, limit=1)
    settings = outcome.facts["settings"]
    assert isinstance(settings, dict)
    assert settings["model"]["settings"]["width"] == 4


def test_jpeg_of_the_authors_quality(phantom: PhantomSet, stained: Call, tmp_path: Path) -> None:
    stained("identity", source=phantom.source, jpeg_quality=75)
    tile = sorted(phantom.source.glob("*.png"))[0]
    made = tmp_path / "out" / f"{tile.stem}.jpg"
    Image.open(tile).convert("RGB").save(tmp_path / "pillow.jpg")
    assert made.read_bytes() == (tmp_path / "pillow.jpg").read_bytes(), "Pillow's default, as CSSP2P-GAN writes"


def test_names_folders_and_what_lies_beside(phantom: PhantomSet, stained: Call, tmp_path: Path) -> None:
    deep = tmp_path / "deep" / "slide.1"
    deep.mkdir(parents=True)
    tile = sorted(phantom.source.glob("*.png"))[0]
    (deep / "x.y_real_A.png").write_bytes(tile.read_bytes())
    stained("identity", source=tmp_path / "deep")
    files = sorted(path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("[!.]*"))
    assert files == ["predict.json", "predicted.csv", "slide.1", "slide.1/x.y.png"]


def test_the_provenance_says_what_made_the_images(phantom: PhantomSet, stained: Call, tmp_path: Path) -> None:
    weights = torchscript(tmp_path / "net.pt", torch.nn.Identity())
    outcome = stained("torchscript", weights=str(weights), source=phantom.source, limit=2)
    facts = json.loads((tmp_path / "out" / "predict.json").read_text("utf-8"))
    assert facts == json.loads(json.dumps(outcome.facts))
    import hashlib

    assert facts["weights"] == {"file": "net.pt", "sha256": hashlib.sha256(weights.read_bytes()).hexdigest()}
    assert facts["source"]["tiles"] == facts["images"] == 2
    assert facts["source"]["partial"] is True
    assert facts["finished"] is True
    assert facts["settings"]["adapter"] == "torchscript"
    lines = (tmp_path / "out" / "predicted.csv").read_text("utf-8").splitlines()
    tile = sorted(phantom.source.glob("*.png"))[0]
    digest = hashlib.sha256(tile.read_bytes()).hexdigest()
    assert lines[1].startswith(f"{tile.stem},{tile.name},{digest},")


def model(*, multiple: int = 1, minimum_side: int = 1, side: int | None = None) -> Model:
    return Model(stain=lambda images: images, multiple=multiple, minimum_side=minimum_side, side=side)


# model, window, overlap, words of the refusal
REFUSED = [
    (model(multiple=32), 100, None, "a multiple of 32 px, such as 96 or 128"),
    (model(multiple=32, minimum_side=64), 32, None, "at least 64 px"),
    (model(side=512), 256, None, "512 px, the only side"),
    (model(), 64, 64, "an overlap of 63 px at most"),
    (model(multiple=32), 64, 40, "an overlap of 32 px at most"),
]


@pytest.mark.parametrize(("asked", "window", "overlap", "words"), REFUSED)
def test_windows_that_do_not_fit_are_refused(asked: Model, window: int, overlap: int | None, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        settle_tiling(asked, window, overlap)


# model, window, tile (width, height), padded (height, width), windows or None, or a reason
FITS: list[tuple[Model, int | str, tuple[int, int], object]] = [
    (model(multiple=32), "auto", (100, 60), (64, 128, None)),
    (model(multiple=16, minimum_side=128), "auto", (70, 300), (304, 128, None)),
    (model(), "auto", (2048, 2048), (2048, 2048, None)),
    (model(), "auto", (2049, 600), (600, 2049, 3)),
    (model(), "whole", (5000, 5000), (5000, 5000, None)),
    (model(multiple=16), 64, (64, 100), (112, 64, 2)),
    (model(side=64), "auto", (64, 64), (64, 64, None)),
    (model(side=64), "auto", (40, 40), (64, 64, None)),
    (model(side=64), "auto", (64, 100), (100, 64, 2)),
    (model(side=64), "whole", (64, 100), "takes 64×64 px alone"),
    (model(side=64), "auto", (32, 32), "too small"),
    (model(minimum_side=128), "auto", (64, 200), "too small"),
]


@pytest.mark.parametrize(("asked", "window", "size", "expected"), FITS)
def test_how_tiles_go_through(asked: Model, window: object, size: tuple[int, int], expected: object) -> None:
    tiling = settle_tiling(asked, window, None)  # type: ignore[arg-type]  # windows are a table
    found = fit(size, tiling, asked.side)
    if isinstance(expected, str):
        assert isinstance(found, str)
        assert expected in found
    else:
        assert isinstance(found, Fit)
        assert (found.height, found.width, found.windows and found.windows.count) == expected


@pytest.mark.parametrize("offset", [0.3, float("nan")])
def test_a_network_of_another_range_is_told(offset: float, phantom: PhantomSet, stained: Call, tmp_path: Path) -> None:
    class Off(torch.nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return images + offset

    weights = str(torchscript(tmp_path / "off.pt", Off()))
    with pytest.raises(VstainError, match="the network gives values from") as caught:
        stained("torchscript", weights=weights, source=phantom.source)
    assert ("--set output" in str(caught.value)) == (offset == 0.3)


def test_a_network_of_another_shape_is_told(phantom: PhantomSet, stained: Call, tmp_path: Path) -> None:
    weights = str(torchscript(tmp_path / "half.pt", torch.nn.AvgPool2d(2)))
    with pytest.raises(VstainError, match="1×3×32×32 for 1×3×64×64"):
        stained("torchscript", weights=weights, source=phantom.source)


def test_state_dicts_in_tests_are_whole() -> None:
    assert len(tensors_of(small("asp").blank_generator())) == 36
