"""The figure's files, from runs to ink: what stands where, how long the bar is, what happens when tiles are gone."""

import io
import shutil
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vstain_bench.base.config import make_config
from vstain_bench.cli.main import call
from vstain_bench.errors import InputError, UsageError
from vstain_bench.measure.run import run
from vstain_bench.phantom import PhantomSet
from vstain_bench.present.figures import plotting
from vstain_bench.present.figures.config import FigureConfig
from vstain_bench.present.figures.drawing import LABEL_MM, Cell, Layout, Line, draw
from vstain_bench.present.figures.job import Figure, _centre, make_figure

HOSTILE = r"$\frac{1}{0}$ <script>"


def small(**changes: object) -> FigureConfig:
    return FigureConfig.model_validate({"width_mm": 100.0, "dpi": 100, **changes})


@pytest.fixture(scope="module")
def finished(phantom: PhantomSet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two models, one of them with a name that is markup for somebody."""
    first, second = list(phantom.models.values())[:2]
    config = make_config(
        {
            "generated": {"plain": first, HOSTILE: second},
            "manifest": phantom.manifest,
            "metrics": "mae",
            "workers": 0,
            "controls": 0,
        }
    )
    return run(config, tmp_path_factory.mktemp("runs") / "both").folder.path


@pytest.fixture(scope="module")
def made(finished: Path) -> Figure:
    return make_figure([finished], small())


def test_every_file_is_what_its_ending_says(made: Figure) -> None:
    picture = Image.open(io.BytesIO(made.files["png"]))
    assert picture.size[0] == pytest.approx(100 / 25.4 * 100, abs=1)
    assert picture.info["dpi"] == pytest.approx((100, 100), abs=0.1)
    drawing = ElementTree.fromstring(made.files["svg"].decode())
    pictures = drawing.findall(".//{http://www.w3.org/2000/svg}image")
    assert len(pictures) == 4 * 4, "four labels; H&E, real IHC and two models"
    assert made.files["pdf"].startswith(b"%PDF-")
    assert made.files["pdf"].rstrip().endswith(b"%%EOF")


def test_the_same_runs_give_the_same_bytes(finished: Path, made: Figure) -> None:
    assert make_figure([finished], small()) == made
    assert make_figure([finished], small(seed=1)).caption != made.caption


def test_the_caption_names_columns_tiles_rule_and_bar(made: Figure) -> None:
    assert made.caption.startswith(f"Columns: H&E, Real IHC, plain, {HOSTILE}. ")
    assert "chosen at random before any was looked at (seed 0): 0: " in made.caption
    assert made.caption.count("p0") == 4
    assert "Scale bars: 5 µm." in made.caption, "tiles of 32 µm"


def test_columns_and_rows_are_in_the_order_asked_for(finished: Path) -> None:
    request = small(models=(HOSTILE, "plain"), labels=("3+", "0"))
    told = make_figure([finished], request).caption
    assert f"Real IHC, {HOSTILE}, plain." in told
    assert told.index("3+: ") < told.index(" 0: ")


def grey(level: float, height: int = 64, width: int = 64) -> Cell:
    return Cell(np.full((height, width, 3), level, dtype=np.float32), "")


def pixels_of(layout: Layout, dpi: int = 254) -> np.ndarray:
    """Return the drawn figure, ten pixels per millimetre."""
    with plotting.styled():
        content = plotting.encode(draw(layout), "png", dpi=dpi, tight=False)
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB")) / 255


def test_pictures_stand_where_they_should_and_are_as_they_were() -> None:
    layout = Layout(("a", "b"), (Line("0", "t", (grey(0.2), grey(0.6)), None),), width_mm=60.0)
    drawn = pixels_of(layout)
    middle = drawn[drawn.shape[0] * 2 // 3]
    left, right = (round(10 * (LABEL_MM + place)) for place in (layout.cell_mm / 2, 1.5 * layout.cell_mm + 1.0))
    assert middle[left] == pytest.approx(0.2, abs=0.01)
    assert middle[right] == pytest.approx(0.6, abs=0.01)
    assert layout.cell_mm == pytest.approx(25.0)
    assert layout.bars == ()


def test_the_scale_bar_is_as_long_as_it_says() -> None:
    """A tile of 64 µm: the bar of 10 µm takes 10/64 of the picture, in white on dark."""
    layout = Layout(("a",), (Line("", "t", (grey(0.0, 128, 128),), 0.5),), width_mm=109.0)
    assert layout.bars == ("10 µm",)
    drawn = pixels_of(layout)
    white = (drawn > 0.95).all(axis=2)[:, round(10 * LABEL_MM) + 5 :]
    longest = max(int(row[-300:].sum()) for row in white[-60:])
    assert longest / 10 == pytest.approx(100 * 10 / 64, abs=0.5), "mm"


def test_tiles_that_are_not_square_keep_their_shape() -> None:
    layout = Layout(("a",), (Line("", "t", (grey(0.5, 32, 64),), None),), width_mm=69.0)
    assert layout.height_mm == pytest.approx(layout.head_mm + 30.0)


def test_the_field_is_the_centre(finished: Path, phantom: PhantomSet) -> None:
    tile = phantom.tiles[0]
    with_field = make_figure([finished], small(tiles=(tile.tile,), field_um=16.0))
    assert "The central 16 µm of each. Scale bars: 2 µm." in with_field.caption
    assert "named by the user" in with_field.caption


def test_the_centre_of_pixels() -> None:
    pixels = np.arange(6 * 8 * 3, dtype=np.float32).reshape(6, 8, 3)
    assert np.array_equal(_centre(pixels, 2), pixels[2:4, 3:5])
    assert np.array_equal(_centre(pixels, 7), pixels[:, :7]), "as much of it as there is"


def test_a_picture_that_is_gone_is_told_and_all_gone_is_refused(phantom: PhantomSet, tmp_path: Path) -> None:
    tiles = tmp_path / "tiles"
    shutil.copytree(phantom.folder, tiles)
    model = tiles / "models" / next(iter(phantom.models))
    config = make_config(
        {"generated": {"plain": model}, "real": tiles / "IHC", "metrics": "mae", "workers": 0, "controls": 0}
    )
    folder = run(config, tmp_path / "run").folder.path
    shutil.rmtree(model)
    found = make_figure([folder], small())
    assert "Missing: plain of " in found.caption
    assert "is no longer there" in found.caption
    assert "No scale bar: the pixel size is not known." in found.caption
    assert "Columns: Real IHC, plain." in found.caption, "no H&E was given"
    shutil.rmtree(tiles)
    with pytest.raises(InputError, match="no picture is left where the runs were scored"):
        make_figure([folder], small())


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"models": ("plan",)}, "Did you mean 'plain'?"),
        ({"labels": ("4+",)}, "no tile has this label"),
        ({"tiles": ("p99",)}, "not a tile of these runs"),
    ],
)
def test_what_is_not_there_is_named(finished: Path, changes: dict[str, tuple[str, ...]], told: str) -> None:
    with pytest.raises(UsageError) as fault:
        make_figure([finished], small(**changes))
    assert told in str(fault.value)


def test_the_verb_writes_four_files_and_prints_the_caption(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stem = tmp_path / "paper" / "figure1"
    assert call(["figure", str(finished), "--out", str(stem), "--dpi", "60", "--width-mm", "80"]) == 0
    assert capsys.readouterr().out == stem.with_name("figure1.txt").read_text("utf-8")
    assert {path.name for path in stem.parent.iterdir()} == {f"figure1.{end}" for end in ("png", "svg", "pdf", "txt")}


def test_runs_of_other_tiles_are_refused(finished: Path, phantom: PhantomSet, tmp_path: Path) -> None:
    fewer = make_config(
        {
            "generated": {"plain": next(iter(phantom.models.values()))}, "manifest": phantom.manifest, "metrics": "mae",
            "workers": 0, "controls": 0, "limit": 5,
        }
    )  # fmt: skip
    other = run(fewer, tmp_path / "other").folder.path
    with pytest.raises(InputError, match="these runs do not compare"):
        make_figure([finished, other], small())
