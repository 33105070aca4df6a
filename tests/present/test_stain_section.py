"""What a report shows of stain: bands, thresholds, order of labels, background, and the map of invented stain."""

from pathlib import Path

import numpy as np
import pytest

from vstain_bench.base.config import make_config
from vstain_bench.measure.run import run
from vstain_bench.phantom import Defects, PhantomSet, write_phantom
from vstain_bench.present.figures.nests import HALLUCINATED, OMITTED, Nests, _areas, _map, _on_pixels, make_nests
from vstain_bench.present.figures.panel import read_pairs, read_pixels, tile_policy
from vstain_bench.present.formats import render
from vstain_bench.present.pages.run import render_run
from vstain_bench.present.sentences.stain import stain_notes, stain_section
from vstain_bench.present.subjects.run import document
from vstain_bench.results.folder import RunFolder
from vstain_bench.results.table import Quantity, Table


@pytest.fixture(scope="module")
def phantom_set(tmp_path_factory: pytest.TempPathFactory) -> PhantomSet:
    """Two patients whose stain is right with one model, and with another has an invented nest."""
    models = {"plain": Defects(dab_gain=0.97), "dreamer": Defects(hallucinate=1, hallucinate_radius_um=14.0)}
    return write_phantom(tmp_path_factory.mktemp("stain"), groups=2, tiles_per_group=4, size=192, seed=7, models=models)


@pytest.fixture(scope="module")
def folder(phantom_set: PhantomSet, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    config = make_config(
        {
            "generated": dict(phantom_set.models), "manifest": phantom_set.manifest, "protocol": "stain",
            "background": "slide", "controls": 0, "workers": 0,
        }
    )  # fmt: skip
    return run(config, tmp_path_factory.mktemp("run") / "run").folder


def _values(folder: RunFolder) -> dict[tuple[str, str], dict[str, float]]:
    tiles = folder.read_tiles()
    return {
        (str(model), str(metric)): dict(zip(part["tile"].astype(str), part["value"].astype(float), strict=True))
        for (model, metric), part in tiles.groupby(["model", "metric"], sort=False)
    }


def test_bands_add_up_and_give_the_h_score(folder: RunFolder) -> None:
    section = stain_section(folder.read_table())
    assert [group.label for group in section.bars] == [None, "0", "1+", "2+", "3+"]
    for group in section.bars:
        assert [bar.owner for bar in group.bars] == ["real", "plain", "dreamer"]
        for bar in group.bars:
            widths = [segment.width for segment in bar.segments]
            assert sum(widths) == pytest.approx(100.0)
            assert widths[1] + 2 * widths[2] + 3 * widths[3] == pytest.approx(bar.h_score, abs=1e-6)
            assert [segment.start for segment in bar.segments] == pytest.approx(np.cumsum([0, *widths[:-1]]).tolist())


def test_the_sweep_never_rises_with_the_threshold(folder: RunFolder) -> None:
    section = stain_section(folder.read_table())
    assert section.thresholds[0] == "0.05"
    assert section.thresholds[-1] == "0.50"
    for line in section.sweep:
        shares = [float(cell) for cell in line.cells]
        assert shares == sorted(shares, reverse=True)


def _with(table: Table, **levels: float) -> Table:
    """The table with other mean DAB by label for one owner."""
    changed = tuple(
        Quantity(**{**each.model_dump(), "value": levels[each.label]})
        if each.owner == "plain" and each.metric == "dab_od_mae" and each.label in levels
        else each
        for each in table.quantities
    )
    return table.model_copy(update={"quantities": changed})


def test_labels_out_of_order_are_marked_and_told(folder: RunFolder) -> None:
    table = folder.read_table()
    assert all(not line.note for line in stain_section(table).means), "premise: the phantom keeps the order"
    wrong = _with(table, **{"0": 0.01, "1+": 0.2, "2+": 0.1, "3+": 0.3})
    line = next(each for each in stain_section(wrong).means if each.owner == "plain")
    assert line.cells == ("0.010", "0.200", "0.100", "0.300")
    assert line.marked == (False, True, True, False)
    assert line.note == "2+ not above 1+"
    assert any("out of the labels' order: plain: 2+ not above 1+" in note for note in stain_notes(wrong))


def test_the_background_is_stated_in_every_format(folder: RunFolder) -> None:
    table = folder.read_table()
    level = table.quantity("real", "background_od_bias", "I0 red")
    assert level is not None
    for name in ("terminal", "md"):
        text = " ".join(render(document(folder), name).split())
        assert "Background I0, median over tiles, of 255: real" in text
        assert f"{level:.1f}" in text
        assert "H-score" in text
    page = render_run(folder)
    assert f"{level:.1f} /" in page
    assert "tiles without glass in sight" in page


def test_tiles_without_glass_are_named(folder: RunFolder) -> None:
    table = folder.read_table()
    unseen = tuple(
        Quantity(**{**each.model_dump(), "value": 3.0})
        if (each.owner, each.name, each.label) == ("plain", "tiles without glass", None)
        else each
        for each in table.quantities
    )
    notes = stain_notes(table.model_copy(update={"quantities": unseen}))
    assert any("without glass in sight: 3 of 8 tiles of plain)" in note for note in notes)


def _nests(folder: RunFolder) -> Nests:
    nests = make_nests(folder, folder.read_table(), _values(folder))
    assert nests is not None
    return nests


def test_the_worst_tile_of_each_model_is_shown(folder: RunFolder) -> None:
    nests, values = _nests(folder), _values(folder)["dreamer", "hallucinated_dab_area"]
    found = dict(nests.models)["dreamer"]
    assert found[0].rank.startswith("most invented")
    assert values[found[0].tile] == max(values.values())
    assert found[0].values[0] == ("hallucinated_dab_area", f"{max(values.values()):,.0f} µm²/mm²")
    assert found[0].patches[0].startswith("invented: ")
    assert all(picture.uri.startswith("data:image/jpeg") for picture in found[0].pictures)
    assert found[0].scale_bar is not None
    assert nests.tolerance_um == "8"


def test_the_map_covers_what_the_metric_counted(folder: RunFolder) -> None:
    """The coloured share of the picture is the metric's area; the grid of 1 µm is all that comes between."""
    tile = dict(_nests(folder).models)["dreamer"][0].tile
    pair, policy = read_pairs(folder)[tile], tile_policy(folder)
    generated, real = (read_pixels(pair[owner], policy)[0] for owner in ("generated:dreamer", "real"))
    assert generated is not None
    assert real is not None
    from vstain_bench.stain.slides import read_slides

    slides = read_slides(folder.slides)
    record = folder.read_table().metric("hallucinated_dab_area")
    params = {record.name: record.params}
    areas = _areas(generated, real, 0.5, params, [slides[owner, pair["group"]] for owner in ("dreamer", "real")])
    mask = _on_pixels(areas["hallucinated_dab_area"], generated.shape[:2], 0.5)
    counted = _values(folder)["dreamer", "hallucinated_dab_area"][tile]
    assert 1e6 * mask.mean() == pytest.approx(counted, rel=0.03)
    picture = _map(generated, areas, 0.5)
    colour = np.array([int(HALLUCINATED[start : start + 2], 16) for start in (1, 3, 5)]) / 255
    apart = np.abs(picture - colour).sum(axis=2)
    assert apart[mask].max() < apart[~mask].mean()
    assert np.ptp(picture[~mask], axis=1).max() < 1e-6, "what is matched stays grey"
    assert HALLUCINATED != OMITTED


def test_a_model_without_any_is_said_to_have_none(folder: RunFolder) -> None:
    values = {key: dict.fromkeys(each, 0.0) if key[0] == "plain" else each for key, each in _values(folder).items()}
    nests = make_nests(folder, folder.read_table(), values)
    assert nests is not None
    assert nests.clean == ("plain",)
    assert "plain" not in dict(nests.models)


def test_the_page_holds_both_sections_and_no_style_attribute(folder: RunFolder) -> None:
    page = render_run(folder)
    for words in ('id="stain"', 'id="nests"', "Positive pixels by threshold", "Mean DAB by label", "most invented"):
        assert words in page
    assert " style=" not in page, "the content security policy would drop it"
    assert page.count("8 µm") >= 1


def test_without_pixel_size_or_pictures_the_page_says_so(phantom_set: PhantomSet, tmp_path: Path) -> None:
    models = {"dreamer": phantom_set.models["dreamer"]}
    config = make_config({"generated": models, "real": phantom_set.real, "protocol": "stain", "workers": 0})
    folder = run(config, tmp_path / "run").folder
    assert make_nests(folder, folder.read_table(), _values(folder)) is None, "no area without µm per pixel"
    page = render_run(folder)
    assert 'id="nests"' not in page
    assert "needs µm per pixel: pass --mpp" in page
    assert "Mean DAB by label" not in page, "no label is known"


def test_missing_pictures_leave_the_values(folder: RunFolder) -> None:
    text = folder.pairs.read_text(encoding="utf-8")
    try:
        folder.pairs.write_text(text.replace(".png", ".gone"), encoding="utf-8")
        found = dict(_nests(folder).models)["dreamer"][0]
        assert [bool(picture.missing) for picture in found.pictures] == [True, True, True]
        assert found.values
    finally:
        folder.pairs.write_text(text, encoding="utf-8")


def test_a_run_without_stain_has_no_such_section(phantom: PhantomSet, tmp_path: Path) -> None:
    config = make_config(
        {"generated": dict(phantom.models), "manifest": phantom.manifest, "metrics": "ssim", "workers": 0}
    )
    folder = run(config, tmp_path / "run").folder
    assert stain_section(folder.read_table()).empty
    page = render_run(folder)
    assert 'id="stain"' not in page
    assert 'id="nests"' not in page
