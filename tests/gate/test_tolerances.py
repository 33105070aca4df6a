"""The grammar of tolerances, which section decides, the defaults, and what a mistake is told."""

from pathlib import Path

import pytest

from tests.gate.cases import row
from vstain_bench.errors import UsageError
from vstain_bench.judge.gate.tolerances import NO_FILE, Names, Tolerance, noise_of, parse_tolerance, read_tolerances

GRAMMAR = [
    ("2%", Tolerance("2%", relative=0.02)),
    (" 2 % ", Tolerance("2 %", relative=0.02)),
    ("0.05", Tolerance("0.05", absolute=0.05)),
    (".05", Tolerance(".05", absolute=0.05)),
    ("1e-4", Tolerance("1e-4", absolute=1e-4)),
    ("1e+2", Tolerance("1e+2", absolute=100.0)),
    ("0", Tolerance("0")),
    ("0.01 + 0.1%", Tolerance("0.01 + 0.1%", absolute=0.01, relative=0.001)),
    ("0.1%+0.01", Tolerance("0.1%+0.01", absolute=0.01, relative=0.001)),
    ("ci", Tolerance("ci", kind="ci")),
    ("ignore", Tolerance("ignore", kind="ignore")),
    # TOML's own numbers are amounts
    (0.05, Tolerance("0.05", absolute=0.05)),
    (2, Tolerance("2", absolute=2.0)),
]


@pytest.mark.parametrize(("value", "expected"), GRAMMAR, ids=str)
def test_the_grammar(value: object, expected: Tolerance) -> None:
    found = parse_tolerance(value, "here")
    assert (found.text, found.kind) == (expected.text, expected.kind)
    assert found.absolute == pytest.approx(expected.absolute, abs=0, rel=1e-15)
    assert found.relative == pytest.approx(expected.relative, abs=0, rel=1e-15)


def test_an_amount_and_a_share_add_up() -> None:
    assert parse_tolerance("0.5 + 10%", "here").allowed(-20.0) == pytest.approx(2.5)


MISTAKES = [
    ("", "is no tolerance"),
    ("-2%", "Leave the sign out"),
    ("±0.1", "Leave the sign out"),
    ("0,05", "Write '0.05'."),
    ("2,5%", "Write '2.5%'."),
    ("0.05 dB", "Leave the unit out"),
    ("1% + 2%", "one amount and one share"),
    ("1 + 2", "one amount and one share"),
    ("1 + 2% + 3", "is no tolerance"),
    ("CI", "Did you mean 'ci'?"),
    ("ignored", "Did you mean 'ignore'?"),
    ("nan", "is no tolerance"),
    ("inf%", "is no tolerance"),
    (True, "True is no tolerance"),
    (float("nan"), "is no tolerance"),
    (-0.1, "Leave the sign out"),
    (["2%"], "is no tolerance"),
]


@pytest.mark.parametrize(("value", "words"), MISTAKES, ids=str)
def test_a_mistake_is_told_with_the_grammar(value: object, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_tolerance(value, "tolerances.toml, fid")
    told = str(caught.value)
    assert told.startswith("tolerances.toml, fid: ")
    assert "expected an amount '0.05', a share '2%'" in told
    assert words in told


FILE = """
default = "1%"
ssim = "2%"
[model.mine]
ssim = "3%"
[model.other]
default = "4%"
[label."3+"]
fid = "5%"
[controls]
default = "6%"
"""
DECIDES = [
    # model's section, then controls, label, top; a metric before the default of the same section
    (("mine", "ssim", None), "3%"),
    (("mine", "fid", None), "1%"),
    (("mine", "fid", "3+"), "5%"),
    (("mine", "ssim", "3+"), "3%"),
    (("third", "ssim", "3+"), "2%"),
    (("other", "ssim", "3+"), "4%"),
    (("control:mean-colour", "ssim", None), "6%"),
    (("control:mean-colour", "fid", "3+"), "6%"),
]


@pytest.mark.parametrize(("key", "text"), DECIDES, ids=str)
def test_which_section_decides(key: tuple[str, str, str | None], text: str, tmp_path: Path) -> None:
    path = tmp_path / "tolerances.toml"
    path.write_text(FILE, "utf-8")
    assert read_tolerances(path).of(row(*key)).text == text


DEFAULTS = [
    ("psnr", 20.0, 1e-4),
    ("psnr_pooled", 20.0, 1e-4),
    ("ssim", 0.5, 1e-6),
    ("ssim_skimage7", 0.5, 1e-6),
    ("ms_ssim_torchmetrics", 0.5, 1e-6),
    ("css", 0.5, 1e-6),
    ("cw_ssim", 0.5, 1e-6),
    ("lpips_vgg", 0.5, 1e-5),
    ("fid", 40.0, 0.05),
    ("fid_tf", 40.0, 0.05),
    ("kid", 0.05, 1e-6),
    ("fd_random", 0.2, 1e-6 + 2e-4),
    ("nuclei_f1", 0.8, 1e-6 + 8e-5),
    # a name that only begins with the same letters is of no family
    ("fidelity", 40.0, 1e-6 + 4e-3),
    ("kidney", 40.0, 1e-6 + 4e-3),
]


@pytest.mark.parametrize(("metric", "value", "allowed"), DEFAULTS)
def test_the_defaults_are_measured_noise(metric: str, value: float, allowed: float) -> None:
    assert noise_of(metric).allowed(value) == pytest.approx(allowed, rel=1e-12)
    assert NO_FILE.of(row("mine", "ssim")).text == "1e-6"


NAMES = Names(metrics=("fid", "ssim"), models=("mine",), labels=("3+",), registered=lambda: ("fid", "kid"))
UNKNOWN = [
    ('fidd = "1%"', "metric 'fidd'", "Did you mean 'fid'?"),
    ('[model.minne]\nfid = "1%"', "model 'minne'", "Did you mean 'mine'?"),
    ('[label."2+"]\nfid = "1%"', "label '2+'", "Did you mean '3+'?"),
    ('[controls]\nsim = "1%"', "metric 'sim'", "Did you mean 'ssim'?"),
]


@pytest.mark.parametrize(("text", "where", "words"), UNKNOWN)
def test_an_unknown_name_is_refused_with_the_nearest(text: str, where: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "t.toml"
    path.write_text(text, "utf-8")
    with pytest.raises(UsageError) as caught:
        read_tolerances(path).check_names(NAMES, "t.toml")
    assert where in str(caught.value)
    assert words in str(caught.value)


def test_a_registered_metric_that_was_not_scored_is_no_mistake(tmp_path: Path) -> None:
    path = tmp_path / "t.toml"
    path.write_text('kid = "1%"', "utf-8")
    read_tolerances(path).check_names(NAMES, "t.toml")


FILES = [
    ('fid = "2%', "it cannot be read"),
    ('[models.mine]\nfid = "2%"', "Did you mean 'model'?"),
    ('[model]\nfid = "2%"', "'fid' stands in no section of a name"),
    ("fid = ''", "fid: '' is no tolerance"),
    ('[model.mine]\nfid = "two"', "[model.\"mine\"], fid: 'two' is no tolerance"),
]


@pytest.mark.parametrize(("text", "words"), FILES)
def test_a_bad_file_is_told_with_its_place(text: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "t.toml"
    path.write_text(text, "utf-8")
    with pytest.raises(UsageError) as caught:
        read_tolerances(path)
    assert f"--tolerances {path}" in str(caught.value)
    assert words in str(caught.value)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such file"):
        read_tolerances(tmp_path / "no.toml")
