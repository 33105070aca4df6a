"""Contrasts against numbers computed by other means, their laws, and the corrections over all of them."""

import math
from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from tests.compare.studies import Study, write_study
from vstain_bench.base.randomness import seed_of
from vstain_bench.judge.compare.config import CompareConfig
from vstain_bench.judge.compare.job import compare
from vstain_bench.metrics.kernel import kernel_distance
from vstain_bench.present.sentences.comparison import notes
from vstain_bench.results.comparison import Comparison, Contrast
from vstain_bench.stats.intervals import bootstrap_mean

SIZES = [5, 3, 4, 6, 2, 4, 3, 5]
GROUPS = [f"p{number}" for number, size in enumerate(SIZES) for _ in range(size)]
LABELS = [("0", "1+", "2+", "3+")[number % 4] for number in range(len(GROUPS))]
TILES = len(GROUPS)


def shifted(offset: float, seed: int, spread: float = 0.02) -> np.ndarray:
    random = np.random.default_rng(seed)
    patients = dict(zip(sorted(set(GROUPS)), np.random.default_rng(1).normal(0, 0.05, len(SIZES)), strict=True))
    base = 0.6 + np.array([patients[group] for group in GROUPS])
    return np.asarray(base + offset + random.normal(0, spread, TILES))


def features(offset: float, seed: int) -> np.ndarray:
    """Generated features beside real ones, which are the same for every model."""
    real = np.random.default_rng(99).normal(0, 1, (TILES, 4))
    generated = real + offset + np.random.default_rng(seed).normal(0, 0.5, (TILES, 4))
    return np.concatenate([generated, real], axis=1)


def study(**changes: object) -> Study:
    given = {
        "values": {
            "plain": {"ssim": shifted(0.0, 2), "mae": shifted(0.0, 3)},
            "better": {"ssim": shifted(0.05, 4), "mae": shifted(-0.05, 5)},
            "alike": {"ssim": shifted(0.001, 6), "mae": shifted(0.0, 7)},
        },
        "rows": {
            "plain": {"kd_random": features(0.5, 1)}, "better": {"kd_random": features(0.0, 2)},
            "alike": {"kd_random": features(0.5, 3)},
        },
        "groups": GROUPS, "labels": LABELS,
    }  # fmt: skip
    return Study(**(given | changes))  # type: ignore[arg-type]  # as given by the tests


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    path = write_study(tmp_path_factory.mktemp("contrasts") / "run", study()).path
    return compare([path], CompareConfig(primary=("ssim", "kd_random")))


def contrast(comparison: Comparison, model: str, metric: str, label: str | None = None) -> Contrast:
    one = comparison.find(model, metric, label)
    assert one is not None
    return one


def means(values: np.ndarray) -> np.ndarray:
    return np.array([values[np.array(GROUPS) == group].mean() for group in sorted(set(GROUPS))])


@pytest.mark.parametrize("metric", ["ssim", "mae"])
@pytest.mark.parametrize("model", ["better", "alike"])
def test_a_metric_of_tiles_gives_what_other_libraries_give(found: Comparison, metric: str, model: str) -> None:
    given = study().values
    differences = given[model][metric] - given["plain"][metric]
    by_group = means(differences)
    one = contrast(found, model, metric)
    assert one.difference == pytest.approx(differences.mean(), abs=1e-12)
    assert one.value == pytest.approx(given[model][metric].mean(), abs=1e-12)
    assert one.group_difference == pytest.approx(by_group.mean(), abs=1e-12)
    reference = stats.permutation_test((by_group,), np.mean, permutation_type="samples", n_resamples=np.inf)
    assert one.p == pytest.approx(float(reference.pvalue), abs=1e-10)
    assert one.effect_size == pytest.approx(
        float(stats.ttest_rel(means(given[model][metric]), means(given["plain"][metric])).statistic) / math.sqrt(8),
        abs=1e-10,
    )
    signature = one.signature
    interval = bootstrap_mean(differences, np.array(GROUPS), seed_of("difference", 0, signature, model, "plain", ""))
    assert interval is not None
    assert (one.low, one.high) == (interval.low, interval.high)
    gains = differences if metric == "ssim" else -differences
    assert one.wins == pytest.approx((gains > 0).mean())
    assert one.groups_better == int((means(gains) > 0).sum())
    assert (one.tiles, one.groups, one.left_out) == (TILES, 8, 0)
    assert [pair.group for pair in one.pairs] == sorted(set(GROUPS))
    assert [pair.model - pair.reference for pair in one.pairs] == pytest.approx(by_group.tolist(), abs=1e-12)
    assert [pair.tiles for pair in one.pairs] == SIZES


@pytest.mark.parametrize("model", ["better", "alike"])
def test_a_metric_of_sets_is_jackknifed_by_patient(found: Comparison, model: str) -> None:
    """Every remainder scored anew, and the formula written out."""
    rows, groups = study().rows, np.array(GROUPS)

    def distance(each: np.ndarray) -> float:
        return kernel_distance(each[:, :4], each[:, 4:])

    def difference(kept: np.ndarray) -> float:
        return distance(rows[model]["kd_random"][kept]) - distance(rows["plain"]["kd_random"][kept])

    whole = difference(np.full(TILES, True))
    without = np.array([difference(groups != group) for group in sorted(set(GROUPS))])
    error = math.sqrt(7 / 8 * np.sum((without - without.mean()) ** 2))
    one = contrast(found, model, "kd_random")
    assert one.difference == pytest.approx(whole, abs=1e-10)
    assert one.low == pytest.approx(whole - stats.t.ppf(0.975, 7) * error, abs=1e-10)
    assert one.p == pytest.approx(2 * stats.t.sf(abs(whole) / error, 7), abs=1e-10)
    assert (one.wins, one.effect_size, one.pairs) == (None, None, ())
    assert one.interval == "jackknife over 8 blocks of groups"


def test_pairing_makes_the_difference_sharper_than_its_parts(found: Comparison) -> None:
    """Patients differ by 0.05 and models by as much; the interval of the difference does not see the patients."""
    own = bootstrap_mean(study().values["better"]["ssim"], np.array(GROUPS), 0)
    one = contrast(found, "better", "ssim")
    assert own is not None
    assert one.low is not None
    assert one.high is not None
    assert one.high - one.low < 0.5 * (own.high - own.low)


def test_primary_tests_get_holm_and_the_rest_benjamini_hochberg(found: Comparison) -> None:
    primary = [each for each in found.contrasts if each.metric in ("ssim", "kd_random") and each.label is None]
    rest = [each for each in found.contrasts if each not in primary and each.p is not None]
    assert len(primary) == 4
    assert {each.label for each in rest} == {None, "0", "1+", "2+", "3+"}
    for members, method, name in ((primary, "holm", "Holm"), (rest, "fdr_bh", "Benjamini-Hochberg")):
        expected = multipletests([each.p for each in members], method=method)[1]
        assert [each.adjusted_p for each in members] == pytest.approx(expected, abs=1e-10)
        assert {(each.correction, each.family) for each in members} == {(name, len(members))}


def test_verdicts(found: Comparison) -> None:
    assert contrast(found, "better", "ssim").verdict == "better"
    assert contrast(found, "better", "kd_random").verdict == "better"
    assert contrast(found, "alike", "ssim").verdict == "not told apart"
    assert found.metrics == ("ssim", "kd_random", "mae")
    assert found.models == ("better", "alike")


def test_another_reference_mirrors_the_difference(found: Comparison, tmp_path: Path) -> None:
    path = write_study(tmp_path / "run", study()).path
    mirrored = compare([path], CompareConfig(primary=("ssim", "kd_random"), reference="better"))
    for metric in ("ssim", "mae", "kd_random"):
        one, other = contrast(found, "better", metric), contrast(mirrored, "plain", metric)
        assert other.difference == pytest.approx(-float(one.difference or 0), abs=1e-12)
        assert other.p == pytest.approx(one.p, abs=1e-12)
        if one.wins is not None:
            assert other.wins == pytest.approx(1 - one.wins)
    assert contrast(mirrored, "plain", "ssim").verdict == "worse"


@pytest.mark.parametrize("metric", ["ssim", "kd_random"])
def test_a_label_is_the_study_of_its_tiles(found: Comparison, tmp_path: Path, metric: str) -> None:
    kept = np.array(LABELS) == "2+"
    part = Study(
        values={model: {"ssim": each["ssim"][kept]} for model, each in study().values.items()},
        rows={model: {"kd_random": each["kd_random"][kept]} for model, each in study().rows.items()},
        groups=[group for group, inside in zip(GROUPS, kept, strict=True) if inside],
    )
    alone = compare([write_study(tmp_path / "part", part).path], CompareConfig())
    one, other = contrast(found, "better", metric, "2+"), contrast(alone, "better", metric)
    assert one.difference == pytest.approx(other.difference, abs=1e-12)
    assert one.p == pytest.approx(other.p, abs=1e-12)
    assert (one.tiles, one.groups, one.groups_better) == (other.tiles, other.groups, other.groups_better)


def test_models_in_one_run_or_in_several_give_the_same(found: Comparison, tmp_path: Path) -> None:
    whole = study()
    paths = []
    for name in ("plain", "better", "alike"):
        one = study(values={name: whole.values[name]}, rows={name: whole.rows[name]})
        paths.append(write_study(tmp_path / name, one).path)
    apart = compare(paths, CompareConfig(primary=("ssim", "kd_random")))
    assert apart.contrasts == found.contrasts


def test_equal_models_are_equal(tmp_path: Path) -> None:
    one = study().values["plain"]
    rows = study().rows["plain"]
    twins = study(values={"a": one, "b": one}, rows={"a": rows, "b": rows})
    for each in compare([write_study(tmp_path / "run", twins).path], CompareConfig()).contrasts:
        assert each.difference == 0
        assert each.verdict == "equal"
        assert each.p in (1.0, None)


@pytest.mark.parametrize("reference", ["a", "b"])
def test_tiles_without_a_finite_value_are_left_out_for_both(tmp_path: Path, reference: str) -> None:
    one, two = shifted(20.0, 1), shifted(21.0, 2)
    copied = two.copy()
    copied[3] = np.inf
    given = Study(values={"a": {"psnr": one}, "b": {"psnr": copied}}, groups=GROUPS)
    found = compare([write_study(tmp_path / "run", given).path], CompareConfig(reference=reference))
    kept = np.arange(TILES) != 3
    model, sign = ("b", 1) if reference == "a" else ("a", -1)
    psnr = contrast(found, model, "psnr")
    assert psnr.difference == pytest.approx(sign * (two - one)[kept].mean(), abs=1e-12)
    assert (psnr.tiles, psnr.left_out) == (TILES - 1, 1)
    told = f"1 tile without a finite value under {model} or {reference}, left out for both"
    assert any(told in note for note in notes(found))


def test_where_a_target_is_best_distances_from_it_are_compared(tmp_path: Path) -> None:
    """Both are 0.02 away from 0, on opposite sides: the values differ by 0.04, the distances by nothing."""
    above = np.random.default_rng(0).normal(0, 1e-3, TILES)
    above += 0.02 - above.mean()
    given = Study(
        values={"over": {"dab_od_bias": above}, "under": {"dab_od_bias": -above}, "near": {"dab_od_bias": above / 4}},
        groups=GROUPS,
    )
    found = compare([write_study(tmp_path / "run", given).path], CompareConfig())
    opposite, near = contrast(found, "under", "dab_od_bias"), contrast(found, "near", "dab_od_bias")
    assert opposite.difference == pytest.approx(0.0, abs=1e-12)
    assert opposite.verdict != "worse"
    assert (near.value, near.reference_value) == (pytest.approx(0.005), pytest.approx(0.02))
    assert near.difference == pytest.approx(-0.015)
    assert (near.verdict, near.target) == ("better", 0.0)


def test_five_patients_cannot_be_significant_however_clear_they_are(tmp_path: Path) -> None:
    groups = [f"p{number}" for number in range(5) for _ in range(4)]
    given = Study(
        values={"a": {"ssim": np.full(20, 0.5)}, "b": {"ssim": np.linspace(0.8, 0.9, 20)}}, groups=groups
    )  # fmt: skip
    found = compare([write_study(tmp_path / "run", given).path], CompareConfig())
    one = contrast(found, "b", "ssim")
    assert (one.p, one.smallest_p, one.verdict) == (0.0625, 0.0625, "powerless")
    assert any("annot be significant with 5 patients (smallest p 0.0625): 6 patients" in note for note in notes(found))


def test_corrections_can_take_the_last_power(tmp_path: Path) -> None:
    """Six patients reach p = 0.031, but not 0.05 after Holm over two tests."""
    groups = [f"p{number}" for number in range(6) for _ in range(2)]
    ramp = np.linspace(0.1, 0.2, 12)
    given = Study(
        values={"a": {"ssim": ramp, "mae": ramp}, "b": {"ssim": ramp * 2, "mae": ramp / 2}}, groups=groups
    )  # fmt: skip
    path = write_study(tmp_path / "run", given).path
    both = compare([path], CompareConfig())
    assert {each.verdict for each in both.overall()} == {"powerless"}
    assert contrast(both, "b", "ssim").attainable_p == 0.0625
    assert any("after Holm over 2 tests (smallest adjusted p 0.062): 7 patients" in note for note in notes(both))
    one = compare([path], CompareConfig(primary=("ssim",)))
    assert contrast(one, "b", "ssim").verdict == "better"
    assert contrast(one, "b", "mae").verdict == "better"


def test_one_patient_gives_a_difference_and_no_test(tmp_path: Path) -> None:
    ramp = np.linspace(0.1, 0.2, 4)
    given = Study(values={"a": {"ssim": ramp}, "b": {"ssim": ramp * 2}}, groups=["p"] * 4)
    one = contrast(compare([write_study(tmp_path / "run", given).path], CompareConfig()), "b", "ssim")
    assert one.difference == pytest.approx(0.15)
    assert (one.p, one.low, one.verdict, one.interval) == (None, None, "powerless", "none: fewer than two groups")


def test_wilcoxon_on_request(tmp_path: Path) -> None:
    path = write_study(tmp_path / "run", study()).path
    given = study().values
    one = contrast(compare([path], CompareConfig(test="wilcoxon")), "alike", "ssim")
    expected = stats.wilcoxon(means(given["alike"]["ssim"] - given["plain"]["ssim"])).pvalue
    assert one.p == pytest.approx(float(expected), abs=1e-10)
    assert one.test == "Wilcoxon signed rank"


def test_the_mean_of_patients_and_of_tiles_can_point_to_opposite_sides(tmp_path: Path) -> None:
    """One patient with many tiles outweighs eight others by tiles, not by patients; that is said."""
    groups = ["big"] * 60 + [f"p{number}" for number in range(8) for _ in range(2)]
    gain = np.where(np.array(groups) == "big", -0.1, np.linspace(0.04, 0.06, 76))
    base = np.full(76, 0.5)
    given = Study(values={"a": {"ssim": base}, "b": {"ssim": base + gain}}, groups=groups)
    found = compare([write_study(tmp_path / "run", given).path], CompareConfig())
    one = contrast(found, "b", "ssim")
    assert one.difference is not None
    assert one.group_difference is not None
    assert one.difference < 0 < one.group_difference
    assert any("point to opposite sides" in note for note in notes(found))
