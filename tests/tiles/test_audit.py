"""The audit says what a reader of the table must know before a metric is computed."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.images.image_files import icc_chunk, icc_profile, png
from tests.tiles.test_layouts import GREY, WIDE, read, write
from vstain_bench.errors import InputError
from vstain_bench.images.reader import DecodePolicy, read_image
from vstain_bench.tiles.inputs import require_complete


def test_sizes_that_differ_inside_a_pair_are_refused_with_both(tmp_path: Path) -> None:
    inputs = read(generated={"m": write(tmp_path / "g", ["a"], WIDE)}, real=write(tmp_path / "r", ["a"]))
    with pytest.raises(InputError, match="real 16×16, m 32×16 px"):
        require_complete(inputs, "fail")


def test_a_broken_file_is_a_problem_of_its_tile(tmp_path: Path) -> None:
    generated = write(tmp_path / "g", ["a", "b"])
    (generated / "b.png").write_bytes((generated / "b.png").read_bytes()[:-20])
    inputs = read(generated={"m": generated}, real=write(tmp_path / "r", ["a", "b"]))
    assert [tile.id for tile in inputs.audit.tiles] == ["a"]
    assert [(problem.tile, problem.kind) for problem in inputs.audit.problems] == [("b", "decode")]
    assert "b.png" in inputs.audit.problems[0].message


def test_copies_of_the_real_tile_are_counted(tmp_path: Path) -> None:
    real = write(tmp_path / "r", ["a", "b", "c"])
    generated = write(tmp_path / "gen", ["a", "b", "c"])
    shutil.copy(real / "b.png", generated / "b.png")
    warnings = read(generated={"m": generated}, real=real).audit.warnings
    assert any("m: 1 of 3 generated tiles are byte-identical to their real tile (first: b.png)" in w for w in warnings)


@pytest.mark.parametrize(("copies", "words"), [(3, "mode collapse"), (2, "occurs 2 times")])
def test_equal_outputs_are_told(tmp_path: Path, copies: int, words: str) -> None:
    generated = write(tmp_path / "g", ["a", "b", "c"])
    for name in "abc"[1:copies]:
        shutil.copy(generated / "a.png", generated / f"{name}.png")
    warnings = read(generated={"m": generated}, real=write(tmp_path / "r", ["a", "b", "c"])).audit.warnings
    assert any(words in warning for warning in warnings)


def test_the_same_folder_on_both_sides_is_told(tmp_path: Path) -> None:
    real = write(tmp_path / "r", ["a"])
    assert any("are the same file" in warning for warning in read(generated={"m": real}, real=real).audit.warnings)


def test_lossy_and_mixed_formats_are_told(tmp_path: Path) -> None:
    generated = write(tmp_path / "g", ["a", "b"])
    (generated / "b.png").unlink()
    Image.fromarray(np.full((16, 16, 3), 90, dtype=np.uint8)).save(generated / "b.jpg")
    warnings = read(generated={"m": generated}, real=write(tmp_path / "r", ["a", "b"])).audit.warnings
    assert any("m: mixed formats (1 jpeg, 1 png)" in warning for warning in warnings)
    assert any("m: 1 of 2 tiles are stored lossy" in warning for warning in warnings)


@pytest.mark.parametrize("icc", ["warn", "ignore", "convert"])
def test_sides_of_different_profiles_compare_as_the_policy_says(icc: str, tmp_path: Path) -> None:
    """Scanners write a profile, Pillow writes none."""
    real, generated = tmp_path / "r", tmp_path / "g"
    codes = np.arange(48, dtype=np.uint8).reshape(4, 4, 3) * 5
    for folder, data in ((real, png(codes, before=icc_chunk(icc_profile((2, 1, 0))))), (generated, png(codes))):
        folder.mkdir()
        (folder / "a.png").write_bytes(data)
    audit = read(generated={"m": generated}, real=real, decode=f"icc={icc}").audit
    assert [tile.id for tile in audit.tiles] == ([] if icc == "warn" else ["a"])
    told = [problem.message for problem in audit.problems] + [w for w in audit.warnings if "ICC" in w]
    assert len(told) == (0 if icc == "convert" else 1)
    for words in {
        "warn": ("differs in ICC profile: real ", "m sRGB", "--decode icc=convert", "icc=ignore"),
        "ignore": ("1 of 1 tiles differ in ICC profile between their sides, which is ignored (first: a)",),
        "convert": (),
    }[icc]:
        assert words in told[0]
    if icc == "convert":  # what was red on one side is blue on the other
        tile, policy = audit.tiles[0], DecodePolicy(icc="convert")
        sides = [read_image(file, policy).pixels for file in (tile.real, tile.generated["m"])]
        assert np.abs(sides[0][..., ::-1] - sides[1]).max() < 1.5 / 255


def test_a_sound_pair_has_no_warning(tmp_path: Path) -> None:
    audit = read(generated={"m": write(tmp_path / "gen", ["a"])}, real=write(tmp_path / "r", ["a"])).audit
    assert (audit.warnings, audit.problems) == ((), ())
    assert audit.sizes == {"a": GREY.shape[:2]}


@pytest.mark.real_data
def test_the_missing_prediction_of_run_b_is_named(bci_pairs: Path) -> None:
    inputs = read(generated={"runB": bci_pairs / "model_output_runB"}, real=bci_pairs / "IHC", source=bci_pairs / "HE")
    with pytest.raises(InputError, match=r"(?s)1 of 4 tiles.*'00672_test_3\+' has no generated tile of model 'runB'"):
        require_complete(inputs, "fail")
