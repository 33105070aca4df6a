"""Runs that do not compare are refused with every difference named; what merely lacks a value is left out with it."""

import shutil
import sqlite3
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.compare.studies import Study, write_study
from vstain_bench.base.config import split_names
from vstain_bench.errors import InputError, UsageError, VstainError
from vstain_bench.judge.compare.config import CompareConfig
from vstain_bench.judge.compare.job import compare
from vstain_bench.present.sentences.comparison import notes
from vstain_bench.results.folder import RunFolder

GROUPS = [f"p{number}" for number in range(6) for _ in range(3)]
LABELS = ["0", "3+"] * 9
RAMP = np.linspace(0.2, 0.6, 18)


def study(model: str = "a", offset: float = 0.0, **changes: object) -> Study:
    features = np.random.default_rng(len(model)).normal(offset, 1, (18, 6))
    given = {
        "values": {model: {"ssim": RAMP + offset, "mae": RAMP - offset}}, "rows": {model: {"kd_random": features}},
        "groups": GROUPS, "labels": LABELS,
    }  # fmt: skip
    return Study(**(given | changes))  # type: ignore[arg-type]  # as given by the tests


@pytest.fixture
def first(tmp_path: Path) -> Path:
    return write_study(tmp_path / "A", study()).path


REFUSED = [
    # one parameter of one metric: it is named, and so is what can be compared
    (
        {"metrics": "ssim(sigma=2.0),mae,kd_random"},
        r"(?s)ssim: sigma is 1.5 in A and 2.0 in B\n.*--metrics mae,kd_random",
    ),
    # two parameters of one, none of the others
    ({"metrics": "ssim(sigma=2.0, k1=0.02),mae,kd_random"}, r"(?s)sigma is 1.5.*\n  ssim: k1 is 0.01 in A and 0.02"),
    # the same number of other tiles
    ({"digest": "cd" * 32}, "both have 18 tiles, but not the same ones.* abababababab in A and cdcdcdcdcdcd in B"),
    ({"partial": True}, r"only the first tiles were scored in B \(--limit\)"),
    # the same tiles with another patient, though patients are as many
    ({"groups": ["p1", *GROUPS[1:]]}, "tile 't000' has group p0 in A and p1 in B"),
    ({"labels": ["3+", "0", *LABELS[2:]]}, r"tile 't000' has label 0 in A and 3\+ in B"),
    (
        {"labels": ["3+", *LABELS[1:]]},
        r"(?s)label '0' has 9 tiles in A and 8 in B\n.*label '3\+' has 9 tiles in A and 10",
    ),
    ({"grouped": False}, "the number of groups is 6 in A and not known in B"),
]


@pytest.mark.parametrize(("changes", "words"), REFUSED, ids=lambda value: str(value)[:50])
def test_runs_that_do_not_compare_are_refused(
    first: Path, tmp_path: Path, changes: dict[str, object], words: str
) -> None:
    other = write_study(tmp_path / "B", study("b", 0.1, **changes)).path
    with pytest.raises(InputError, match=words):
        compare([first, other], CompareConfig())


def test_another_number_of_tiles_is_refused(first: Path, tmp_path: Path) -> None:
    values = {"b": {"ssim": RAMP[:-1], "mae": RAMP[:-1]}}
    other = write_study(tmp_path / "B", study("b", values=values, rows={}, groups=GROUPS[:-1], labels=LABELS[:-1]))
    with pytest.raises(InputError, match="18 tiles in A and 17 in B"):
        compare([first, other.path], CompareConfig())


def test_metrics_that_do_compare_can_be_chosen(first: Path, tmp_path: Path) -> None:
    other = write_study(tmp_path / "B", study("b", 0.1, metrics="ssim(sigma=2.0),mae,kd_random")).path
    found = compare([first, other], CompareConfig(metrics=("mae", "kd_random")))
    assert found.metrics == ("mae", "kd_random")


USAGE = [
    ({"reference": "c"}, r"--reference c: no such model; expected one of a, b"),
    ({"primary": ("sim",)}, r"--primary sim: no run has this metric.*Did you mean 'ssim'"),
    ({"metrics": ("fid",)}, "--metrics fid: no run has this metric"),
    ({"metrics": ("mae",), "primary": ("ssim",)}, "--primary ssim: it is not among --metrics; expected some of mae"),
]


@pytest.mark.parametrize(("request_", "words"), USAGE, ids=lambda value: str(value)[:50])
def test_unknown_names_are_refused(first: Path, tmp_path: Path, request_: dict[str, object], words: str) -> None:
    other = write_study(tmp_path / "B", study("b", 0.1)).path
    with pytest.raises(UsageError, match=words):
        compare([first, other], CompareConfig(**request_))  # type: ignore[arg-type]  # as given by the table


def test_one_model_is_not_enough(first: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="1 model in A; expected at least two models"):
        compare([first], CompareConfig())
    with pytest.raises(UsageError, match=r"no results\.json"):
        compare([first, tmp_path / "nothing"], CompareConfig())


def test_models_of_one_name_are_told_by_their_runs(first: Path, tmp_path: Path) -> None:
    other = write_study(tmp_path / "B", study("a", 0.1)).path
    found = compare([first, other], CompareConfig())
    assert (found.reference, found.models) == ("a (A)", ("a (B)",))
    assert compare([first, other], CompareConfig(reference="a (B)")).models == ("a (A)",)
    with pytest.raises(UsageError, match="several models of that name"):
        compare([first, other], CompareConfig(reference="a"))


def test_a_metric_without_a_value_is_left_out_with_its_reason(tmp_path: Path) -> None:
    gaps = {"fid": "no weights here"}
    first = write_study(tmp_path / "A", study("a", gaps=gaps)).path
    other = write_study(tmp_path / "B", study("b", 0.1, gaps=gaps)).path
    found = compare([first, other], CompareConfig())
    assert found.gaps == {"fid": "unavailable: no weights here"}
    assert any(note == "fid was not compared: unavailable: no weights here." for note in notes(found))
    assert "fid" not in found.metrics
    with pytest.raises(UsageError, match="--primary fid: unavailable: no weights here"):
        compare([first, other], CompareConfig(primary=("fid",)))


def test_a_metric_that_one_run_lacks_is_left_out_with_its_reason(first: Path, tmp_path: Path) -> None:
    values = {"b": {"ssim": RAMP}}
    other = write_study(tmp_path / "B", study("b", values=values)).path
    found = compare([first, other], CompareConfig())
    assert found.gaps == {"mae": "it was not scored in B"}
    assert set(found.metrics) == {"ssim", "kd_random"}


def test_a_tile_without_a_value_leaves_the_metric_out(first: Path, tmp_path: Path) -> None:
    holed = RAMP.copy()
    holed[4] = np.nan
    other = write_study(tmp_path / "B", study("b", values={"b": {"ssim": holed, "mae": RAMP}})).path
    found = compare([first, other], CompareConfig())
    assert found.gaps == {"ssim": "no value in B (undefined: a tile has no value)"}


def test_without_its_journal_a_metric_of_sets_is_left_out_with_its_reason(first: Path, tmp_path: Path) -> None:
    other = write_study(tmp_path / "B", study("b", 0.1))
    other.journal.unlink()
    found = compare([first, other.path], CompareConfig())
    assert found.gaps["kd_random"].startswith("b: journal.sqlite is missing")
    assert set(found.metrics) == {"ssim", "mae"}
    with pytest.raises(UsageError, match=r"(?s)no metric can be compared in A, B:\n  kd_random: b: journal\.sqlite is"):
        compare([first, other.path], CompareConfig(metrics=("kd_random",)))


def test_rows_of_other_tiles_are_never_paired(first: Path, tmp_path: Path) -> None:
    other = write_study(tmp_path / "B", study("b", 0.1))
    with sqlite3.connect(other.journal) as connection:
        connection.execute("DELETE FROM row WHERE tile = 't003'")
    connection.close()
    found = compare([first, other.path], CompareConfig())
    assert found.gaps == {"kd_random": "the tiles of b are not those of a"}


DEFINED = '"definition": "kd_random"'


def test_a_definition_that_is_not_here_is_a_reason(tmp_path: Path) -> None:
    both = study(values={"a": {"ssim": RAMP}, "b": {"ssim": RAMP * 1.1}}, rows={
        "a": {"kd_random": np.ones((18, 4))}, "b": {"kd_random": np.ones((18, 4))},
    })  # fmt: skip
    folder = write_study(tmp_path / "A", both)
    folder.config.write_text("metrics = 'ssim'\nplugin = ['gone.py']\n", "utf-8")
    folder.results.write_text(folder.results.read_text("utf-8").replace(DEFINED, '"definition": "theirs"'), "utf-8")
    found = compare([folder.path], CompareConfig())
    assert "no such Python file" in found.gaps["kd_random"]
    assert found.metrics == ("ssim",)


def test_the_protocol_names_the_primary_metrics(first: Path, tmp_path: Path) -> None:
    other = write_study(tmp_path / "B", replace(study("b", 0.1), primary=("mae",))).path
    found = compare([other, first], CompareConfig())
    assert found.primary == ("mae",)
    assert found.metrics == ("mae", "ssim", "kd_random")
    assert compare([first, other], CompareConfig()).primary == ("ssim", "mae", "kd_random"), "the first run's protocol"


@pytest.mark.parametrize("primary", ['"lpips"', "3", '["ssm"]'])
def test_a_protocol_whose_primary_metrics_do_not_exist_is_refused(tmp_path: Path, primary: str) -> None:
    from vstain_bench.measure.protocol import read_protocol

    file = tmp_path / "ours.toml"
    file.write_text(f'name = "ours"\nprimary = {primary}\n[[metric]]\nname = "ssim"\n', "utf-8")
    with pytest.raises(UsageError, match="expected a list of some of its metrics: ssim"):
        read_protocol(str(file))


def test_a_damaged_folder_is_a_fault_of_the_user(first: Path, tmp_path: Path) -> None:
    other = Path(shutil.copytree(first, tmp_path / "B"))
    RunFolder(other).pairs.unlink()
    with pytest.raises(VstainError, match=r"pairs\.csv: it cannot be read"):
        compare([first, other], CompareConfig())
    shutil.copy(first / "pairs.csv", other / "pairs.csv")
    (other / "journal.sqlite").write_bytes(b"not a database at all, whatever it says")
    with pytest.raises(VstainError, match="the journal cannot be opened"):
        compare([first, other], CompareConfig())


def test_lists_of_names() -> None:
    assert split_names(None) == split_names(" , ") == ()
    assert split_names("ssim, mae") == ("ssim", "mae")
