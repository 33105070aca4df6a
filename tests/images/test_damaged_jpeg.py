"""Damage that a JPEG decoder papers over is refused; ``jpeg=lenient`` reads it and says so."""

import json
from collections.abc import Callable
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from tests.images.image_files import jpeg, tiff
from vstain_bench.cli.main import call
from vstain_bench.errors import DecodeError
from vstain_bench.images.reader import DecodePolicy, inspect_image, read_image
from vstain_bench.words import ImageFile

NOISE = np.random.default_rng(0).integers(0, 256, (64, 48, 4), dtype=np.uint8)
END = b"\xff\xd9"
CONVERT = "gray=replicate,color=convert"
FILES = {
    "baseline": jpeg(NOISE[..., :3].copy(), subsampling=0),
    "half colour": jpeg(NOISE[..., :3].copy(), subsampling=2),
    "restarts": jpeg(NOISE[..., :3].copy(), restart_marker_blocks=4),
    "progressive": jpeg(NOISE[..., :3].copy(), progressive=True),
    "progressive restarts": jpeg(NOISE[..., :3].copy(), progressive=True, restart_marker_blocks=4),
    "grey": jpeg(NOISE[..., 0].copy()),
    "cmyk": jpeg(NOISE, mode="CMYK"),
}
IN_TIFF = {
    "strips": tiff(NOISE[..., :3], compression="jpeg"),
    "tiles": tiff(NOISE[..., :3], compression="jpeg", tile=(32, 32)),
    "grey": tiff(NOISE[..., 0], photometric="minisblack", compression="jpeg"),
}
DAMAGES: dict[str, Callable[[bytes, int], bytes]] = {
    "cut and closed": lambda data, place: data[:place] + END,
    "zeros": lambda data, place: data[:place] + bytes(64) + data[place + 64 :],
    "foreign marker": lambda data, place: data[:place] + b"\xff\xe5\0\4ab" + data[place:],
    "missing bytes": lambda data, place: data[:place] + data[place + 40 :],
}


def middle(data: bytes) -> int:
    """Return a place half way through the coded data, not within a marker."""
    place = (data.index(b"\xff\xda") + len(data)) // 2
    return place + 2 if b"\xff" in data[place - 1 : place + 1] else place


def refuse_or_say(path: Path, whole: bytes, damaged: bytes) -> None:
    """Assert that a file is refused by default, and read with its fault where that is asked for."""
    path.write_bytes(whole)
    intact = read_image(ImageFile(path), DecodePolicy.parse(CONVERT))
    assert intact.info.fault == ""
    path.write_bytes(damaged)
    with pytest.raises(DecodeError, match=r"tile\.jpg: damaged JPEG data \(libjpeg: .*intact.*--decode jpeg=lenient"):
        read_image(ImageFile(path), DecodePolicy.parse(CONVERT))
    lenient = DecodePolicy.parse(f"{CONVERT},jpeg=lenient")
    decoded = read_image(ImageFile(path), lenient)
    assert decoded.info.fault == inspect_image(path, lenient).fault != ""
    assert decoded.pixels.shape == intact.pixels.shape
    assert not np.array_equal(decoded.pixels, intact.pixels)


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("kind", FILES)
def test_damage_is_refused_or_said(kind: str, damage: str, tmp_path: Path) -> None:
    whole = FILES[kind]
    refuse_or_say(tmp_path / "tile.jpg", whole, DAMAGES[damage](whole, middle(whole)))


@pytest.mark.parametrize("kind", IN_TIFF)
def test_damage_inside_a_tiff_is_refused_or_said(kind: str, tmp_path: Path) -> None:
    whole = IN_TIFF[kind]
    refuse_or_say(tmp_path / "tile.jpg", whole, DAMAGES["zeros"](whole, whole.index(b"\xff\xda") + 200))


@pytest.mark.parametrize("data", [*FILES.values(), *IN_TIFF.values()], ids=[*FILES, *IN_TIFF])
def test_lenient_changes_no_intact_file(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "tile.jpg"
    path.write_bytes(data)
    strict, lenient = (
        read_image(ImageFile(path), DecodePolicy.parse(f"{CONVERT},jpeg={rule}")) for rule in ("strict", "lenient")
    )
    assert np.array_equal(strict.pixels, lenient.pixels)
    assert lenient.info.fault == ""


def test_the_command_line_refuses_it_or_puts_it_in_the_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for folder, name in product(("real", "model"), ("a.jpg", "b.jpg")):
        path = tmp_path / folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(FILES["baseline"])
    path.write_bytes(DAMAGES["missing bytes"](FILES["baseline"], middle(FILES["baseline"])))
    sides = [str(tmp_path / "model"), "--real", str(tmp_path / "real")]
    scored = ["run", "-q", *sides, "--metrics", "mae", "--controls", "0"]
    for command, code in ((["check", "--deep", *sides], 1), ([*scored, "--out", str(tmp_path / "strict")], 3)):
        assert call(command) == code
        message = " ".join("".join(capsys.readouterr()).split())
        assert "b.jpg: damaged JPEG data (libjpeg: " in message
        assert "expected an intact file. Copy or export it again." in message
    assert not (tmp_path / "strict" / "results.json").exists()
    assert call([*scored, "--out", str(tmp_path / "run"), "--decode", "jpeg=lenient"]) == 0
    warnings = json.loads((tmp_path / "run" / "results.json").read_text())["warnings"]
    assert any(
        "model: 1 of 2 tiles are damaged JPEG, read as far as it goes (first: b.jpg: Corrupt" in w for w in warnings
    )
