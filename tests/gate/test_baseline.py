"""Accepting a run, the chain of reasons, and what cannot be a run or a baseline."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.gate.cases import LOST, MINE, Change, accepted, add, define, drop, inputs, put, row
from tests.present.run_folders import write_run
from vstain_bench.cli.main import call
from vstain_bench.results.baseline import digest, make_baseline, parse_baseline, trimmed
from vstain_bench.results.folder import RunFolder
from vstain_bench.results.table import Quantity


@pytest.fixture(autouse=True)
def _no_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY"):
        monkeypatch.delenv(name, raising=False)


def run_in(folder: Path, *changes: Change) -> Path:
    """Write a run folder with its versions and return it."""
    folder.mkdir()
    table = accepted()
    for change in changes:
        table = change(table)
    run = RunFolder(folder)
    run.results.write_text(table.to_json(), "utf-8")
    run.write_facts({"versions": {"torch": "2.13.0", "python": "3.12.0"}, "started": "2026-01-02T03:04:05Z"})
    return folder


def accept(run: Path, baseline: Path, reason: str) -> int:
    return call(["gate", str(run), "--baseline", str(baseline), "--accept", "--reason", reason])


def test_accepting_makes_the_gate_pass_and_the_history_a_chain(tmp_path: Path) -> None:
    first, second = run_in(tmp_path / "first"), run_in(tmp_path / "second", put(MINE, "fid", value=42.0))
    baseline = tmp_path / "baseline.json"
    gate = ["gate", str(second), "--baseline", str(baseline)]
    assert accept(first, baseline, "the paper's\nmodel") == 0
    before = json.loads(baseline.read_text("utf-8"))
    assert (before["reason"], before["changes"], before["previous"]) == ("the paper's model", [], None)
    assert before["versions"] == {"python": "3.12.0", "torch": "2.13.0"}
    assert call(gate) == 1
    assert accept(second, baseline, "new decoder") == 0
    after = json.loads(baseline.read_text("utf-8"))
    assert after["previous"] == before["digest"]
    assert after["digest"] != before["digest"]
    assert len(after["changes"]) == 1
    assert after["changes"][0].startswith("fid of model 'mine' rose from 40.00 to 42.00")
    assert call(gate) == 0


def test_the_same_run_gives_the_same_bytes_wherever_it_lies(tmp_path: Path) -> None:
    one, two = run_in(tmp_path / "one"), run_in(tmp_path / "two")
    RunFolder(two).write_facts(dict(RunFolder(two).read_facts()) | {"started": "2027-01-01T00:00:00Z"})
    assert accept(one, tmp_path / "a.json", "why") == accept(two, tmp_path / "b.json", "why") == 0
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()
    assert str(tmp_path) not in (tmp_path / "a.json").read_text("utf-8")


def test_one_number_is_one_line(tmp_path: Path) -> None:
    one, two = (
        make_baseline(accepted(), reason="a"),
        make_baseline(put(MINE, "fid", value=41.0)(accepted()), reason="a"),
    )
    pairs = list(zip(one.to_json().splitlines(), two.to_json().splitlines(), strict=True))
    changed = [mine for mine, theirs in pairs if mine != theirs]
    assert len(changed) == 2
    assert changed[0].strip().startswith('"digest"')
    assert '"fid"' in changed[1]
    assert parse_baseline(one.to_json(), "here") == one
    assert one.table.rows == trimmed(accepted()).rows


def test_what_a_gate_does_not_read_does_not_change_the_digest() -> None:
    assert digest(put(MINE, "fid", sd=9.0, icc=0.3)(accepted())) == digest(accepted())
    behind = Quantity(owner="real", metric="fid", name="share", value=0.5)
    assert digest(accepted().model_copy(update={"quantities": (behind,)})) == digest(accepted())
    for field, value in (("value", 41.0), ("low", 1.0), ("tiles", 11)):
        assert digest(put(MINE, "fid", **{field: value})(accepted())) != digest(accepted()), field
    assert digest(define("fid", "fid|cmp:generated-real|v:2")(accepted())) != digest(accepted())
    assert digest(define("fid", summary="in other words")(accepted())) == digest(accepted())


def test_equal_numbers_are_not_accepted_twice(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run, baseline = run_in(tmp_path / "run"), tmp_path / "baseline.json"
    assert accept(run, baseline, "first") == 0
    before = baseline.read_bytes()
    assert accept(run, baseline, "again") == 0
    assert baseline.read_bytes() == before
    assert "Nothing to accept" in capsys.readouterr().err


@pytest.mark.parametrize("side", ["folder", "results"])
def test_a_run_is_a_baseline_as_it_is(side: str, tmp_path: Path) -> None:
    old, new = run_in(tmp_path / "old"), run_in(tmp_path / "new", put(MINE, "ssim", value=0.4))
    baseline = old if side == "folder" else old / "results.json"
    assert call(["gate", str(old), "--baseline", str(baseline)]) == 0
    assert call(["gate", str(new), "--baseline", str(baseline)]) == 1
    assert call(["gate", str(new / "results.json"), "--baseline", str(baseline)]) == 1


UNFIT: list[tuple[Change, str]] = [
    (put(MINE, "psnr", **LOST), "no value for psnr (unavailable: weights are not here)"),
    (inputs(partial=True), "only the first tiles were scored"),
]


@pytest.mark.parametrize(("change", "words"), UNFIT, ids=["no value", "a trial"])
def test_a_run_that_nothing_could_pass_beside_is_no_baseline(
    change: Change, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, baseline = run_in(tmp_path / "run", change), tmp_path / "baseline.json"
    assert accept(run, baseline, "why") == 1
    assert words in capsys.readouterr().err
    assert not baseline.exists()


def test_an_ignored_metric_may_lack_its_value(tmp_path: Path) -> None:
    run, tolerances = run_in(tmp_path / "run", put(MINE, "psnr", **LOST)), tmp_path / "t.toml"
    tolerances.write_text('psnr = "ignore"', "utf-8")
    gate = ["gate", str(run), "--baseline", str(tmp_path / "b.json"), "--tolerances", str(tolerances)]
    assert call([*gate, "--accept", "--reason", "no weights in the CI"]) == 0
    assert call(gate) == 0


def test_many_changes_are_counted(tmp_path: Path) -> None:
    numbers = [row(f"m{number}", "mae", value=0.5) for number in range(30)]
    worse = [each.model_copy(update={"value": 0.6}) for each in numbers]
    old, new = run_in(tmp_path / "old", add(*numbers)), run_in(tmp_path / "new", add(*worse))
    assert accept(old, tmp_path / "b.json", "a") == accept(new, tmp_path / "b.json", "b") == 0
    changes = json.loads((tmp_path / "b.json").read_text("utf-8"))["changes"]
    assert len(changes) == 20
    assert changes[-1] == "11 more changes"


REFUSED: Mapping[str, tuple[list[str], int, tuple[str, ...]]] = {
    "no baseline": (["RUN", "--baseline", "no.json"], 2,
                    ("--baseline no.json: no such file", "expected a run folder", "--accept --reason")),
    "no run": (["no-run", "--baseline", "BASE"], 2, ("no-run: no such file or folder", "expected a run folder")),
    "not a run folder": (["empty", "--baseline", "BASE"], 2, ("empty: no results.json", "vstain-bench run")),
    "an unfinished run": (["unfinished", "--baseline", "BASE"], 2, ("the run is not finished", "it continues")),
    "broken JSON": (["RUN", "--baseline", "broken.json"], 2,
                    ("--baseline broken.json: it is not JSON", "Restore it from version control")),
    "not numbers": (["RUN", "--baseline", "list.json"], 2, ("--baseline list.json: not a results table",)),
    "NaN": (["RUN", "--baseline", "nan.json"], 2, ("--baseline nan.json: not a results table", "finite")),
    "another schema": (["RUN", "--baseline", "schema.json"], 2, ("schema_version '9.0'", "expected")),
    "another baseline": (["RUN", "--baseline", "future.json"], 2, ("baseline_version '2.0'", "expected '1.1' or")),
    "edited": (["RUN", "--baseline", "edited.json"], 2, ("the digest differs", "Restore it")),
    "a field gone": (["RUN", "--baseline", "short.json"], 2, ("short.json, digest: not a baseline", "Restore it")),
    "twice": (["RUN", "--baseline", "twice.json"], 2, ("fid of 'mine' (label None) occurs 2 times",)),
    "not text": (["RUN", "--baseline", "binary.json"], 2, ("it cannot be read", "UTF-8")),
    "no format": (["RUN", "--baseline", "BASE", "--format", "junitt"], 2, ("Did you mean 'junit'?",)),
    "no such file format": (["RUN", "--baseline", "BASE", "--write", "xml=a"], 2, ("format 'xml'", "one of")),
    "no FORMAT=FILE": (["RUN", "--baseline", "BASE", "--write", "junit"], 2, ("no FORMAT=FILE", "junit=gate.xml")),
    "one file twice": (["RUN", "--baseline", "BASE", "--write", "md=a", "--write", "json=a"], 2, ("two formats",)),
    "an unwritable place": (["RUN", "--baseline", "BASE", "--write", "md=BASE/a.md"], 6, ("cannot be made",)),
    "no reason": (["RUN", "--baseline", "BASE", "--accept"], 2, ("--accept without --reason",)),
    "an empty reason": (["RUN", "--baseline", "BASE", "--accept", "--reason", " "], 2, ("no reason",)),
    "a reason alone": (["RUN", "--baseline", "BASE", "--reason", "why"], 2, ("--reason", "--accept and --reason")),
    "accept and write": (["RUN", "--baseline", "BASE", "--accept", "--reason", "why", "--write", "md=a"], 2,
                         ("--accept with --write",)),
    "accept over a run": (["RUN", "--baseline", "RUN/results.json", "--accept", "--reason", "why"], 2,
                          ("a run's own results", "a file of its own")),
    "accept over a folder": (["RUN", "--baseline", "RUN", "--accept", "--reason", "why"], 2, ("a run's own results",)),
    "accept into nowhere": (["RUN", "--baseline", "no/b.json", "--accept", "--reason", "why"], 2, ("no folder 'no'",)),
    "accept over a broken file": (["RUN", "--baseline", "broken.json", "--accept", "--reason", "why"], 2,
                                  ("it is not JSON",)),
}  # fmt: skip


def bad_files(folder: Path) -> None:
    """Write everything that a gate refuses."""
    table, baseline = accepted(), make_baseline(accepted(), reason="why").to_json()
    lines = baseline.splitlines()
    (folder / "empty").mkdir()
    (folder / "unfinished").mkdir()
    (folder / "unfinished" / "journal.sqlite").write_bytes(b"")
    twice = add(table.rows[0])(table)
    contents = {
        "BASE": baseline,
        "broken.json": baseline[: len(baseline) // 2],
        "list.json": "[1, 2]",
        "nan.json": table.to_json().replace('"value": 40.0', '"value": NaN', 1),
        "schema.json": table.to_json().replace('"schema_version": "1.1"', '"schema_version": "9.0"'),
        "future.json": baseline.replace('"baseline_version": "1.1"', '"baseline_version": "2.0"'),
        "edited.json": baseline.replace('"value": 40.0', '"value": 60.0'),
        "short.json": "\n".join(line for line in lines if not line.startswith(' "digest"')),
        "twice.json": twice.to_json(),
    }
    for name, text in contents.items():
        (folder / name).write_text(text, "utf-8")
    (folder / "binary.json").write_bytes(b"\xff\xfe{}")


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_gated_is_told_in_four_parts(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments, code, words = REFUSED[name]
    monkeypatch.chdir(tmp_path)
    run_in(tmp_path / "RUN")
    bad_files(tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert call(["gate", *arguments]) == code
    told = capsys.readouterr()
    for each in words:
        assert each in told.err
    assert "Traceback" not in told.err
    assert told.out == ""
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_a_metric_of_a_target_that_is_not_known_is_no_pass(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    unsaid = define("dab_od_bias", perfect=None)
    old = run_in(tmp_path / "old", unsaid)
    new = run_in(tmp_path / "new", unsaid, put(MINE, "dab_od_bias", value=1.1))
    assert call(["gate", str(new), "--baseline", str(old)]) == 1
    assert "neither table says which value is best" in " ".join(capsys.readouterr().out.split())


def test_a_real_run_folder_is_gated(tmp_path: Path) -> None:
    scores = {"plain": {"ssim": [0.5, 0.6], "psnr": [20.0, 21.0]}}
    old = write_run(tmp_path / "old", scores, tiles=["a", "b"])
    new = write_run(tmp_path / "new", {"plain": {"ssim": [0.5, 0.5], "psnr": [20.0, 21.0]}}, tiles=["a", "b"])
    tolerances = tmp_path / "t.toml"
    tolerances.write_text('fid = "ignore"', "utf-8")
    ignoring = ["--tolerances", str(tolerances)]
    assert call(["gate", str(old.path), "--baseline", str(old.path)]) == 1, "fid is unavailable, and that is no pass"
    assert call(["gate", str(old.path), "--baseline", str(old.path), *ignoring]) == 0
    assert call(["gate", str(new.path), "--baseline", str(old.path), *ignoring]) == 1


def test_a_name_is_one_for_files_and_comments(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = run_in(tmp_path / "x-->y")
    assert call(["gate", str(run), "--baseline", str(run), "--format", "md"]) == 0
    assert capsys.readouterr().out.startswith("<!-- vstain-bench gate: x-y -->\n")
    shutil.rmtree(run)


def test_dropping_is_no_pass(tmp_path: Path) -> None:
    old, new = run_in(tmp_path / "old"), run_in(tmp_path / "new", drop(metric="psnr"))
    assert call(["gate", str(new), "--baseline", str(old)]) == 1
