"""Every layout of the field becomes the same tiles: keys, groups, labels, halves."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from vstain_bench.base.config import RunConfig, make_config
from vstain_bench.errors import InputError, UsageError
from vstain_bench.images.reader import encode_png
from vstain_bench.tiles.inputs import Inputs, read_inputs, require_complete
from vstain_bench.tiles.layouts import LAYOUTS

GREY = np.full((16, 16, 3), 128 / 255, dtype=np.float32)
WIDE = np.full((16, 32, 3), 128 / 255, dtype=np.float32)


def write(folder: Path, names: list[str], pixels: np.ndarray = GREY, extension: str = ".png") -> Path:
    """Write one image per name; each differs from the others."""
    folder.mkdir(parents=True, exist_ok=True)
    for place, name in enumerate(names):
        image = pixels.copy()
        image[0, 0] = place / 255
        image[0, 1] = len(folder.name) / 255
        path = folder / f"{name}{extension}"
        path.parent.mkdir(parents=True, exist_ok=True)
        encode_png(path, image)
    return folder


def read(**values: object) -> Inputs:
    return read_inputs(make_config(values))


def tags(inputs: Inputs) -> dict[str, tuple[str | None, str | None]]:
    return {tile.id: (tile.group, tile.label) for tile in inputs.audit.tiles}


def test_parallel_folders_pair_by_name_whatever_the_extension(tmp_path: Path) -> None:
    generated, real = write(tmp_path / "g", ["b", "a"]), write(tmp_path / "r", ["a", "b"], extension=".PNG")
    inputs = read(generated={"m": generated}, real=real)
    assert [(tile.id, tile.generated["m"].path.name, tile.real.path.name) for tile in inputs.audit.tiles] == [
        ("a", "a.png", "a.PNG"),
        ("b", "b.png", "b.PNG"),
    ]
    assert tags(inputs) == {"a": (None, None), "b": (None, None)}


def test_side_suffixes_are_recognised_and_said(tmp_path: Path) -> None:
    generated, real = write(tmp_path / "g", ["1_fake_B", "2_fake_B"]), write(tmp_path / "r", ["1_real_B", "2_real_B"])
    inputs = read(generated={"m": generated}, real=real)
    assert sorted(tags(inputs)) == ["1", "2"]
    assert any("side suffix stripped" in note for note in inputs.audit.notes)


def test_subfolders_are_part_of_the_key(tmp_path: Path) -> None:
    names = ["case1/a", "case2/a"]
    inputs = read(
        generated={"m": write(tmp_path / "g", names)}, real=write(tmp_path / "r", names), groups="regex:^([^/]+)/"
    )
    assert tags(inputs) == {"case1/a": ("case1", None), "case2/a": ("case2", None)}


def test_pix2pix_results_need_no_other_folder(tmp_path: Path) -> None:
    folder = write(tmp_path / "images", [f"{tile}_{side}" for tile in "ab" for side in ("fake_B", "real_A", "real_B")])
    inputs = read(generated={"m": folder})
    assert inputs.layout.name == "pix2pix"
    assert sorted(tags(inputs)) == ["a", "b"]
    tile = inputs.audit.tiles[0]
    assert tile.source is not None
    assert (tile.source.path.name, tile.real.path.name) == ("a_real_A.png", "a_real_B.png")


def results(folder: Path, tiles: str, real: Path | None = None) -> Path:
    """A results folder of pix2pix; its real tiles and H&E are copies of those of ``real``, where given."""
    names = [f"{tile}_{side}" for tile in tiles for side in ("fake_B", "real_A", "real_B")]
    write(folder / "images", names)
    for name in names if real else ():
        if not name.endswith("fake_B") and (real / "images" / f"{name}.png").exists():
            shutil.copy(real / "images" / f"{name}.png", folder / "images" / f"{name}.png")
    return folder / "images"


def test_several_pix2pix_results_share_the_real_tiles_that_are_equal_in_all(tmp_path: Path) -> None:
    one = results(tmp_path / "one", "ab")
    more = results(tmp_path / "more", "abc", real=tmp_path / "one")
    inputs = read(generated={"one": one, "more": more})
    assert inputs.models == ("one", "more")
    for tile in inputs.audit.tiles:
        assert tile.source is not None
        assert (tile.real.path.parent, tile.source.path.parent) == (one, one)
        assert {name: file.path.parent for name, file in tile.generated.items()} == {"one": one, "more": more}
    assert sorted(tags(inputs)) == ["a", "b"]
    assert {problem.tile for problem in inputs.audit.problems} == {"c"}, "the first folder has no such tile"


@pytest.mark.parametrize("side", ["real_B", "real_A"])
def test_pix2pix_results_on_other_tiles_are_refused(tmp_path: Path, side: str) -> None:
    """A model would be scored against a tile that it was not made for; size and time of the file show nothing."""
    one, other = results(tmp_path / "one", "ab"), results(tmp_path / "other", "ab", real=tmp_path / "one")
    path = other / f"b_{side}.png"
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    for file in (path, one / path.name):
        os.utime(file, (0, 0))
    with pytest.raises(InputError) as caught:
        read(generated={"one": one, "other": other})
    message = str(caught.value)
    assert message.startswith("tile 'b' of GENERATED 'other' and 'one'")
    assert str(path) in message
    assert str(one / path.name) in message
    assert "the first folder's" in message
    assert "a run of its own" in message


def test_side_by_side_pairs_are_halved(tmp_path: Path) -> None:
    generated, pairs = write(tmp_path / "g", ["a"]), write(tmp_path / "pairs", ["a"], WIDE)
    inputs = read(generated={"m": generated}, real=pairs, layout="side-by-side")
    tile = inputs.audit.tiles[0]
    assert tile.source is not None
    assert (tile.source.half, tile.real.half) == ("left", "right")
    with pytest.raises(InputError, match="side-by-side"):
        require_complete(read(generated={"m": generated}, real=pairs), "fail")


DATASETS = {
    "her2match": ("HE/test", "IHC/test", ["wsi005_id1_x0_y0", "wsi007_id2_x0_y0"], ["wsi005", "wsi007"], [None, None]),
    "bci": ("HE/test", "IHC/test", ["00001_test_0", "00002_test_3+"], [None, None], ["0", "3+"]),
    "mist": ("TrainValAB/valA", "TrainValAB/valB", ["14M21_23_16", "15M03_1_2"], ["14M21", "15M03"], [None, None]),
}  # fmt: skip


@pytest.mark.parametrize("dataset", DATASETS)
def test_data_sets_are_read_from_their_root(dataset: str, tmp_path: Path) -> None:
    source, real, names, groups, labels = DATASETS[dataset]
    write(tmp_path / source, names)
    write(tmp_path / real, names)
    inputs = read(generated={"m": write(tmp_path / "g", names)}, dataset=dataset, root=tmp_path)
    assert tags(inputs) == dict(zip(names, zip(groups, labels, strict=True), strict=True))
    assert {tile.mpp for tile in inputs.audit.tiles} == {LAYOUTS[dataset].mpp}


@pytest.mark.parametrize("dataset", DATASETS)
def test_names_alone_say_group_and_label_in_parallel_folders(dataset: str, tmp_path: Path) -> None:
    _, _, names, groups, labels = DATASETS[dataset]
    inputs = read(generated={"m": write(tmp_path / "g", names)}, real=write(tmp_path / "r", names))
    assert tags(inputs) == dict(zip(names, zip(groups, labels, strict=True), strict=True))
    assert any(f"names follow {dataset}" in note for note in inputs.audit.notes)


def test_a_slide_in_two_splits_is_a_warning(tmp_path: Path) -> None:
    for side in "AB":
        write(tmp_path / f"val{side}", ["S1_1_1", "S2_1_1"])
        write(tmp_path / f"train{side}", ["S1_5_5", "S3_1_1"])
    inputs = read(generated={"m": write(tmp_path / "g", ["S1_1_1", "S2_1_1"])}, dataset="mist", root=tmp_path)
    assert "1 of 2 slides of 'val' also lie in 'train' (first: S1)" in inputs.audit.warnings


def manifest(tmp_path: Path, text: str) -> RunConfig:
    path = tmp_path / "tiles.csv"
    path.write_text(text, "utf-8")
    return make_config({"manifest": path})


def test_a_manifest_names_everything(tmp_path: Path) -> None:
    for folder in ("he", "ihc", "out"):
        write(tmp_path / folder, ["a"])
    text = "tile,source,real,generated,group,label,mpp\nt1,he/a.png,ihc/a.png,out/a.png,p1,2+,0.25\n"
    tile = read_inputs(manifest(tmp_path, text)).audit.tiles[0]
    assert (tile.id, tile.group, tile.label, tile.mpp) == ("t1", "p1", "2+", 0.25)
    assert tile.source is not None
    assert tile.generated["generated"].path == tmp_path / "out" / "a.png"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("tile,reel\na,b\n", "Did you mean 'real'"),
        ("tile,source\na,b\n", "no column 'real'"),
        ("tile,real\n", "no tile"),
        ("tile,real\na,b.png\n", "no generated tiles"),
        ("tile,real,generated,mpp\na,b.png,c.png,wide\n", "line 2: mpp 'wide'"),
        ("tile,real,generated,mpp\na,b.png,c.png,0\n", "mpp '0'"),
    ],
)
def test_a_wrong_manifest_is_told_by_column_or_line(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises((UsageError, InputError), match=words):
        read_inputs(manifest(tmp_path, text))


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["out/mine"], {"mine": "out/mine"}),
        (["a=out/x", "b=out/y"], {"a": "out/x", "b": "out/y"}),
    ],
)
def test_models_are_named_by_argument_or_folder(arguments: list[str], expected: dict[str, str]) -> None:
    assert {name: path.as_posix() for name, path in make_config({"generated": arguments}).generated.items()} == expected


@pytest.mark.parametrize("arguments", [["a/x", "b/x"], ["control:blur=a"], ["=a"]])
def test_a_model_name_is_its_own(arguments: list[str]) -> None:
    with pytest.raises(UsageError, match="name"):
        make_config({"generated": arguments})
