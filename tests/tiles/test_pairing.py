"""Pairing is a bijection by key: whatever breaks it is named, all of it."""

import unicodedata
from pathlib import Path

import pytest

from tests.tiles.test_layouts import read, tags, write
from vstain_bench.errors import InputError, UsageError, VstainError
from vstain_bench.tiles.inputs import require_complete


def refused(generated: Path, real: Path, **values: object) -> str:
    with pytest.raises(InputError) as caught:
        require_complete(read(generated={"m": generated}, real=real, **values), "fail")
    return str(caught.value)


def test_a_missing_partner_is_named_with_the_file_that_was_looked_for(tmp_path: Path) -> None:
    message = refused(write(tmp_path / "g", ["a", "b"]), write(tmp_path / "r", ["a", "b", "c"]))
    assert "1 of 3 tiles" in message
    assert "tile 'c' has no generated tile of model 'm'" in message
    assert f"{tmp_path / 'g' / 'c.png'}" in message
    assert "--on-error skip" in message


def test_a_generated_tile_without_a_real_one_is_named_and_never_dropped(tmp_path: Path) -> None:
    folders = {"generated": write(tmp_path / "g", ["a", "b"]), "real": write(tmp_path / "r", ["a"])}
    message = refused(**folders)
    assert "1 of 2 tiles" in message
    assert f"tile 'b' has no real IHC (looked for '{tmp_path / 'r' / 'b.png'}')" in message
    inputs = read(generated={"m": folders["generated"]}, real=folders["real"])
    require_complete(inputs, "skip")
    assert [(problem.tile, problem.kind) for problem in inputs.audit.problems] == [("b", "missing")]


def test_only_ten_problems_are_listed_and_all_are_counted(tmp_path: Path) -> None:
    names = [f"t{number:03d}" for number in range(25)]
    message = refused(write(tmp_path / "g", names[:3]), write(tmp_path / "r", names))
    assert "22 of 25 tiles" in message
    assert message.count("has no generated tile") == 10
    assert "... and 12 more" in message


def test_two_files_of_one_name_are_both_named(tmp_path: Path) -> None:
    generated = write(tmp_path / "g", ["a", "b"])
    write(generated, ["a"], extension=".tif")
    message = refused(generated, write(tmp_path / "r", ["a", "b"]))
    assert "a.png" in message
    assert "a.tif" in message


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Tile_A", "tile_a"),
        (unicodedata.normalize("NFC", "gewebe_é"), unicodedata.normalize("NFD", "gewebe_é")),
    ],
    ids=["case", "unicode"],
)
def test_names_that_differ_in_case_or_unicode_form_are_explained(tmp_path: Path, one: str, other: str) -> None:
    message = refused(write(tmp_path / "g", [one, "z"]), write(tmp_path / "r", [other, "z"]))
    assert "differ in case or Unicode form" in message


def test_nothing_in_common_is_a_wrong_folder(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no tile has a file on every side"):
        read(generated={"m": write(tmp_path / "g", ["a"])}, real=write(tmp_path / "r", ["b"]))


def test_skipping_leaves_incomplete_tiles_out_of_every_model(tmp_path: Path) -> None:
    models = {"full": write(tmp_path / "f", ["a", "b"]), "half": write(tmp_path / "h", ["a"])}
    inputs = read(generated=models, real=write(tmp_path / "r", ["a", "b"]))
    require_complete(inputs, "skip")
    assert sorted(tags(inputs)) == ["a"]
    assert [problem.tile for problem in inputs.audit.problems] == ["b"]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [("regex:^(p.)_", {"p1_a": "p1", "p2_b": "p2"}), ("none", {"p1_a": None, "p2_b": None})],
)
def test_groups_by_rule(tmp_path: Path, rule: str, expected: dict[str, str | None]) -> None:
    names = ["p1_a", "p2_b"]
    inputs = read(generated={"m": write(tmp_path / "g", names)}, real=write(tmp_path / "r", names), groups=rule)
    assert {tile: group for tile, (group, _) in tags(inputs).items()} == expected


def test_groups_and_labels_by_table(tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text("tile,group,label\na,p1,0\nb,p2,3+\n", "utf-8")
    table = str(tmp_path / "table.csv")
    names = ["a", "b"]
    inputs = read(
        generated={"m": write(tmp_path / "g", names)}, real=write(tmp_path / "r", names), groups=table, labels=table
    )
    assert tags(inputs) == {"a": ("p1", "0"), "b": ("p2", "3+")}


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("regex:^(p.)_", "tile 'a'.*not found"),
        ("regex:^p", "captures nothing"),
        ("regex:(", "bad pattern"),
        ("layuot", "neither a rule nor a file"),
    ],
)
def test_a_rule_that_fails_is_told(tmp_path: Path, rule: str, words: str) -> None:
    with pytest.raises(VstainError, match=words):
        read(generated={"m": write(tmp_path / "g", ["a"])}, real=write(tmp_path / "r", ["a"]), groups=rule)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda folder: None, "no such folder"),
        (lambda folder: folder.mkdir(), "no image file"),
        (lambda folder: folder.write_text("x"), "it is a file"),
        (lambda folder: (folder.mkdir(), (folder / "a.bmp").write_text("x")), "1 × '.bmp' file"),
        (lambda folder: (folder.mkdir(), (folder / "._a.png").write_text("x")), "1 × hidden or system file"),
    ],
)
def test_a_folder_without_tiles_says_what_it_holds(tmp_path: Path, make: object, words: str) -> None:
    make(tmp_path / "g")  # type: ignore[operator]  # a function of the folder
    with pytest.raises(VstainError, match=words):
        read(generated={"m": tmp_path / "g"}, real=write(tmp_path / "r", ["a"]))


def test_a_misspelt_folder_is_guessed(tmp_path: Path) -> None:
    real = write(tmp_path / "generated_tiles", ["a"])
    with pytest.raises(UsageError, match="Did you mean 'generated_tiles'"):
        read(generated={"m": tmp_path / "generated_tile"}, real=real)


def test_a_symlink_loop_ends(tmp_path: Path) -> None:
    generated = write(tmp_path / "g", ["a"])
    (generated / "again").symlink_to(generated)
    assert sorted(tags(read(generated={"m": generated}, real=write(tmp_path / "r", ["a"])))) == ["a"]
