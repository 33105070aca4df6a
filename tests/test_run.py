"""The main job: same bytes for any batch size, workers, order and interruption; refusals; what is left behind."""

import json
import os
import random
import re
import shutil
import time
from pathlib import Path

import jsonschema
import pandas as pd
import pytest

from vstain_bench.base.config import RunConfig, make_config
from vstain_bench.errors import InputError, MachineError, UsageError
from vstain_bench.measure.run import preview, run
from vstain_bench.phantom import PhantomSet
from vstain_bench.present.pages.run import render_run
from vstain_bench.present.schemas import read_schema
from vstain_bench.results.folder import RunFolder
from vstain_bench.results.table import Table

METRICS = "ssim,css,psnr,psnr_pooled,mae,fd_random,kd_random"


def config_of(phantom: PhantomSet, **changes: object) -> RunConfig:
    values = {
        "generated": dict(phantom.models), "manifest": phantom.manifest, "metrics": METRICS,
        "controls": 6, "workers": 0,
    }  # fmt: skip
    return make_config({**values, **changes})


@pytest.fixture(scope="module")
def finished(phantom: PhantomSet, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    out = tmp_path_factory.mktemp("runs") / "finished"
    return run(config_of(phantom), out, report=render_run).folder


def test_every_file_of_the_run_folder_is_there(finished: RunFolder) -> None:
    expected = {"run.json", "config.toml", "results.json", "tiles.parquet", "pairs.csv", "skipped.csv", "report.html"}
    assert expected <= {path.name for path in finished.path.iterdir()}
    assert not [path for path in finished.path.iterdir() if path.name.startswith(".results")], "left-over temporaries"


def test_results_follow_the_shipped_schema_and_are_strict(finished: RunFolder) -> None:
    text = finished.results.read_text(encoding="utf-8")
    content = json.loads(text, parse_constant=lambda word: pytest.fail(f"{word} in strict JSON"))
    shipped = json.loads((Path(__file__).parents[1] / "vstain_bench/results/results.schema.json").read_text("utf-8"))
    assert shipped == read_schema("results"), "run: vstain-bench schema > vstain_bench/results/results.schema.json"
    jsonschema.Draft202012Validator.check_schema(shipped)
    jsonschema.validate(content, shipped, cls=jsonschema.Draft202012Validator)
    broken = {**content, "rows": [{**content["rows"][0], "value": "0.5"}]}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(broken, shipped, cls=jsonschema.Draft202012Validator)


def test_the_table_holds_models_controls_labels_and_intervals(finished: RunFolder, phantom: PhantomSet) -> None:
    table = finished.read_table()
    controls = {"control:mean-colour", "control:source-copy", "control:blurred-real", "control:other-real"}
    controls |= {"control:other-colour"}
    assert set(table.row_models()) == {*phantom.models, *controls}
    assert table.inputs.tiles == 12
    assert table.inputs.groups == 3
    assert table.labels() == ["0", "1+", "2+", "3+"]
    row = table.find("faithful", "ssim")
    assert row is not None
    assert row.value is not None
    assert row.low is not None
    assert row.high is not None
    assert row.low < row.value < row.high
    assert (row.tiles, row.groups, row.status) == (12, 3, "ok")
    control = table.find("control:mean-colour", "ssim")
    assert control is not None
    assert control.tiles == 6
    assert any("fewer than 10 patients" in warning for warning in table.warnings)


def test_a_model_at_or_below_a_control_is_marked(finished: RunFolder) -> None:
    table = finished.read_table()
    shifted, faithful = table.find("shifted", "ssim"), table.find("faithful", "ssim")
    assert shifted is not None
    assert "control:other-colour" in shifted.unbeaten, "premise: 2 µm of shift cost SSIM more than having no tissue"
    assert not {"control:mean-colour", "control:blurred-real"} & {*shifted.unbeaten}, "made from the answer: no bar"
    assert table.controls.about["control:mean-colour"].role == "oracle"
    assert faithful is not None
    assert faithful.unbeaten == ()


def test_tiles_hold_one_row_per_tile_and_metric(finished: RunFolder, phantom: PhantomSet) -> None:
    tiles = finished.read_tiles()
    assert list(tiles.columns) == ["model", "tile", "group", "label", "metric", "signature", "value"]
    ssim = tiles[(tiles.metric == "ssim") & (tiles.model == "faithful")]
    assert sorted(ssim.tile) == sorted(spec.tile for spec in phantom.tiles)
    row = finished.read_table().find("faithful", "ssim")
    assert row is not None
    assert ssim.value.mean() == pytest.approx(row.value, abs=1e-12)
    assert set(tiles.metric) == {"ssim", "css", "psnr", "mae"}, "metrics of sets have no value per tile"


@pytest.mark.parametrize(
    "changes",
    [
        {"batch_size": 1, "workers": 0},
        {"batch_size": 3, "workers": 2},
        {"batch_size": 8, "workers": 2},
        {"batch_size": 8, "workers": 0},
    ],
    ids=str,
)
def test_batch_size_and_workers_change_no_byte(
    finished: RunFolder, phantom: PhantomSet, tmp_path: Path, changes: dict[str, object]
) -> None:
    other = run(config_of(phantom, **changes), tmp_path / "out").folder
    assert other.results.read_bytes() == finished.results.read_bytes()
    pd.testing.assert_frame_equal(other.read_tiles(), finished.read_tiles())


def test_the_order_of_a_folder_changes_no_byte(
    finished: RunFolder, phantom: PhantomSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    walk = os.walk

    def shuffled(*arguments: object, **options: object) -> object:
        for parent, folders, names in walk(*arguments, **options):  # type: ignore[call-overload]  # passed on as given
            random.Random(7).shuffle(names)
            yield parent, folders, names

    monkeypatch.setattr(os, "walk", shuffled)
    lines = phantom.manifest.read_text("utf-8").splitlines()
    body = lines[1:]
    random.Random(7).shuffle(body)
    manifest = phantom.folder / "shuffled.csv"
    manifest.write_text("\n".join([lines[0], *body]) + "\n", "utf-8")
    other = run(config_of(phantom, manifest=manifest), tmp_path / "out").folder
    assert other.results.read_bytes() == finished.results.read_bytes()


def test_another_place_on_disk_changes_no_byte(finished: RunFolder, phantom_copy: PhantomSet, tmp_path: Path) -> None:
    other = run(config_of(phantom_copy), tmp_path / "elsewhere", report=render_run).folder
    assert other.results.read_bytes() == finished.results.read_bytes()
    assert other.report.read_bytes() == finished.report.read_bytes()


def test_the_resolved_configuration_runs_again(finished: RunFolder, tmp_path: Path) -> None:
    again = make_config({}, finished.config)
    folder = run(again, tmp_path / "again").folder
    assert folder.results.read_bytes() == finished.results.read_bytes()
    assert not folder.report.exists(), "no page was asked for"


def test_another_configuration_in_the_same_folder_is_refused_with_the_difference(
    phantom: PhantomSet, tmp_path: Path
) -> None:
    run(config_of(phantom, metrics="ssim"), tmp_path)
    before = (tmp_path / "results.json").read_bytes()
    with pytest.raises(UsageError, match=r"(?s)seed: 0 there, 1 now.*another --out"):
        run(config_of(phantom, metrics="ssim", seed=1), tmp_path)
    assert (tmp_path / "results.json").read_bytes() == before


def test_a_file_that_changed_since_it_was_scored_is_named(phantom_copy: PhantomSet, tmp_path: Path) -> None:
    config = config_of(phantom_copy, metrics="ssim")
    run(config, tmp_path / "out")
    victim = sorted(phantom_copy.real.iterdir())[2]
    shutil.copy(sorted(phantom_copy.real.iterdir())[3], victim)
    with pytest.raises(InputError, match=rf"{re.escape(victim.name)}.*changed since"):
        run(config, tmp_path / "out")


def test_a_folder_in_use_is_refused_at_once(phantom: PhantomSet, tmp_path: Path) -> None:
    with RunFolder(tmp_path).claimed():
        began = time.monotonic()
        with pytest.raises(MachineError, match=r'another run is using the folder.*"pid"'):
            run(config_of(phantom), tmp_path)
        assert time.monotonic() - began < 5


def test_an_unwritable_folder_is_refused_before_scoring(phantom: PhantomSet, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder", "utf-8")
    with pytest.raises(MachineError, match="cannot be made"):
        run(config_of(phantom), tmp_path / "file" / "out")


def test_a_tile_that_breaks_in_the_middle_is_named_and_the_rest_is_kept(
    phantom_copy: PhantomSet, tmp_path: Path
) -> None:
    """Its header and end are sound, so only decoding finds it."""
    victim = sorted(phantom_copy.models["faithful"].iterdir())[5]
    data = bytearray(victim.read_bytes())
    data[len(data) // 2] ^= 0xFF
    victim.write_bytes(data)
    config = config_of(phantom_copy, metrics="ssim")
    with pytest.raises(InputError, match=re.escape(victim.name)):
        run(config, tmp_path / "out")
    outcome = run(config_of(phantom_copy, metrics="ssim", on_error="skip"), tmp_path / "skipped")
    assert outcome.skipped == 1
    assert outcome.table.inputs.tiles == 11
    assert outcome.table.inputs.skipped == 1
    assert {row.tiles for row in outcome.table.rows if row.label is None and not row.is_control} == {11}
    assert victim.stem in outcome.folder.skipped.read_text("utf-8")
    assert "left out of every model" in outcome.table.warnings[0]


def test_a_limit_is_marked_as_no_result(phantom: PhantomSet, tmp_path: Path) -> None:
    table = run(config_of(phantom, metrics="ssim", limit=3), tmp_path).table
    assert table.inputs.tiles == 3
    assert table.inputs.partial
    assert "no results" in table.warnings[0]


def test_default_metrics_without_weights_are_unavailable_with_file_and_command(
    phantom: PhantomSet, tmp_path: Path
) -> None:
    table = run(config_of(phantom, metrics=None), tmp_path).table
    fid = table.find("faithful", "fid")
    assert fid is not None
    assert (fid.value, fid.status) == (None, "unavailable")
    assert fid.reason is not None
    assert "weights-inception-2015-12-05-6726825d.pth" in fid.reason
    assert "vstain-bench weights fetch inception-2015-12-05" in fid.reason
    assert str(Path.home()) not in fid.reason, "results must not depend on the machine"
    ms_ssim = table.find("faithful", "ms_ssim")
    assert ms_ssim is not None
    assert (ms_ssim.status, "161 px" in (ms_ssim.reason or "")) == ("undefined", True)


@pytest.mark.parametrize(
    ("metrics", "fault", "words"),
    [
        ("fid", MachineError, "weights fetch inception-2015-12-05"),
        ("ms_ssim", InputError, "at least 161 px"),
        ("sim", UsageError, "Did you mean 'ssim'"),
        ("ssim(sigmo=2.0)", UsageError, "Did you mean 'sigma'"),
        ("ssim,ssim", UsageError, "occurs twice"),
    ],
)
def test_a_named_metric_that_cannot_be_computed_is_an_error(
    phantom: PhantomSet, tmp_path: Path, metrics: str, fault: type[Exception], words: str
) -> None:
    with pytest.raises(fault, match=words):
        run(config_of(phantom, metrics=metrics), tmp_path)
    assert not (tmp_path / "results.json").exists()


def test_a_refused_run_leaves_no_folder(phantom_copy: PhantomSet, tmp_path: Path) -> None:
    sorted(phantom_copy.real.iterdir())[0].unlink()
    with pytest.raises(InputError):
        run(config_of(phantom_copy), tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_css_without_source_is_unavailable_or_an_error(phantom: PhantomSet, tmp_path: Path) -> None:
    folders = {"manifest": None, "real": phantom.real, "generated": {"faithful": phantom.models["faithful"]}}
    table = run(config_of(phantom, **folders, metrics=None), tmp_path / "default").table
    css = table.find("faithful", "css")
    assert css is not None
    assert (css.status, "--source" in (css.reason or "")) == ("unavailable", True)
    assert "control:source-copy" not in table.row_models()
    with pytest.raises(UsageError, match="--source"):
        run(config_of(phantom, **folders, metrics="css"), tmp_path / "named")


def test_a_preview_writes_nothing(phantom: PhantomSet, tmp_path: Path) -> None:
    shown = preview(config_of(phantom, metrics=None), tmp_path / "out")
    assert (shown.tiles, shown.groups, shown.control_tiles) == (12, 3, 6)
    assert {"fid", "kid", "lpips"} <= set(shown.gaps)
    assert not (tmp_path / "out").exists()


def test_precomputed_embeddings_give_their_own_distances(phantom: PhantomSet, tmp_path: Path) -> None:
    import numpy as np

    draw = np.random.default_rng(0)
    ids = [spec.tile for spec in phantom.tiles]
    folder = tmp_path / "uni"
    folder.mkdir()
    for name in ("real", *phantom.models):
        np.savez(folder / f"{name}.npz", **{tile: draw.normal(size=6).astype(np.float32) for tile in ids})
    config = config_of(phantom, metrics="ssim", encoder=(f"embeddings:{folder}",))
    table = run(config, tmp_path / "out").table
    distance, control = table.find("faithful", "fd_uni"), table.find("control:mean-colour", "fd_uni")
    assert distance is not None
    assert distance.status == "ok"
    assert control is not None
    assert (control.status, "no embeddings" in (control.reason or "")) == ("undefined", True)
    np.savez(folder / "faithful.npz", **{tile: draw.normal(size=6).astype(np.float32) for tile in ids})
    with pytest.raises(UsageError, match="encoders"):
        run(config, tmp_path / "out")


def test_networks_with_known_weights_fill_the_default_table(
    phantom: PhantomSet, seeded_weights: Path, tmp_path: Path
) -> None:
    """The whole path with injected files: located, verified, loaded, and the same bytes for any batch size."""
    models = {"faithful": phantom.models["faithful"]}
    changes = {"generated": models, "metrics": None, "limit": 4, "controls": 2, "weights_dir": seeded_weights}
    one = run(config_of(phantom, **changes, batch_size=1), tmp_path / "one")
    three = run(config_of(phantom, **changes, batch_size=3), tmp_path / "three")
    for name in ("lpips", "fid", "kid"):
        row = one.table.find("faithful", name)
        assert row is not None
        assert row.status == "ok"
        assert row.value is not None
    kid, lpips = one.table.find("faithful", "kid"), one.table.find("control:mean-colour", "lpips")
    assert kid is not None
    assert kid.standard_error is not None
    assert kid.standard_error > 0
    assert lpips is not None
    assert lpips.tiles == 2
    assert one.folder.results.read_bytes() == three.folder.results.read_bytes()
    assert set(one.folder.read_facts()["weights"]) == {"inception-2015-12-05", "alexnet-imagenet", "lpips-v0.1-alex"}


def test_published_files_are_absent_or_complete(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from vstain_bench.base.files import publish_text

    target = tmp_path / "results.json"
    publish_text(target, "old")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(MachineError, match="No space left"):
        publish_text(target, "new")
    assert target.read_text("utf-8") == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["results.json"]


def test_a_table_of_another_schema_is_refused(finished: RunFolder, tmp_path: Path) -> None:
    content = json.loads(finished.results.read_text("utf-8"))
    (tmp_path / "results.json").write_text(json.dumps({**content, "schema_version": "9.0"}), "utf-8")
    with pytest.raises(UsageError, match=r"schema_version '9\.0'"):
        RunFolder(tmp_path).read_table()
    assert isinstance(finished.read_table(), Table)
