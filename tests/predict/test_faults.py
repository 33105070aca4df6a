"""What an ordinary user gets wrong: each is told in four parts, with the exit code of its kind, and leaves nothing."""

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.predict.models import torchscript, trained
from vstain_bench.base.config import SourceConfig
from vstain_bench.cli.main import call
from vstain_bench.images.reader import DecodePolicy, read_image
from vstain_bench.models.predict.plausible import MAGENTA, magenta_excess
from vstain_bench.phantom import PhantomSet
from vstain_bench.tiles.sources import read_sources
from vstain_bench.words import ImageFile

Arrange = Callable[[PhantomSet, Path], list[str]]


def he(phantom: PhantomSet, folder: Path) -> list[str]:
    return ["--source", str(phantom.source)]


def empty(phantom: PhantomSet, folder: Path) -> list[str]:
    (folder / "empty").mkdir()
    return ["--source", str(folder / "empty")]


def twice(phantom: PhantomSet, folder: Path) -> list[str]:
    tile = sorted(phantom.source.glob("*.png"))[0]
    (folder / "twice").mkdir()
    shutil.copy(tile, folder / "twice" / "a.png")
    Image.open(tile).convert("RGB").save(folder / "twice" / "a.jpg")
    return ["--source", str(folder / "twice")]


def small(phantom: PhantomSet, folder: Path) -> list[str]:
    tile = sorted(phantom.source.glob("*.png"))[0]
    (folder / "small").mkdir()
    Image.open(tile).crop((0, 0, 20, 30)).save(folder / "small" / "a.png")
    return ["--source", str(folder / "small")]


def outside(phantom: PhantomSet, folder: Path) -> list[str]:
    tile = sorted(phantom.source.glob("*.png"))[0]
    (folder / "tiles.csv").write_text(f"tile,source\n../a,{tile}\nb,\nc,{tile}\n", "utf-8")
    return ["--manifest", str(folder / "tiles.csv")]


# adapter and options, the H&E, exit code, words of the error
MISTAKES: list[tuple[list[str], Arrange, int, list[str]]] = [
    (["identity"], lambda phantom, folder: ["--source", str(phantom.real)], 3, ["look like an IHC", "--any-stain"]),
    (["identity"], empty, 3, ["no image file", "files ending in"]),
    (["identity"], lambda phantom, folder: ["--source", str(folder / "HEE")], 2, ["no such folder"]),
    (["identity"], lambda phantom, folder: [], 2, ["no folder", "one of --source DIR"]),
    (["identity"], lambda phantom, folder: [*he(phantom, folder), "--dataset", "bci"], 2, ["--source and --dataset"]),
    (["identity", "--layout", "pix2pix"], he, 2, ["no layout of H&E alone", "parallel, side-by-side"]),
    (["identity"], twice, 3, ["tile 'a' has several files", "cannot be stained"]),
    (["identity"], outside, 3, ["'../a' would be written outside", "tile 'b' has no source"]),
    (["identity", "--weights", "x"], he, 2, ["identity has no weights"]),
    (["identity", "--set", "a=1"], he, 2, ["identity has no settings"]),
    (["identity", "--overlap", "64", "--window", "64"], he, 2, ["could not advance", "63 px at most", "--overlap 8"]),
    (["identity", "--window", "wide"], he, 2, ["--window: 'wide'"]),
    (["identity", "--jpeg-quality", "101"], he, 2, ["'--jpeg-quality'", "100"]),
    (["idntity"], he, 2, ["Did you mean 'identity'"]),
    (["cssp2p"], he, 2, ["no --weights", "a checkpoint of 'vstain-bench train cssp2p'", "ever predicted with random"]),
    (["cssp2p", "--weights", "{folder}/best.safetenors"], he, 2, ["no such file", "Did you mean 'best.safetensors'"]),
    (["cssp2p", "--weights", "{folder}/none"], he, 2, ["no such file", "authors:NAME"]),
    (["cssp2p", "--weights", "authors:bci"], he, 2, ["no file of cssp2p's authors is known"]),
    (["asp", "--weights", "authors:mist-her3"], he, 2, ["Did you mean 'mist-her2'"]),
    (["asp", "--weights", "authors:mist-her2"], he, 6, ["drive.google.com", "latest_net_G.pth", "Put it at"]),
    (["asp", "--weights", "{folder}"], he, 2, ["trained as 'cssp2p'", "predict cssp2p"]),
    (["asp", "--weights", "{folder}/net.pt"], he, 6, ["A TorchScript file needs no recipe"]),
    (["torchscript", "--weights", "{folder}/best.safetensors"], he, 6, ["no TorchScript module", "A state dict goes"]),
    (["cssp2p", "--weights", "{folder}", "--window", "100"], he, 2, ["a multiple of 32 px, such as 96 or 128"]),
    (["cssp2p", "--weights", "{folder}", "--window", "32"], he, 2, ["at least 64 px"]),
    (["cssp2p", "--weights", "{folder}", "--mode", "realeased"], he, 2, ["Did you mean 'released'"]),
    (["cssp2p", "--weights", "{folder}", "--dtype", "fp16"], he, 2, ["dtype"]),
    (["cssp2p", "--weights", "{folder}", "--device", "cuda:7"], he, 6, ["CUDA devices on this machine"]),
    (["cssp2p", "--weights", "{folder}"], small, 3, ["20×30 px: too small", "64 px a side or more"]),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "arrange", "code", "words"), MISTAKES)
def test_mistakes_are_told(
    arguments: list[str],
    arrange: Arrange,
    code: int,
    words: list[str],
    phantom: PhantomSet,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = trained(tmp_path / "run", "cssp2p")
    torchscript(folder / "net.pt", __import__("torch").nn.Identity())
    given = [part.replace("{folder}", str(folder)) for part in arguments]
    out = tmp_path / "out"
    assert call(["predict", *given, *arrange(phantom, folder), "--out", str(out), "-q"]) == code
    told = capsys.readouterr().err
    for word in words:
        assert word in told
    assert not out.exists(), "nothing is left behind"


def test_other_stains_are_taken_on_request(phantom: PhantomSet, tmp_path: Path) -> None:
    arguments = ["predict", "identity", "--source", str(phantom.real), "--out", str(tmp_path / "out"), "-q"]
    assert call([*arguments, "--any-stain"]) == 0


def excess(folder: Path) -> float:
    found = magenta_excess([read_image(ImageFile(path)).pixels for path in sorted(folder.glob("*.png"))])
    assert found is not None
    return found


def test_phantoms_are_told_apart(phantom: PhantomSet) -> None:
    assert excess(phantom.source) > 4 * MAGENTA
    assert excess(phantom.real) < MAGENTA / 2


@pytest.mark.real_data
def test_real_tiles_are_told_apart(bci_pairs: Path, bci_blurry: Path) -> None:
    assert excess(bci_pairs / "HE") > 2 * MAGENTA
    for folder in (bci_pairs / "IHC", bci_pairs / "model_output_runA", bci_blurry / "IHC"):
        assert excess(folder) < 0


def test_the_excess_is_that_of_the_light(tmp_path: Path) -> None:
    """One stain on white glass, by Beer-Lambert: (G − max(R, B)) / mean of its vector, whatever the strength."""
    for vector in ((0.07, 0.99, 0.11), (0.27, 0.57, 0.78), (0.65, 0.70, 0.29)):
        expected = (vector[1] - max(vector[0], vector[2])) / (sum(vector) / 3)
        pixels = np.ones((64, 64, 3), np.float32)
        pixels[:32] = 10 ** -(np.linspace(0.3, 0.9, 32)[:, None, None] * np.array(vector))
        assert magenta_excess([pixels]) == pytest.approx(expected, abs=1e-4)


def test_blank_glass_is_no_evidence(tmp_path: Path) -> None:
    assert magenta_excess([np.full((64, 64, 3), 0.95, np.float32)]) is None
    folder = tmp_path / "glass"
    folder.mkdir()
    Image.new("RGB", (64, 64), (242, 242, 242)).save(folder / "a.png")
    assert call(["predict", "identity", "--source", str(folder), "--out", str(tmp_path / "out"), "-q"]) == 0


def test_pairs_side_by_side_are_noticed_and_read(
    phantom: PhantomSet, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "pairs"
    folder.mkdir()
    for path in sorted(phantom.source.glob("*.png"))[:3]:
        both = np.concatenate([np.asarray(Image.open(side / path.name)) for side in (phantom.source, phantom.real)], 1)
        Image.fromarray(both).save(folder / path.name)
    arguments = ["predict", "identity", "--source", str(folder), "--out"]
    assert call([*arguments, str(tmp_path / "whole"), "--any-stain"]) == 0
    assert "--layout side-by-side" in capsys.readouterr().err
    assert call([*arguments, str(tmp_path / "left"), "--layout", "side-by-side"]) == 0
    for path in (tmp_path / "left").glob("*.png"):
        assert np.array_equal(np.asarray(Image.open(path)), np.asarray(Image.open(phantom.source / path.name)))


def test_a_data_set_needs_no_ihc(phantom: PhantomSet, tmp_path: Path) -> None:
    """BCI's layout with its H&E alone; names follow it."""
    folder = tmp_path / "bci" / "HE" / "test"
    folder.mkdir(parents=True)
    for number, path in enumerate(sorted(phantom.source.glob("*.png"))[:3]):
        shutil.copy(path, folder / f"0000{number}_test_1+.png")
    arguments = [
        "predict",
        "identity",
        "--dataset",
        "bci",
        "--root",
        str(tmp_path / "bci"),
        "--out",
        str(tmp_path / "o"),
    ]
    assert call([*arguments, "-q"]) == 0
    assert sorted(path.name for path in (tmp_path / "o").glob("*.png")) == [f"0000{n}_test_1+.png" for n in range(3)]
    assert call([*arguments, "-q", "--split", "val"]) == 2


def test_a_manifest_names_the_tiles(phantom: PhantomSet, tmp_path: Path) -> None:
    with phantom.manifest.open(newline="") as stream:
        tiles = [line["tile"] for line in csv.DictReader(stream)]
    out = tmp_path / "out"
    assert call(["predict", "identity", "--manifest", str(phantom.manifest), "--out", str(out), "-q"]) == 0
    assert sorted(path.stem for path in out.glob("*.png")) == sorted(tiles)


def test_skipping_is_listed_and_ends_with_4(phantom_copy: PhantomSet, tmp_path: Path) -> None:
    tiles = sorted(phantom_copy.source.glob("*.png"))
    tiles[0].write_bytes(b"no image")
    Image.open(tiles[1]).crop((0, 0, 20, 20)).save(tiles[1])
    folder, out = trained(tmp_path / "run", "cssp2p"), tmp_path / "out"
    arguments = ["predict", "cssp2p", "--weights", str(folder), "--source", str(phantom_copy.source), "-q"]
    assert call([*arguments, "--out", str(out)]) == 3
    assert call([*arguments, "--out", str(out), "--on-error", "skip"]) == 4
    with (out / "skipped.csv").open(newline="") as stream:
        assert [(line["tile"], line["kind"]) for line in csv.DictReader(stream)] == [
            (tiles[0].stem, "decode"),
            (tiles[1].stem, "size"),
        ]
    assert len(list(out.glob("*.png"))) == 10
    assert json.loads((out / "predict.json").read_text("utf-8"))["skipped"] == 2


def test_the_listing_is_of_names_and_sizes(phantom_copy: PhantomSet) -> None:
    def listing() -> str:
        return read_sources(SourceConfig(source=phantom_copy.source), DecodePolicy()).listing

    before = listing()
    first = sorted(phantom_copy.source.glob("*.png"))[0]
    assert listing() == before
    first.rename(first.with_name("renamed.png"))
    assert listing() != before
