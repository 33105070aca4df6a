"""Whole slides: background and vectors from several tiles, before any tile is scored, and the same on every run."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.stain_tiles import codes, stained, tensor, view_of
from vstain_bench.base.config import RunConfig, make_config
from vstain_bench.cli.main import call
from vstain_bench.errors import Undefined, UsageError
from vstain_bench.images.reader import DecodePolicy, encode_png
from vstain_bench.judge.evidence import Evidence
from vstain_bench.measure.journal import Journal
from vstain_bench.measure.merge import merge
from vstain_bench.measure.run import run, run_shard
from vstain_bench.metrics import build
from vstain_bench.phantom import PhantomSet, phantom_tile
from vstain_bench.results.folder import RunFolder
from vstain_bench.stain.density import (
    Separation,
    estimate_vectors,
    estimate_white,
    glass_levels,
    pooled_white,
    separate,
)
from vstain_bench.stain.slides import SAMPLE, choose_sample, read_slides, slides_digest, survey, with_slides
from vstain_bench.types import ImageFile, Images, Tile, View

POLICY = DecodePolicy.parse("")
GREY = 0.8


def _write(folder: Path, name: str, picture: Images) -> Path:
    path = folder / f"{name}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    encode_png(path, picture[0].permute(1, 2, 0).numpy())
    return path


def _tile(folder: Path, name: str, group: str | None, real: Images, generated: Images) -> Tile:
    files = {owner: ImageFile(_write(folder / owner, name, each)) for owner, each in (("real", real), ("m", generated))}
    return Tile(name, files["real"], {"m": files["m"]}, group=group)


def _half(level: float, share: float = 0.5) -> torch.Tensor:
    """DAB of one density over a share of the tile, glass elsewhere."""
    dab = torch.zeros(64, 64)
    dab[: round(64 * share)] = level
    return dab


@pytest.fixture
def grey_slide(tmp_path: Path) -> list[Tile]:
    """Four tiles on grey glass (I0 204), one of them stained throughout: on its own it does not know its background."""
    shares = {"a": 0.2, "b": 0.5, "c": 0.5, "full": 1.0}
    return [
        _tile(
            tmp_path,
            name,
            "slide",
            codes(stained(_half(0.4, share), haematoxylin=0.0, white=GREY)),
            codes(stained(_half(0.3, share), haematoxylin=0.0, white=GREY)),
        )
        for name, share in shares.items()
    ]


def test_one_tile_alone_gives_its_own_background() -> None:
    picture = codes(stained(_half(0.5), white=0.9))[0]
    white, seen = estimate_white(picture)
    pooled, also = pooled_white([glass_levels(picture)])
    assert white.tolist() == pytest.approx(pooled, abs=1e-6)
    assert seen is also is True


def test_several_tiles_give_the_background_of_all_their_pixels() -> None:
    pictures = [codes(stained(_half(0.5, share), white=white))[0] for share, white in ((0.9, 0.9), (0.2, 0.85))]
    together = torch.cat(pictures, dim=1)
    assert pooled_white([glass_levels(each) for each in pictures])[0] == pytest.approx(
        estimate_white(together)[0].tolist(), abs=1e-6
    )


def test_a_tile_without_glass_takes_its_slides_background(grey_slide: list[Tile]) -> None:
    """By itself it takes 245 and finds 0.08 OD of DAB too much; with its slide's it finds what is there."""
    slides = survey(grey_slide, POLICY, seed=0, workers=1)
    assert set(slides) == {("real", "slide"), ("m", "slide")}
    slide = slides["real", "slide"]
    assert slide.seen
    assert slide.white == pytest.approx([GREY] * 3, abs=1e-3)
    full = codes(stained(_half(0.4, 1.0), haematoxylin=0.0, white=GREY))
    alone, within = (
        float(separate(full, Separation(background), [slide]).dab.mean()) for background in ("tile", "slide")
    )
    assert alone == pytest.approx(0.4 + np.log10(245 / 204), abs=0.03)
    assert within == pytest.approx(0.4, abs=0.005)
    assert separate(full, Separation("slide"), [slide]).seen == (True,)


def test_vectors_of_a_slide_serve_the_tiles_that_do_not_show_both_stains(tmp_path: Path) -> None:
    tiles = [phantom_tile(seed=seed, label="3+", size=192, group_seed=5) for seed in (1, 2)]
    pictures = [tensor(tile.real) for tile in tiles]
    pale = tensor(phantom_tile(seed=3, label="0", size=96, group_seed=5).real)
    listed = [_tile(tmp_path, f"t{place}", "p", each, each) for place, each in enumerate((*pictures, pale))]
    slide = survey(listed, POLICY, seed=0, workers=2)["real", "p"]
    assert slide.vectors is not None
    true = tiles[0].tissue.stain.vectors
    for row, name in zip(slide.vectors, ("counterstain", "dab"), strict=False):
        assert np.degrees(np.arccos(np.array(row) @ true[name])) < 6
    assert estimate_vectors(list(pale), torch.tensor(slide.white)) is None, "premise: it shows one stain"
    used = separate(pale, Separation("slide", "macenko-slide"), [slide]).matrices[0]
    assert used == pytest.approx(np.array(slide.vectors))
    unseen = replace(slide, vectors=None)
    usual = separate(pale, Separation("slide", "macenko-slide"), [unseen]).matrices[0]
    assert usual == pytest.approx(separate(pale, Separation()).matrices[0])


def test_the_sample_depends_on_seed_and_ids_alone() -> None:
    file = ImageFile(Path("x"))
    tiles = [Tile(f"t{place:03d}", file, {}, group="ab"[place % 2]) for place in range(100)]
    chosen = choose_sample(tiles, 0)
    assert {group: len(each) for group, each in chosen.items()} == {"a": SAMPLE, "b": SAMPLE}
    assert choose_sample(tiles[::-1], 0) == chosen
    assert choose_sample(tiles, 1) != chosen


def test_threads_and_order_change_no_estimate(grey_slide: list[Tile]) -> None:
    first = survey(grey_slide, POLICY, seed=0, workers=0)
    assert survey(grey_slide[::-1], POLICY, seed=0, workers=4) == first
    assert slides_digest(first) == slides_digest({key: first[key] for key in reversed(first)})


def test_an_unreadable_file_is_left_to_the_pass(grey_slide: list[Tile]) -> None:
    grey_slide[0].real.path.write_bytes(b"no image")
    slides = survey(grey_slide, POLICY, seed=0, workers=1)
    assert set(slides["real", "slide"].tiles) == {"b", "c", "full"}
    assert set(slides["m", "slide"].tiles) == {"a", "b", "c", "full"}


def test_unknown_slides_are_refused(grey_slide: list[Tile]) -> None:
    with pytest.raises(UsageError, match=r"the slide of tile 'b' is not known.*--groups"):
        survey([grey_slide[0], replace(grey_slide[1], group=None)], POLICY, seed=0, workers=1)


def test_without_a_survey_there_is_no_value() -> None:
    images = stained(_half(0.3))
    for separation in (Separation("slide"), Separation("tile", "macenko-slide")):
        with pytest.raises(Undefined, match="estimates over whole slides"):
            separate(images, separation)
    with pytest.raises(ValueError, match="2 slides for 1 tiles"):
        View(("a",), "real", images, slides=(None, None))
    assert view_of(images).slides == (None,)


def test_the_signature_names_the_estimates_of_the_real_slides(grey_slide: list[Tile]) -> None:
    slides = survey(grey_slide, POLICY, seed=0, workers=1)
    metric = build("dab_w1", {"background": "slide"})
    assert with_slides(metric, slides).signature.endswith(f"|slides:{slides_digest(slides)}|v:1")
    plain = build("dab_w1")
    assert with_slides(plain, slides) is plain
    other_model = {key: slide for key, slide in slides.items() if key[0] == "real"}
    assert with_slides(metric, other_model).signature == with_slides(metric, slides).signature
    darker = {**slides, ("real", "slide"): replace(slides["real", "slide"], white=(0.7, 0.7, 0.7))}
    assert with_slides(metric, darker).signature != with_slides(metric, slides).signature


def _config(phantom: PhantomSet, **changes: object) -> RunConfig:
    values = {
        "generated": dict(phantom.models), "manifest": phantom.manifest, "protocol": "stain", "background": "slide",
        "vectors": "macenko-slide", "controls": 4, "workers": 0,
    }  # fmt: skip
    return make_config({**values, **changes})


def test_a_run_by_slide_states_what_it_took_and_resumes_to_the_same_bytes(phantom: PhantomSet, tmp_path: Path) -> None:
    whole = run(_config(phantom), tmp_path / "whole")
    slides = read_slides(whole.folder.slides)
    assert {group for _, group in slides} == {spec.group for spec in phantom.tiles}
    assert {owner for owner, _ in slides} == {"real", "source", *phantom.models}
    signature = whole.table.metric("dab_w1").signature
    assert "background:slide|vectors:macenko-slide|slides:" in signature
    assert whole.table.metric("de2000").signature.count("slide") == 0
    assert all(row.status == "ok" for row in whole.table.rows if row.metric == "dab_w1" and row.label is None)
    half = run(_config(phantom, limit=5), tmp_path / "half")  # another listing is another run
    with pytest.raises(UsageError, match="the folder holds another run"):
        run(_config(phantom), half.folder.path)
    with Journal(whole.folder.journal) as journal:
        journal._connection.execute("DELETE FROM row WHERE tile IN (SELECT id FROM tile ORDER BY id LIMIT 7)")
        journal._connection.execute("DELETE FROM tile WHERE id IN (SELECT id FROM tile ORDER BY id LIMIT 7)")
    before = whole.folder.results.read_bytes()
    resumed = run(_config(phantom, batch_size=4), whole.folder.path)
    assert resumed.folder.results.read_bytes() == before


def test_the_rows_of_a_finished_run_are_found_again(phantom: PhantomSet, tmp_path: Path) -> None:
    outcome = run(_config(phantom, metrics="dab_tile_r,dab_class_order_violations,iod_fiji_r"), tmp_path / "run")
    evidence = Evidence(outcome.folder)
    for record in outcome.table.metrics:
        metric = evidence.definition(record)
        assert not isinstance(metric, str), metric
        sample = evidence.rows("faithful", metric)
        assert not isinstance(sample, str), sample
        row = outcome.table.find("faithful", metric.name)
        assert row is not None
        assert metric.score(sample.rows) == row.value


def test_shards_look_at_the_same_tiles(phantom: PhantomSet, tmp_path: Path) -> None:
    config = _config(phantom, metrics="dab_w1,dab_tile_r", protocol="default")
    whole = run(config, tmp_path / "whole")
    parts = [tmp_path / f"part{place}" for place in (1, 2)]
    for place, part in enumerate(parts, start=1):
        run_shard(_config(phantom, metrics="dab_w1,dab_tile_r", protocol="default", shard=f"{place}/2"), part)
    joined = merge(parts, tmp_path / "joined")
    for name in ("results", "slides"):
        assert getattr(joined.folder, name).read_bytes() == getattr(whole.folder, name).read_bytes()


def test_a_slide_that_has_changed_is_refused(phantom_copy: PhantomSet, tmp_path: Path) -> None:
    config = _config(phantom_copy, metrics="dab_w1", protocol="default")
    run(config, tmp_path / "run")
    changed = phantom_copy.real / f"{phantom_copy.tiles[0].tile}.png"
    encode_png(changed, np.full((64, 64, 3), 0.7, dtype=np.float32))
    with pytest.raises(UsageError, match="the folder holds another run"):
        run(config, tmp_path / "run")


def test_slides_survive_their_file(phantom: PhantomSet, tmp_path: Path) -> None:
    outcome = run(_config(phantom, metrics="dab_w1", limit=6), tmp_path / "run")
    for slide in read_slides(outcome.folder.slides).values():
        assert all(0.5 < level <= 1 for level in slide.white)
        assert slide.tiles
    assert read_slides(tmp_path / "none.csv") == {}


def test_the_option_is_refused_where_no_metric_has_a_background(
    phantom: PhantomSet, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["run", str(phantom.models["faithful"]), "--real", str(phantom.real), "--metrics", "ssim,iod_fiji_r"]
    assert call([*arguments, "--background", "slide", "--out", str(tmp_path / "run")]) == 2
    assert "--background slide: none of the metrics asked for has such a parameter" in capsys.readouterr().err
    assert call([*arguments, "--vectors", "macenco", "--out", str(tmp_path / "run")]) == 2
    assert not RunFolder(tmp_path / "run").path.exists()


def test_a_named_parameter_is_kept(phantom: PhantomSet, tmp_path: Path) -> None:
    config = _config(
        phantom, metrics="dab_w1(background=245),dab_js", background="243/241/238", vectors=None, limit=3, controls=0
    )
    signatures = [record.signature for record in run(config, tmp_path / "run").table.metrics]
    assert "background:245|" in signatures[0]
    assert "background:243/241/238|" in signatures[1]
