"""What is trained on: the sets and who is in them, the order, windows and flips, the memory of decoded tiles."""

import csv
import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from tests.training.runs import TOY, config
from vstain_bench.base.config import change
from vstain_bench.base.registry import load_plugins
from vstain_bench.errors import InputError, UsageError
from vstain_bench.images.reader import read_image
from vstain_bench.models.contract import RECIPES, Recipe
from vstain_bench.models.training.loader import PairLoader, Portion
from vstain_bench.models.training.sampling import Sampling
from vstain_bench.models.training.tile_sets import TileSets, read_tile_sets, require_sizes
from vstain_bench.phantom import PhantomSet
from vstain_bench.words import Tile


@pytest.fixture(autouse=True)
def _toy() -> None:
    load_plugins((TOY,))


def toy(**values: object) -> Recipe:
    return change(RECIPES["toy"], values, where="test")


def sets(manifest: Path | None, **values: Any) -> TileSets:
    return read_tile_sets(config(manifest, **values))


def groups(tiles: Sequence[Tile]) -> set[str | None]:
    return {tile.group for tile in tiles}


# --- which tiles ---


def test_whole_patients_are_held_out(phantom: PhantomSet) -> None:
    found = sets(phantom.manifest)
    assert len(found.train.tiles) + len(found.validation.tiles) == 12
    assert len(groups(found.validation.tiles)) == 1
    assert not groups(found.train.tiles) & groups(found.validation.tiles)
    assert found.origin == "1 of 3 patients held out (share 0.1, seed 0)"
    assert found.train.facts()["digest"] != found.validation.facts()["digest"]
    chosen = {tuple(groups(sets(phantom.manifest, seed=seed).validation.tiles)) for seed in range(12)}
    assert len(chosen) == 3, "another seed holds out another patient"


@pytest.mark.parametrize(("share", "patients"), [(0.1, 1), (0.33, 1), (0.5, 2), (0.9, 2)])
def test_the_share_is_reached_and_one_patient_is_left(phantom: PhantomSet, share: float, patients: int) -> None:
    found = sets(phantom.manifest, val_share=share)
    assert len(groups(found.validation.tiles)) == patients
    assert found.train.tiles


def test_without_patients_single_tiles_are_held_out_and_that_is_said(phantom: PhantomSet) -> None:
    found = sets(phantom.manifest, groups="none", val_share=0.25)
    assert len(found.validation.tiles) == 3
    assert "tiles held out" in found.origin
    assert any("patients are not known" in note for note in found.notes)


def with_splits(phantom: PhantomSet, folder: Path, splits: dict[str, str]) -> Path:
    """The manifest with a column ``split`` by patient, its paths absolute."""
    with phantom.manifest.open(newline="", encoding="utf-8") as stream:
        lines = list(csv.DictReader(stream))
    for line in lines:
        line |= {side: str(phantom.folder / line[side]) for side in ("source", "real")}
        line["split"] = splits[line["group"]]
        del line["generated"]
    path = folder / "splits.csv"
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, lines[0])
        writer.writeheader()
        writer.writerows(lines)
    return path


def test_splits_of_a_manifest(phantom: PhantomSet, tmp_path: Path) -> None:
    manifest = with_splits(phantom, tmp_path, {"p01": "train", "p02": "val", "p03": "test"})
    found = sets(manifest, val_split="val")
    assert (groups(found.train.tiles), groups(found.validation.tiles)) == ({"p01"}, {"p02"})
    assert found.origin == "split val of the manifest"
    other = sets(manifest, split="test", val_split="train")
    assert (groups(other.train.tiles), groups(other.validation.tiles)) == ({"p03"}, {"p01"})
    separate = sets(manifest, val_manifest=manifest, val_split="test")
    assert groups(separate.validation.tiles) == {"p03"}


def test_folders_to_validate_on(phantom: PhantomSet) -> None:
    folders: dict[str, Any] = {"real": phantom.real, "source": phantom.source, "groups": "none"}
    with pytest.raises(InputError, match="12 of its 12 tiles are trained on, too"):
        sets(None, **folders, val_real=phantom.real, val_source=phantom.source)
    found = sets(None, **folders, val_real=phantom.models["faithful"], val_source=phantom.source)
    assert len(found.train.tiles) == len(found.validation.tiles) == 12


# what is asked for, and what the error says
REFUSED: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"nothing": True}, UsageError, "no folder of real tiles was given"),
    ({"val_split": "val", "val_share": 0.2}, UsageError, "two origins of the validation tiles"),
    ({"val_real": Path("x")}, UsageError, "a folder of each side, or neither"),
    ({"val_split": "val"}, UsageError, r"no tile of that split.*a filled column 'split'"),
    ({"split": "train"}, UsageError, "--split train: no tile of that split"),
    ({"limit": 4}, InputError, "all 4 tiles are of one patient"),
]


@pytest.mark.parametrize(("values", "kind", "words"), REFUSED)
def test_what_cannot_be_trained_on_is_refused(
    phantom: PhantomSet, values: dict[str, Any], kind: type[Exception], words: str
) -> None:
    manifest = None if values.pop("nothing", False) else phantom.manifest
    with pytest.raises(kind, match=words):
        sets(manifest, **values)


def test_a_manifest_with_splits_trains_on_train_alone(phantom: PhantomSet, tmp_path: Path) -> None:
    manifest = with_splits(phantom, tmp_path, {"p01": "train", "p02": "train", "p03": "test"})
    assert groups(sets(manifest).train.tiles) | groups(sets(manifest).validation.tiles) == {"p01", "p02"}
    strange = with_splits(phantom, tmp_path, {"p01": "a", "p02": "a", "p03": "b"})
    with pytest.raises(UsageError, match=r"--split train: no tile of that split; expected one of a, b"):
        sets(strange)


def test_a_patient_on_both_sides_is_refused(phantom: PhantomSet, tmp_path: Path) -> None:
    manifest = with_splits(phantom, tmp_path, {"p01": "train", "p02": "train", "p03": "val"})
    with pytest.raises(InputError, match=r"1 of 1 patients are trained on, too \(first: 'p02'\)"):
        sets(manifest, val_manifest=phantom_lines(phantom, tmp_path, "p02"))


def phantom_lines(phantom: PhantomSet, folder: Path, group: str) -> Path:
    """A manifest of copies of one patient's tiles."""
    kept = [spec for spec in phantom.tiles if spec.group == group]
    lines = ["tile,source,real,group"]
    for spec in kept:
        for side, place in (("HE", phantom.source), ("IHC", phantom.real)):
            (folder / f"{side}_{spec.tile}.png").write_bytes((place / f"{spec.tile}.png").read_bytes())
        lines.append(f"{spec.tile},HE_{spec.tile}.png,IHC_{spec.tile}.png,{group}")
    path = folder / "one.csv"
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def test_tiles_without_an_he_are_refused(phantom: PhantomSet) -> None:
    with pytest.raises(InputError, match=r"12 of 12 tiles have no H&E.*Pass --source DIR"):
        sets(None, real=phantom.real)


def test_missing_partners_are_named(phantom_copy: PhantomSet) -> None:
    next(iter(sorted(phantom_copy.source.iterdir()))).unlink()
    asked: dict[str, Any] = {"real": phantom_copy.real, "source": phantom_copy.source}
    with pytest.raises(InputError, match="1 of 12 tiles cannot be trained on") as told:
        sets(None, **asked)
    assert "has no H&E source" in str(told.value)
    assert len(sets(None, **asked, on_error="skip", groups="none").train.tiles) < 12


# recipe, and what the error says of tiles of 64 px
SIZES = [
    ({"crop": 66}, r"64×64 px \(8 of 8 tiles do not fit\).*the crop of recipe toy, 66 px.*--set crop=64"),
    ({"crop": None}, None),
    ({"crop": 64}, None),
]


@pytest.mark.parametrize(("values", "words"), SIZES)
def test_sizes_must_fit_the_recipe(phantom: PhantomSet, values: dict[str, Any], words: str | None) -> None:
    found = sets(phantom.manifest)
    if words is None:
        require_sizes(found, toy(**values), "toy")
    else:
        with pytest.raises(InputError, match=words):
            require_sizes(found, toy(**values), "toy")


def resized(phantom: PhantomSet, tile: int, size: tuple[int, int]) -> None:
    for folder in (phantom.source, phantom.real):
        path = folder / f"{phantom.tiles[tile].tile}.png"
        with Image.open(path) as image:
            smaller = image.resize(size)
        smaller.save(path)


def test_whole_tiles_must_be_alike_and_a_multiple(phantom_copy: PhantomSet) -> None:
    resized(phantom_copy, 1, (60, 64))
    found = sets(phantom_copy.manifest, val_share=0.3)
    train = 1 if phantom_copy.tiles[1].group in groups(found.train.tiles) else 0
    assert train, "premise: the resized tile is trained on"
    with pytest.raises(InputError, match=r"tiles of one size .*--set batch_size=1"):
        require_sizes(found, toy(crop=None), "toy")
    require_sizes(found, toy(crop=None, batch_size=1), "toy")
    resized(phantom_copy, 1, (63, 64))
    with pytest.raises(InputError, match=r"63×64 px .*multiples of 2 px.*--set crop=62"):
        require_sizes(sets(phantom_copy.manifest, val_share=0.3), toy(crop=None, batch_size=1), "toy")


# --- what of them ---


def test_an_epoch_sees_each_pair_once_in_another_order() -> None:
    sampling = Sampling(toy(), 20, seed=1)
    first, second = sampling.order(1), sampling.order(2)
    assert sorted(first) == sorted(second) == list(range(20))
    assert list(first) != list(second)
    assert list(Sampling(toy(), 20, seed=2).order(1)) != list(first)
    replaced = Sampling(toy(with_replacement=True), 200, seed=1).order(1)
    assert len(replaced) == 200
    assert 100 < len(set(replaced)) < 150  # 1 − 1/e of them


def test_windows_cover_the_tile_and_flips_are_halves() -> None:
    sampling = Sampling(toy(crop=8), 1, seed=0)
    windows = [sampling.crop(1, place, (20, 14)) for place in range(600)]
    assert {window.left for window in windows} == set(range(13))
    assert {window.top for window in windows} == set(range(7))
    for flips in ([window.left_right for window in windows], [window.top_bottom for window in windows]):
        assert 0.42 < np.mean(flips) < 0.58
    both = [window.left_right == window.top_bottom for window in windows]
    assert 0.42 < np.mean(both) < 0.58, "one flip says nothing of the other"
    still = Sampling(toy(crop=None, horizontal_flip=False, vertical_flip=False), 1, seed=0).crop(1, 0, (20, 14))
    pixels = np.arange(14 * 20 * 3).reshape(14, 20, 3)
    assert np.array_equal(still.cut(pixels), pixels)


def loader(found: TileSets, recipe: Recipe, **values: Any) -> PairLoader:
    options: dict[str, Any] = {"portion": Portion(), "workers": 0, "memory": 0, **values}
    sampling = Sampling(recipe, len(found.train.tiles), seed=4)
    return PairLoader(found.train, sampling, device=torch.device("cpu"), **options)


def test_both_sides_are_cut_alike(phantom: PhantomSet) -> None:
    """Where H&E and IHC are one and the same file, what comes out is, too; and it is the window of the file."""
    found = sets(phantom.manifest, val_share=0.3)
    same = tuple(Tile(id=t.id, real=t.real, generated={}, source=t.real) for t in found.train.tiles)
    twins = TileSets(
        type(found.train)(same, found.train.sizes, found.train.policy, "manifest"), found.validation, "", ()
    )
    recipe = toy(crop=24)
    sampling = Sampling(recipe, len(same), seed=4)
    place = 0
    for (share,) in loader(twins, recipe).epoch(3):
        assert torch.equal(share.pair.source, share.pair.real)
        for image in share.pair.real:
            pair = sampling.order(3)[place]
            pixels = sampling.crop(3, place, twins.train.sizes[pair]).cut(read_image(same[pair].real).pixels)
            assert np.array_equal(image.permute(1, 2, 0).numpy(), pixels)
            place += 1
    assert place == len(same)


@pytest.mark.parametrize(
    "values",
    [{"workers": 3}, {"memory": 10**9}, {"memory": 50_000, "workers": 2}, {"channels_last": False}],
    ids=["workers", "memory", "little memory", "channels first"],
)
def test_workers_memory_and_layout_change_no_pixel(phantom: PhantomSet, values: dict[str, Any]) -> None:
    found = sets(phantom.manifest)
    plain, other = loader(found, toy()), loader(found, toy(), **values)
    for epoch in (1, 2):
        for (one,), (two,) in zip(plain.epoch(epoch), other.epoch(epoch), strict=True):
            assert torch.equal(one.pair.source, two.pair.source)
            assert torch.equal(one.pair.real, two.pair.real)
    (share,) = next(iter(other.epoch(1)))
    layout = torch.contiguous_format if values.get("channels_last") is False else torch.channels_last
    assert share.pair.source.is_contiguous(memory_format=layout)


def test_the_middle_of_an_epoch_is_the_middle(phantom: PhantomSet) -> None:
    made = loader(sets(phantom.manifest), toy(), workers=1)
    whole = list(made.epoch(2))
    assert len(whole) == made.steps == 4
    for (one,), (two,) in zip(whole[2:], made.epoch(2, first=2), strict=True):
        assert torch.equal(one.pair.real, two.pair.real)


def test_memory_holds_what_fits_and_files_are_read_once(phantom: PhantomSet, monkeypatch: pytest.MonkeyPatch) -> None:
    found, counted = sets(phantom.manifest), itertools.count()

    def counting(*arguments: Any) -> Any:
        next(counted)
        return read_image(*arguments)

    monkeypatch.setattr("vstain_bench.models.training.loader.read_image", counting)
    both_sides = 2 * 64 * 64 * 3
    for room, reads in ((0, 2 * 16), (10**6, 16), (3 * both_sides, 2 * 16 - 6)):
        counted = itertools.count()
        made = loader(found, toy(), memory=room)
        for epoch in (1, 2):
            list(made.epoch(epoch))
        assert next(counted) == reads, f"{room} bytes"


def test_sixteen_bits_survive_the_memory(phantom_copy: PhantomSet) -> None:
    """Codes of 8 bits are kept as such; what lies between them is kept as it is."""
    import imagecodecs

    rng = np.random.default_rng(0)
    for folder, spec in itertools.product((phantom_copy.source, phantom_copy.real), phantom_copy.tiles):
        pixels = rng.integers(0, 65536, (64, 64, 3), dtype=np.uint16)
        (folder / f"{spec.tile}.png").write_bytes(imagecodecs.png_encode(pixels))
    found = sets(phantom_copy.manifest, decode="depth=scale16")
    plain, kept = loader(found, toy()), loader(found, toy(), memory=10**9)
    list(kept.epoch(1))
    for (one,), (two,) in zip(plain.epoch(1), kept.epoch(1), strict=True):
        assert torch.equal(one.pair.real, two.pair.real)
    codes = one.pair.real * 255
    assert float((codes - codes.round()).abs().max()) > 0.1, "premise: not 8-bit codes"
