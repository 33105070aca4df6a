"""The sweep and its verdicts: metrics whose answer is known in advance get the verdict they deserve."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from vstain_bench.cli.main import call
from vstain_bench.config import RunConfig, make_config
from vstain_bench.errors import InputError, UsageError
from vstain_bench.metrics import build
from vstain_bench.phantom import PhantomSet, write_phantom
from vstain_bench.stress.job import Stressed, run_stress
from vstain_bench.stress.sweep import CLEAN, Condition, make_conditions
from vstain_bench.stress.verdict import Verdict, judge

NAMES = ("translation", "elastic_32um", "blur", "dab_loss", "mode_collapse")
METRICS = "ssim,psnr,dab_w1,dab_od_mae"


@pytest.fixture(scope="module")
def tissue(tmp_path_factory: pytest.TempPathFactory) -> PhantomSet:
    """Six tiles of 128 px (64 µm) of three patients, no models."""
    return write_phantom(tmp_path_factory.mktemp("tissue"), groups=3, tiles_per_group=2, size=128, seed=5, models={})


def config_of(tissue: PhantomSet, **changes: object) -> RunConfig:
    return make_config({"manifest": tissue.manifest, "metrics": METRICS, "workers": 0, **changes})


@pytest.fixture(scope="module")
def stressed(tissue: PhantomSet, tmp_path_factory: pytest.TempPathFactory) -> Stressed:
    return run_stress(config_of(tissue), tmp_path_factory.mktemp("runs") / "stress", perturbations=NAMES)


def verdict_of(stressed: Stressed, metric: str) -> Verdict:
    return next(verdict for verdict in stressed.verdicts if verdict.metric == metric)


def test_ssim_prefers_a_wrong_tile_to_a_displaced_one(stressed: Stressed) -> None:
    verdict = verdict_of(stressed, "ssim")
    assert verdict.clean == pytest.approx(1.0, abs=1e-6)
    assert verdict.ordering[2.0].value < 0.1
    assert verdict.half_life_um is not None
    assert verdict.half_life_um < 1.0
    assert verdict.erased_um is not None
    assert verdict.erased_um < 1.0, "a shift of less than 1 µm costs as much as having no stain at all"


def test_an_amount_of_stain_forgives_displacement_and_notices_its_loss(stressed: Stressed) -> None:
    ssim, amount = verdict_of(stressed, "ssim"), verdict_of(stressed, "dab_w1")
    assert amount.ordering[2.0].value > ssim.ordering[2.0].value + 0.5
    assert amount.by_defect["dab_loss 50"] > 0.9
    assert amount.monotone is not None
    assert amount.monotone > 0.8
    assert stressed.verdicts.index(amount) < stressed.verdicts.index(ssim), "the table puts it first"


def test_an_infinite_clean_value_has_no_half(stressed: Stressed) -> None:
    verdict = verdict_of(stressed, "psnr")
    assert (verdict.clean, verdict.half_life_um) == (None, None)
    assert any("half-life" in note for note in verdict.notes)
    assert 2.0 in verdict.ordering


def test_the_folder_holds_strict_json_and_every_answer(stressed: Stressed) -> None:
    content = json.loads((stressed.folder / "stress.json").read_text("utf-8"), parse_constant=pytest.fail)
    assert {curve["perturbation"] for curve in content["curves"]} == set(NAMES)
    answers = pd.read_parquet(stressed.folder / "answers.parquet")
    assert set(answers["metric"]) == {"ssim", "psnr", "dab_w1", "dab_od_mae", "mae"}
    shifts = answers[(answers["perturbation"] == "translation") & (answers["metric"] == "ssim")]
    means = shifts.groupby("severity")["value"].mean()
    assert means.loc[0.125] > means.loc[1.0] > means.loc[4.0]
    collapsed = answers[(answers["perturbation"] == "mode_collapse") & (answers["metric"] == "mae")]
    assert len(collapsed) == 5, "the tile that every other collapsed to is unchanged, hence left out"


def test_a_finished_sweep_continues_to_the_same_bytes(stressed: Stressed, tissue: PhantomSet, tmp_path: Path) -> None:
    before = (stressed.folder / "stress.json").read_bytes()
    run_stress(config_of(tissue), stressed.folder, perturbations=NAMES)
    assert (stressed.folder / "stress.json").read_bytes() == before
    run_stress(config_of(tissue, workers=2), tmp_path / "anew", perturbations=NAMES)
    assert (tmp_path / "anew" / "stress.json").read_bytes() == before


def test_another_sweep_in_the_same_folder_is_refused(stressed: Stressed, tissue: PhantomSet) -> None:
    with pytest.raises(UsageError, match="conditions"):
        run_stress(config_of(tissue), stressed.folder, perturbations=("blur",))


def test_without_a_pixel_size_nothing_is_swept(tissue: PhantomSet, tmp_path: Path) -> None:
    config = make_config({"real": tissue.real, "metrics": "ssim"})
    with pytest.raises(InputError, match=r"pixel size is not known \(6 of 6 tiles\).*--mpp"):
        run_stress(config, tmp_path / "out", perturbations=("blur",))
    assert not (tmp_path / "out").exists()


def test_conditions_are_every_level_with_as_many_seeds_as_are_worth_trying() -> None:
    conditions = make_conditions(["translation", "blur"], seeds=2)
    assert len([each for each in conditions if each.perturbation == "translation"]) == 16
    assert len([each for each in conditions if each.perturbation == "blur"]) == 5, "a blur draws nothing"
    with pytest.raises(UsageError, match="Did you mean 'translation'"):
        make_conditions(["translations"], seeds=1)


def _answers(values: dict[tuple[str, float], list[float]]) -> pd.DataFrame:
    """Answers of one metric on tiles t0, t1, ...; each of a group of its own."""
    rows = [
        {"metric": "ssim", "perturbation": name, "severity": severity, "seed": 0, "tile": f"t{place}",
         "group": f"g{place}", "value": value}
        for (name, severity), each in values.items()
        for place, value in enumerate(each)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def test_a_verdict_by_hand() -> None:
    values = {
        (CLEAN, 0.0): [1.0, 1.0],
        ("translation", 1.0): [0.8, 0.8],
        ("translation", 2.0): [0.6, 0.4],
        ("dab_loss", 50.0): [0.5, 0.5],
        ("dab_loss", 100.0): [0.2, 0.3],
        ("control:mean-colour", 0.0): [0.3, 0.3],
        ("control:other-real", 0.0): [0.1, 0.1],
    }
    verdict = judge(_answers(values), build("ssim"), displacements=(2.0,), seed=0)
    assert verdict.floor == pytest.approx(0.3), "the best trivial output"
    assert verdict.ordering[2.0].value == pytest.approx(0.5), "0.6 beats 0.5, 0.4 does not"
    assert verdict.half_life_um == pytest.approx(2 ** (0.15 / 0.3)), "0.65 lies half way from 0.8 at 1 to 0.5 at 2 µm"
    assert verdict.erased_um is None, "no displacement of these costs as much as 0.25"
    assert verdict.monotone == pytest.approx(1.0)
    assert np.isclose(verdict.by_defect["dab_loss 50"], 0.5)


def test_a_condition_has_a_name_of_its_own() -> None:
    names = {condition.name for condition in make_conditions(None, seeds=5)}
    assert len(names) == len(make_conditions(None, seeds=5))
    assert Condition("blur", 0.5, 0).name == "blur|0.5|0"


def test_the_verb_prints_verdicts(tissue: PhantomSet, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["stress", "-q", "--manifest", str(tissue.manifest), "--metrics", "ssim,dab_w1", "--limit", "2"]
    arguments += ["--perturbations", "translation,blur,dab_loss", "--out", str(tmp_path / "stress")]
    assert call(arguments) == 0
    text = capsys.readouterr().out
    assert "right first" in text
    assert text.index("dab_w1") < text.index("ssim")
    assert call([*arguments, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["tiles"] == 2


def test_a_tile_without_partner_is_swept_without_its_controls(tissue: PhantomSet, tmp_path: Path) -> None:
    """A tile of another size than all others has no tile to be exchanged with; it still counts."""
    table = pd.read_csv(tissue.manifest)
    other = write_phantom(tmp_path / "larger", groups=1, tiles_per_group=1, size=160, seed=8, models={})
    table["real"] = [str(tissue.folder / path) for path in table["real"]]
    row = pd.read_csv(other.manifest)[["tile", "real", "group", "mpp"]].assign(tile="larger", group="alone")
    row["real"] = [str(other.folder / path) for path in row["real"]]
    manifest = tmp_path / "tiles.csv"
    pd.concat([table[["tile", "real", "group", "mpp"]], row]).to_csv(manifest, index=False)
    result = run_stress(config_of(tissue, manifest=manifest), tmp_path / "out", perturbations=["translation"])
    assert result.tiles == 7
    answers = pd.read_parquet(tmp_path / "out" / "answers.parquet")
    alone = answers[answers["group"] == "alone"]
    assert "control:other-real" not in set(alone["perturbation"])
    assert {"clean", "translation", "control:mean-colour"} <= set(alone["perturbation"])
