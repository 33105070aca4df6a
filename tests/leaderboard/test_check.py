"""``leaderboard check``: what ``run`` writes passes, and every kind of damage is named in four parts."""

import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.leaderboard.simulated import Simulated, write_run
from tests.leaderboard.test_published import FORM
from vstain_bench.base.config import RunConfig
from vstain_bench.cli.main import call
from vstain_bench.errors import UsageError
from vstain_bench.judge.leaderboard.check import check_file
from vstain_bench.measure.run import run
from vstain_bench.phantom import PhantomSet

Content = dict[str, Any]
Damage = Callable[[Content], object]


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> str:
    given = Simulated({"mine": 1.0, "theirs": 0.0}, metrics="ssim,psnr,dab_block_r,fd_random")
    return write_run(tmp_path_factory.mktemp("check") / "run", given).results.read_text("utf-8")


def problems(folder: Path, content: object, name: str = "results.json") -> list[str]:
    path = folder / name
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return [str(problem) for problem in check_file(path).problems]


def row(content: Content, metric: str = "ssim", label: str | None = None, model: str = "mine") -> Content:
    asked = (model, metric, label)
    found: Content = next(r for r in content["rows"] if (r["model"], r["metric"], r["label"]) == asked)
    return found


def metric(content: Content, name: str = "ssim") -> Content:
    found: Content = next(each for each in content["metrics"] if each["name"] == name)
    return found


def sign(content: Content, old: str, new: str) -> None:
    """Change a text wherever it stands."""
    text = json.dumps(content).replace(old, new)
    assert text != json.dumps(content), "the premise"
    content.clear()
    content.update(json.loads(text))


def test_what_run_writes_passes(sound: str, tmp_path: Path) -> None:
    assert problems(tmp_path, sound) == []


def test_a_real_run_passes(phantom: PhantomSet, tmp_path: Path) -> None:
    """Stain, structure and sets, with labels, controls and a protocol's gaps, as the pass computes them."""
    config = RunConfig(
        generated=dict(phantom.models), manifest=phantom.manifest, offline=True, metrics="",
        protocol="default", controls=6,
    )  # fmt: skip
    folder = run(config, tmp_path / "run").folder
    assert [str(problem) for problem in check_file(folder.results).problems] == []


CASES: list[tuple[Damage, str]] = [
    # the form
    (
        lambda c: c.update(schema_version="0.9"),
        "schema_version '0.9', expected '1.1' or '1.0'",
    ),
    (lambda c: c.pop("rows"), "rows: nothing; expected field required"),
    (lambda c: c["inputs"].update(tiles="many"), "inputs.tiles: 'many'; expected input should be a valid integer"),
    (lambda c: row(c).update(colour="red"), "expected extra inputs are not permitted"),
    (lambda c: row(c).update(value=1e999), "whole file: no strict JSON: it holds Infinity"),
    (lambda c: row(c).update(value=float("nan")), "whole file: no strict JSON: it holds NaN"),
    # the inputs
    (lambda c: c["inputs"].update(partial=True), "Give the run command again without --limit"),
    (lambda c: c["inputs"].update(digest="abc"), "inputs.digest: 'abc'; expected 64 hexadecimal digits"),
    (lambda c: c["inputs"].update(tiles=0), "inputs.tiles: 0; expected 1 or more"),
    (lambda c: c["inputs"].update(groups=99), "inputs.groups: 99; expected at most the 36 tiles"),
    (lambda c: c["inputs"]["labels"].update({"3+": 90}), "inputs.labels: 114; expected at most the 36 tiles"),
    (lambda c: c["controls"].update(tiles=40), "controls.tiles: 40; expected at most the 36 tiles"),
    # names
    (lambda c: c["models"].append("mine"), "models: 'mine' 2 times; expected every model once"),
    (lambda c: c["models"].append("a\nb"), "expected a printable name"),
    (lambda c: c["models"].append("control:x"), "expected a name that does not begin with 'control:'"),
    (lambda c: c["models"].remove("theirs"), "a model that 'models' lacks; expected one of mine"),
    # whole
    (lambda c: c["models"].append("third"), "rows (third, ssim): none over all tiles; expected a row for each metric"),
    (lambda c: c["rows"].append(dict(row(c))), "rows (mine, ssim): 2 rows; expected one"),
    (lambda c: c["rows"].remove(row(c)), "rows (mine, ssim): none over all tiles"),
    (lambda c: c.update(metrics=c["metrics"][1:]), "rows: metric 'ssim' is not among 'metrics'"),
    (lambda c: c["metrics"].append(c["metrics"][0]), "metrics: 'ssim' occurs twice"),
    # definitions
    (lambda c: sign(c, '"ssim', '"my_ssim'), "metric 'my_ssim', which is not known here; expected a metric of"),
    (
        lambda c: metric(c).update(signature="ssim|cmp:generated-real|v:1"),
        "signature: 'ssim|cmp:generated-real|v:1'; ex",
    ),
    (lambda c: metric(c)["params"].pop("k2"), "no parameter 'k2'; expected 0.03"),
    (lambda c: metric(c)["params"].pop("pad"), "no parameter 'pad'; expected valid"),
    (lambda c: metric(c)["params"].update(gamma=2), "parameter 'gamma' is 2; expected none of that name, in ssim|"),
    (lambda c: metric(c)["params"].update(pad="reflect"), "parameter 'pad' is reflect; expected valid"),
    (lambda c: metric(c)["params"].update(sigma="wide"), "'wide' (str); expected a float such as 1.5"),
    (lambda c: metric(c).update(version=7), "version: 7; expected 1. Score again"),
    (lambda c: metric(c).update(compares=["generated", "source"]), "compares: ('generated', 'source'); expected"),
    (lambda c: metric(c).update(better="lower"), "better: 'lower'; expected 'higher'"),
    (lambda c: metric(c, "psnr").update(unit="mm"), "unit: 'mm'; expected 'dB'"),
    (lambda c: metric(c).update(range=[0, 100]), "range: (0.0, 100.0); expected (-1.0, 1.0)"),
    (lambda c: metric(c).update(interval="jackknife"), "interval: 'jackknife'; expected 'bootstrap'"),
    (lambda c: metric(c).update(family="nuclei"), "family: 'nuclei'; expected 'structure'"),
    # rows
    (lambda c: row(c).update(value=None), "status 'ok' without a value; expected a value where status is 'ok'"),
    (lambda c: row(c).update(status="undefined"), "status 'undefined' with a value"),
    (lambda c: row(c).update(status="undefined", value=None), "status 'undefined' without a reason"),
    (lambda c: row(c).update(value=47.0), "value: 47; expected a number from -1 to 1. Was it multiplied"),
    (lambda c: row(c).update(sd=-0.1), "sd: -0.1; expected 0 or more"),
    (lambda c: row(c).update(low=None), "one end of an interval; expected both, or none"),
    (lambda c: row(c).update(low=0.9, high=0.1), "interval [0.9, 0.1]; expected the lower end first"),
    (lambda c: row(c).update(tiles=40), "tiles: 40; expected at most 36"),
    (lambda c: row(c).update(tiles=20), "tiles: 20 of 36; expected all 36"),
    (lambda c: row(c, model="control:mean-colour").update(tiles=20), "tiles: 20; expected at most 12"),
    (lambda c: row(c).update(groups=13), "groups: 13; expected at most 12"),
    (lambda c: row(c).update(icc=1.5), "icc: 1.5; expected at most 1"),
    (lambda c: row(c).update(effective_tiles=99), "effective_tiles: 99; expected more than 0 and at most the 36 tiles"),
    (lambda c: row(c, label="3+").update(label="4+"), "label '4+'; expected one of 0, 3+"),
    (lambda c: row(c).update(unbeaten=["control:none"]), "unbeaten 'control:none'; expected a control with rows"),
    # sums
    (lambda c: row(c).update(value=row(c)["value"] + 0.01), "the mean of its labels weighted by tiles"),
    (lambda c: row(c, label="0").update(value=0.5), "the mean of its labels weighted by tiles"),
]


@pytest.mark.parametrize(("damage", "expected"), CASES, ids=range(len(CASES)))
def test_damage_is_named(damage: Damage, expected: str, sound: str, tmp_path: Path) -> None:
    content = json.loads(sound)
    damage(content)
    text = json.dumps(content).replace("Infinity", "1e999") if "Infinity" in expected else json.dumps(content)
    text = text.replace("1e999", "Infinity")
    found = problems(tmp_path, text)
    assert any(expected in each for each in found), found


def test_all_problems_are_told_at_once(sound: str, tmp_path: Path) -> None:
    content = json.loads(sound)
    row(content).update(value=47.0, sd=-1.0)
    content["inputs"].update(digest="abc", partial=True)
    found = problems(tmp_path, content)
    assert len(found) == 5, found  # the value is neither in range nor the mean of its labels


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("results.json", "{", "whole file: no strict JSON"),
        ("results.json", "[]", "whole file: it is no object"),
        ("results.json", "[" * 100_000, "whole file: no strict JSON"),
        ("results.csv", "a,b", "a name that ends in .json or .toml"),
        ("mine.toml", "=", "whole file: no TOML"),
        ("mine.toml", "name = 'x'", "title: nothing; expected field required"),
    ],
    ids=["damaged", "list", "deep", "csv", "no TOML", "empty"],
)
def test_what_is_no_results_file_says_so(name: str, text: str, expected: str, tmp_path: Path) -> None:
    assert expected in problems(tmp_path, text, name)[0]


def test_bytes_that_are_no_text_say_so(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    path.write_bytes(b'{"a": "\xff"}')
    assert str(check_file(path).problems[0]) == "byte 7: no UTF-8; expected a text file as UTF-8."


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('metric = "psnr"', 'metric = "psrn"', "a metric of 'list metrics', or nothing. Did you mean 'psnr'"),
        ('better = "higher"', 'better = "lower"', "better: lower; expected higher, as for psnr"),
        ("first_hand = false", "first_hand = true", "no doi, arxiv or code"),
        ('read = "the text"', 'read = ""', "source 's', read: nothing"),
        ('"21.0"', '"-21.0"', "'-21.0'; expected a number from 0 to inf, as printed. Is the column's factor right"),
        ('"21.0"', '"21.0 ± 3"', "expected no ±"),
        ('dataset = "D"', 'dataset = "D"\nprotocol = "bci-2020"', "Did you mean 'bci-2022'"),
        ('dataset = "D"', 'dataset = "D"\ntiles = 0', "tiles: 0"),
        ('meaning = "m"', 'meaning = "meaning not known"', "no metric where the meaning is not known"),
        ('metric = "psnr"', "factor = 100", "factor: 100 without a metric; expected 1"),
        ('cells = ["21.0"]', 'cells = ["1"]\n[[table.row]]\nmodel = "A"\ncells = ["2"]', "2 rows; expected every row"),
    ],
)  # fmt: skip
def test_published_tables_are_checked(old: str, new: str, expected: str, tmp_path: Path) -> None:
    text = FORM.replace(old, new, 1)
    assert text != FORM, "the premise"
    assert tomllib.loads(text)
    found = problems(tmp_path, text, "mine.toml")
    assert any(expected in each for each in found), found


def test_sound_published_tables_pass(tmp_path: Path) -> None:
    assert problems(tmp_path, FORM, "mine.toml") == []


def test_the_command_ends_with_1_and_names_every_file(
    sound: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good, bad = tmp_path / "good.json", tmp_path / "bad.json"
    good.write_text(sound, encoding="utf-8")
    content = json.loads(sound)
    content["models"].append("\x1b[31m")
    bad.write_text(json.dumps(content), encoding="utf-8")
    assert call(["leaderboard", "check", str(good)]) == 0
    assert capsys.readouterr().out == f"{good}: no problem; 2 models, 4 metrics, 36 tiles\n"
    assert call(["leaderboard", "check", str(good), str(bad)]) == 1
    out, err = capsys.readouterr()
    assert out.count(str(bad)) == 1 + 4, "the name, and a row that is missing for each metric"
    assert "\x1b" not in out
    assert err == "5 problems in 2 files\n"
    assert call(["leaderboard", "check", str(bad), "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert set(told[0]["problems"][0]) == {"where", "found", "expected", "next_step"}


def test_a_file_that_is_not_there_is_a_fault_of_usage(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such file"):
        check_file(tmp_path / "results.json")
    assert call(["leaderboard", "check", str(tmp_path / "results.json")]) == 2
