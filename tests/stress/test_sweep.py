"""The sweep and its verdicts: metrics whose answer is known in advance get the verdict they deserve."""

import json
from pathlib import Path

import jsonschema
import pandas as pd
import pytest

from vstain_bench.base.config import RunConfig, make_config
from vstain_bench.base.listener import Listener
from vstain_bench.cli.main import call
from vstain_bench.errors import InputError, UsageError
from vstain_bench.judge.stress.config import PerturbedSide, StressConfig
from vstain_bench.judge.stress.findings import Findings, Verdict, read_findings
from vstain_bench.judge.stress.folder import StressFolder
from vstain_bench.judge.stress.job import run_stress
from vstain_bench.judge.stress.runs import with_runs
from vstain_bench.judge.stress.sweep import CLEAN, REAL, Condition, make_conditions
from vstain_bench.judge.stress.verdict import judge, sort_answers
from vstain_bench.measure.protocol import read_protocol
from vstain_bench.metrics import METRICS as METRICS_KNOWN
from vstain_bench.metrics import build
from vstain_bench.phantom import PhantomSet, write_phantom
from vstain_bench.present.formats import render
from vstain_bench.present.pages.stress import render_stress
from vstain_bench.present.schemas import read_schema
from vstain_bench.present.sentences.stress import FEW
from vstain_bench.present.subjects.stress import document, overview
from vstain_bench.stats import means

ROOT = Path(__file__).parents[2]
NAMES = ("translation", "elastic_32um", "blur", "dab_loss", "mode_collapse")
METRICS = "ssim,psnr,dab_w1,dab_od_mae"


@pytest.fixture(scope="module")
def tissue(tmp_path_factory: pytest.TempPathFactory) -> PhantomSet:
    """Six tiles of 128 px (64 µm) of three patients, no models."""
    return write_phantom(tmp_path_factory.mktemp("tissue"), groups=3, tiles_per_group=2, size=128, seed=5, models={})


def config_of(tissue: PhantomSet, **changes: object) -> StressConfig:
    values = {"manifest": tissue.manifest, "metrics": METRICS, "workers": 0, "perturbations": NAMES, **changes}
    return make_config(values, model=StressConfig)


@pytest.fixture(scope="module")
def swept(tissue: PhantomSet, tmp_path_factory: pytest.TempPathFactory) -> StressFolder:
    folder = tmp_path_factory.mktemp("runs") / "stress"
    run_stress(config_of(tissue), folder, report=render_stress)
    return StressFolder(folder)


@pytest.fixture(scope="module")
def findings(swept: StressFolder) -> Findings:
    return swept.read()


def verdict_of(findings: Findings, metric: str) -> Verdict:
    return next(verdict for verdict in findings.verdicts if verdict.metric == metric)


def rate_of(verdict: Verdict, displacement: float, defect: str | None = None, severity: float | None = None) -> float:
    rate = verdict.rate(displacement, defect, severity)
    assert rate is not None
    assert rate.value is not None
    return rate.value


def test_ssim_prefers_a_wrong_tile_to_a_displaced_one(findings: Findings) -> None:
    verdict = verdict_of(findings, "ssim")
    assert verdict.clean == pytest.approx(1.0, abs=1e-6)
    assert rate_of(verdict, 2.0) < 0.1
    half, erased = verdict.half_life("translation"), verdict.equivalent("dab_loss", 100.0)
    assert half is not None
    assert half.severity.value is not None
    assert half.severity.value < 1.0
    assert half.severity.low is not None
    assert half.severity.low <= half.severity.value
    assert erased is not None
    assert erased.shift_um.value is not None
    assert erased.shift_um.value < 1.0, "a shift of less than 1 µm costs as much as having no stain at all"


def test_an_amount_of_stain_forgives_displacement_and_notices_its_loss(findings: Findings) -> None:
    ssim, amount = verdict_of(findings, "ssim"), verdict_of(findings, "dab_w1")
    assert rate_of(amount, 2.0) > rate_of(ssim, 2.0) + 0.5
    assert rate_of(amount, 2.0, "dab_loss", 50.0) > 0.9
    assert amount.worse_if_more is not None
    assert amount.worse_if_more > 0.8
    assert findings.verdicts.index(amount) < findings.verdicts.index(ssim), "the table puts it first"


def test_an_infinite_clean_value_has_no_half(findings: Findings) -> None:
    verdict = verdict_of(findings, "psnr")
    half = verdict.half_life("translation")
    assert half is not None
    assert (verdict.clean, half.severity.value) == (None, None)
    assert "infinite" in half.reason
    assert verdict.rate(2.0) is not None


def test_the_folder_holds_strict_json_every_answer_samples_and_a_page(swept: StressFolder) -> None:
    text = swept.findings.read_text("utf-8")
    content = json.loads(text, parse_constant=pytest.fail)
    assert {curve["perturbation"] for curve in content["curves"]} == set(NAMES)
    assert read_findings(text, "stress.json").to_json() == text
    answers = swept.read_answers()
    assert set(answers["metric"]) == {"ssim", "psnr", "dab_w1", "dab_od_mae"}
    shifts = answers[(answers["perturbation"] == "translation") & (answers["metric"] == "ssim")]
    means = shifts.groupby("severity")["value"].mean()
    assert means.loc[0.125] > means.loc[1.0] > means.loc[4.0]
    collapsed = answers[(answers["perturbation"] == "mode_collapse") & (answers["metric"] == "ssim")]
    assert len(collapsed) == 5, "the tile that every other collapsed to cannot collapse, hence is left out"
    names = {path.name for path in swept.samples.iterdir()}
    assert {"clean.png", "translation-0.125.png", "translation-16.png", "blur-2.png", "dab_loss-100.png"} <= names
    page = swept.report.read_text("utf-8")
    assert "Which metric can be trusted?" in page
    assert "costs ssim as much as erasing all DAB" in page
    assert page.count("data:image/png") == len(names)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "it is not JSON"),
        ("[]", "no JSON object"),
        ('{"schema_version": "0.9"}', "schema_version '0.9', expected '1.1'"),
        ('{"schema_version": "1.1"}', "no findings of a sweep"),
    ],
)
def test_what_is_no_sweep_is_told(text: str, told: str) -> None:
    with pytest.raises(InputError, match=told):
        read_findings(text, "stress.json")


def test_an_unfinished_sweep_has_no_findings(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no stress\.json"):
        StressFolder(tmp_path).read()


def test_a_finished_sweep_continues_to_the_same_bytes(swept: StressFolder, tissue: PhantomSet, tmp_path: Path) -> None:
    files = (swept.findings, swept.report, swept.answers)
    before = [file.read_bytes() for file in files]
    run_stress(config_of(tissue), swept.path, report=render_stress)
    assert [file.read_bytes() for file in files] == before
    run_stress(config_of(tissue, workers=2), tmp_path / "anew", report=render_stress)
    assert [(tmp_path / "anew" / file.name).read_bytes() for file in files] == before


def test_a_sweep_that_was_stopped_ends_the_same(swept: StressFolder, tissue: PhantomSet, tmp_path: Path) -> None:
    def stop(phase: str, done: int, total: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_stress(config_of(tissue), tmp_path / "cut", Listener(stop))
    with pytest.raises(UsageError, match="the sweep is not finished"):
        StressFolder(tmp_path / "cut").read()
    run_stress(config_of(tissue), tmp_path / "cut")
    assert (tmp_path / "cut" / "stress.json").read_bytes() == swept.findings.read_bytes()


@pytest.mark.parametrize("side", ["real", "both"])
def test_the_other_side_can_be_perturbed(tissue: PhantomSet, tmp_path: Path, side: PerturbedSide) -> None:
    found = run_stress(config_of(tissue, limit=2, perturbations="missing_tissue", perturb=side), tmp_path / side)
    ssim = next(curve for curve in found.curves if curve.metric == "ssim")
    last = ssim.values[-1].value
    assert last is not None
    assert (last == pytest.approx(1.0)) is (side == "both"), "what both sides lack alike makes no difference"


def test_the_source_can_be_perturbed_where_there_is_one(tissue: PhantomSet, tmp_path: Path) -> None:
    config = config_of(tissue, limit=2, metrics="css,ssim", perturbations="missing_tissue", perturb="source")
    found = run_stress(config, tmp_path / "he")
    last = {curve.metric: curve.values[-1].value for curve in found.curves}
    assert last["ssim"] == pytest.approx(1.0), "it does not look at the H&E"
    assert last["css"] != pytest.approx(next(c for c in found.curves if c.metric == "css").values[0].value)
    only_real = StressConfig(real=tissue.real, metrics="ssim", mpp=0.5, perturbations=("blur",), perturb="source")
    with pytest.raises(UsageError, match="no H&E tiles were given"):
        run_stress(only_real, tmp_path / "none")
    with pytest.raises(UsageError, match="--perturb: 'left'; expected input should be 'generated', 'real'"):
        config_of(tissue, perturb="left")


def test_models_change_places_under_displacement(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tiles = write_phantom(tmp_path / "tiles", groups=3, tiles_per_group=2, size=128, seed=5)
    for model, path in tiles.models.items():
        run = [
            "run",
            "-q",
            f"{model}={path}",
            "--real",
            str(tiles.real),
            "--groups",
            r"regex:^([^_]+)_",
            "--mpp",
            "0.5",
        ]
        assert call([*run, "--metrics", "ssim,dab_w1", "--out", str(tmp_path / model)]) == 0
    runs = [str(tmp_path / model) for model in tiles.models]
    sweep = ["stress", "-q", *runs, "--metrics", "ssim,dab_w1", "--out", str(tmp_path / "stress")]
    assert call([*sweep, "--perturbations", "translation,dab_loss"]) == 0
    assert "Models change places" in capsys.readouterr().out
    found = StressFolder(tmp_path / "stress").read()
    assert set(found.models) == set(tiles.models)
    flips = {v.metric: {flip.severity: flip.rate.value for flip in v.flips} for v in found.verdicts}
    assert flips["ssim"][4.0] > flips["dab_w1"][4.0], "an amount does not depend on the place"
    assert {flip.perturbation for verdict in found.verdicts for flip in verdict.flips} == {"translation"}


def test_metric_cards_say_what_was_found(swept: StressFolder, findings: Findings) -> None:
    cards = render(document(swept), "md")
    assert cards.startswith("# Metric cards")
    for verdict in findings.verdicts:
        assert f"`{verdict.signature}`" in cards
    assert "Do not use it to rank models on tiles that are not aligned" in cards.split("## ssim")[1].split("## ")[0]


def test_another_sweep_in_the_same_folder_is_refused(swept: StressFolder, tissue: PhantomSet) -> None:
    with pytest.raises(UsageError, match="conditions"):
        run_stress(config_of(tissue, perturbations="blur"), swept.path)


def test_without_a_pixel_size_nothing_is_swept(tissue: PhantomSet, tmp_path: Path) -> None:
    config = StressConfig(real=tissue.real, metrics="ssim", perturbations=("blur",))
    with pytest.raises(InputError, match=r"pixel size is not known \(6 of 6 tiles\).*--mpp"):
        run_stress(config, tmp_path / "out")
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
        {"metric": "ssim", "model": REAL, "perturbation": name, "severity": severity, "seed": 0, "tile": f"t{place}",
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
    verdict = judge(sort_answers(_answers(values), "ssim"), build("ssim"), displacements=(2.0,), seed=0)
    assert verdict.floor == pytest.approx(0.3), "the best trivial output"
    assert verdict.floor_of == "control:mean-colour"
    assert rate_of(verdict, 2.0) == pytest.approx(0.5), "0.6 beats 0.5, 0.4 does not"
    assert rate_of(verdict, 2.0, "dab_loss", 50.0) == pytest.approx(0.5)
    half, erased = verdict.half_life("translation"), verdict.equivalent("dab_loss", 100.0)
    assert half is not None
    assert half.severity.value == pytest.approx(2 ** (0.15 / 0.3)), "0.65 lies half way from 0.8 at 1 to 0.5 at 2 µm"
    assert erased is not None
    assert (erased.shift_um.value, erased.largest_um) == (None, 2.0), "no displacement of these costs as much as 0.25"
    assert verdict.worse_if_more == pytest.approx(1.0)


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
    result = run_stress(config_of(tissue, manifest=manifest, perturbations="translation"), tmp_path / "out")
    assert result.tiles == 7
    answers = pd.read_parquet(tmp_path / "out" / "answers.parquet")
    alone = answers[answers["group"] == "alone"]
    assert "control:other-real" not in set(alone["perturbation"])
    assert {"clean", "translation", "control:mean-colour"} <= set(alone["perturbation"])


def test_the_full_protocol_holds_every_weight_free_metric_of_single_tiles() -> None:
    every = {name for name in METRICS_KNOWN if not build(name).needs and build(name).values is not None}
    assert {metric.name for metric in read_protocol("stress-full").metrics} == every


def test_the_metric_cards_in_the_docs_are_of_metrics_as_they_are() -> None:
    cards = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text(encoding="utf-8")
    for metric in read_protocol("stress-full").metrics:
        assert f"`{metric.signature}`" in cards, f"{metric.name} has no card, or another definition: write them anew"


def test_a_floor_is_finite_and_a_tile_that_cannot_be_perturbed_is_not_left_out() -> None:
    values = {
        (CLEAN, 0.0): [1.0, 1.0],
        ("dab_loss", 50.0): [0.5],
        ("control:mean-colour", 0.0): [float("inf"), 0.3],
        ("control:other-real", 0.0): [0.1, 0.1],
    }
    verdict = judge(sort_answers(_answers(values), "ssim"), build("ssim"), displacements=(2.0,), seed=0)
    assert (verdict.floor, verdict.floor_of) == (pytest.approx(0.1), "control:other-real")
    assert not [note for note in verdict.notes if "left out" in note]


def test_findings_follow_the_shipped_schema(swept: StressFolder) -> None:
    content = json.loads(swept.findings.read_text("utf-8"))
    shipped = json.loads((ROOT / "vstain_bench/judge/stress/stress.schema.json").read_text("utf-8"))
    assert shipped == read_schema("stress"), "run: vstain-bench schema stress > SHIPPED"
    jsonschema.Draft202012Validator.check_schema(shipped)
    jsonschema.validate(content, shipped, cls=jsonschema.Draft202012Validator)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**content, "tiles": "six"}, shipped, cls=jsonschema.Draft202012Validator)


@pytest.mark.parametrize(
    ("format_", "told"),
    [
        ("terminal", "right first"),
        ("md", "# Metric cards"),
        ("json", '"schema_version": "1.1"'),
        ("csv", "metric,model,perturbation,severity,seed,tile,group,value\n"),
        ("html", "<!doctype html>"),
    ],
)
def test_show_prints_a_sweep(swept: StressFolder, format_: str, told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["show", str(swept.path), "--format", format_]) == 0
    assert told in capsys.readouterr().out


def test_show_writes_a_sweep_to_a_file(swept: StressFolder, tmp_path: Path) -> None:
    assert call(["show", str(swept.path), "--format", "csv", "--out", str(tmp_path / "answers.csv")]) == 0
    assert len(pd.read_csv(tmp_path / "answers.csv")) == len(swept.read_answers())


def test_an_unknown_format_is_named(swept: StressFolder, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["show", str(swept.path), "--format", "latx"]) == 2
    said = capsys.readouterr().err
    assert "format 'latx': unknown name; expected one of " in said
    assert "Did you mean 'latex'?" in said


def test_an_unknown_schema_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["schema", "strss"]) == 2
    assert "Did you mean 'stress'?" in capsys.readouterr().err


def test_models_are_displaced_where_a_run_or_folder_is_named_and_only_there(tmp_path: Path) -> None:
    config = RunConfig(manifest=tmp_path / "tiles.csv", metrics="ssim", controls=3)
    (tmp_path / "config.toml").write_text(config.to_toml(), "utf-8")
    (tmp_path / "results.json").write_text("{}", "utf-8")
    named = make_config(with_runs({"generated": [str(tmp_path)], "metrics": None}), model=StressConfig)
    assert (named.manifest, named.models, named.protocol) == (config.manifest, True, "stress"), "models of a manifest"
    file = make_config(with_runs({"generated": None}), tmp_path / "config.toml", model=StressConfig)
    assert (file.manifest, file.models, file.generated) == (config.manifest, False, {})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"partial": True}, "a trial, from which nothing follows"),
        ({"groups": None}, "No patient or slide is known"),
        ({"groups": 4}, "4 patients: what is said of metrics rests on few"),
        ({"groups": 17}, ""),
    ],
)
def test_a_sweep_of_few_or_unknown_patients_says_so_first(
    change: dict[str, object], words: str, findings: Findings
) -> None:
    assert FEW == means.FEW, "one number of patients is few everywhere"
    shown = overview(findings.model_copy(update={"partial": False, **change}))
    assert len(shown.headline) == (2 if words else 1)
    assert words in shown.headline[0]
