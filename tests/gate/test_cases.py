"""Every case of a gate through the command: exit code, findings, and what people are told."""

import json
from pathlib import Path

import pytest

from tests.gate.cases import CASES, Case, accepted
from vstain_bench.cli.main import call
from vstain_bench.results.verdict import FAILING, KINDS

by_name = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


@pytest.fixture(autouse=True)
def _no_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    """These tests are not a step of the CI that runs them."""
    for name in ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY"):
        monkeypatch.delenv(name, raising=False)


def write(case: Case, folder: Path) -> list[str]:
    """Write both sides and the tolerances of a case, and return the command's arguments."""
    run, baseline = folder / "results.json", folder / "old.json"
    run.write_text(case.run(accepted()).to_json(), "utf-8")
    baseline.write_text(case.baseline(accepted()).to_json(), "utf-8")
    arguments = ["gate", str(run), "--baseline", str(baseline), "--name", "case"]
    if case.tolerances is not None:
        (folder / "tolerances.toml").write_text(case.tolerances, "utf-8")
        arguments += ["--tolerances", str(folder / "tolerances.toml")]
    return arguments


@by_name
def test_the_exit_code_and_every_finding(case: Case, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call([*write(case, tmp_path), "--json"]) == (0 if case.passed else 1)
    told = json.loads(capsys.readouterr().out)
    assert told["passed"] is case.passed
    expected = {kind: number for kind, number in case.kinds.items() if number}
    assert {kind: number for kind, number in told["counts"].items() if kind != "same"} == expected
    assert sum(told["counts"].values()) == len(told["findings"])


@by_name
def test_people_are_told(case: Case, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = write(case, tmp_path)
    call([*arguments, "--format", "csv"])
    findings = capsys.readouterr().out
    call([*arguments, "--format", "md"])
    markdown = capsys.readouterr().out.replace("\\", "")
    for words in case.says:
        assert words in findings or words in markdown
    assert ("The gate passes" in markdown) is case.passed


def test_the_table_holds_thirty_cases_and_every_kind() -> None:
    assert len(CASES) >= 30
    assert len({case.name for case in CASES}) == len(CASES)
    told = {kind for case in CASES for kind, number in case.kinds.items() if number} | {"same"}
    assert told == set(KINDS)
    for kind in FAILING:
        assert any(case.kinds.get(kind) and not case.passed for case in CASES)
        assert not any(case.kinds.get(kind) and case.passed for case in CASES)


def test_a_run_passes_beside_itself(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    path.write_text(accepted().to_json(), "utf-8")
    assert call(["gate", str(path), "--baseline", str(path)]) == 0


def test_the_order_of_rows_does_not_matter(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = accepted()
    turned = table.model_copy(update={"rows": tuple(reversed(table.rows))})
    (tmp_path / "results.json").write_text(turned.to_json(), "utf-8")
    (tmp_path / "old.json").write_text(table.to_json(), "utf-8")
    assert call(["gate", str(tmp_path / "results.json"), "--baseline", str(tmp_path / "old.json"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["counts"] == {"same": 7, "void": 1}
