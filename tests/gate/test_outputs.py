"""Every case in every format, read back by a parser that is not ours; names that attack a format are shown as text."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import jsonschema
import junitparser
import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from tests.gate.cases import CASES, HOSTILE, MINE, Case, accepted, add, put, rename, row
from tests.gate.test_cases import by_name, write
from vstain_bench.base.text import printable
from vstain_bench.cli.main import call
from vstain_bench.judge.gate.config import GateConfig
from vstain_bench.judge.gate.job import gate
from vstain_bench.present.formats import FORMATS, render
from vstain_bench.present.formats.markdown import marker
from vstain_bench.present.sentences.gate import sentence
from vstain_bench.present.subjects.gate import abridged, document
from vstain_bench.results.verdict import Verdict

QUALITY = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["description", "check_name", "fingerprint", "severity", "location"],
        "properties": {
            "description": {"type": "string", "minLength": 1},
            "check_name": {"type": "string", "minLength": 1},
            "fingerprint": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
            "severity": {"enum": ["info", "minor", "major", "critical", "blocker"]},
            "location": {
                "type": "object",
                "required": ["path", "lines"],
                "properties": {
                    "path": {"type": "string"},
                    "lines": {"type": "object", "required": ["begin"], "properties": {"begin": {"minimum": 1}}},
                },
            },
        },
    },
}
"""What GitLab requires of a Code Quality report (docs.gitlab.com, "Code Quality report format")."""


@pytest.fixture(autouse=True)
def _no_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY"):
        monkeypatch.delenv(name, raising=False)


def verdict_of(case: Case, folder: Path) -> Verdict:
    write(case, folder)
    tolerances = folder / "tolerances.toml" if case.tolerances is not None else None
    return gate(
        GateConfig(run=folder / "results.json", baseline=folder / "old.json", tolerances=tolerances, name="case")
    )


def rendered(case: Case, folder: Path, name: str) -> tuple[Verdict, str]:
    verdict = verdict_of(case, folder)
    text = render(document(verdict), name)
    assert text.endswith("\n")
    assert render(document(verdict), name) == text
    return verdict, text


@by_name
def test_junit(case: Case, tmp_path: Path) -> None:
    verdict, text = rendered(case, tmp_path, "junit")
    (suite,) = junitparser.JUnitXml.fromstring(text.encode())
    cases = list(suite)
    assert (suite.tests, suite.failures) == (len(cases), len(verdict.failing))
    results = [(test, result) for test in cases for result in test.result]
    failing = [test for test, result in results if isinstance(result, junitparser.Failure)]
    errors = [test for test, result in results if isinstance(result, junitparser.Error)]
    assert len(failing) == len(verdict.failing)
    assert bool(failing or errors) is not verdict.passed
    assert [test.name for test in cases][: len(verdict.findings)] == [each.metric for each in verdict.findings]
    keys = Counter((test.classname, test.name) for test in cases)
    assert max(keys.values(), default=1) == 1, "a CI takes two cases of one name for one"
    root = ElementTree.fromstring(text)
    assert {element.tag for element in root.iter()} <= {
        "testsuites", "testsuite", "testcase", "failure", "error", "skipped",
    }  # fmt: skip


@by_name
def test_metrics(case: Case, tmp_path: Path) -> None:
    verdict, text = rendered(case, tmp_path, "metrics")
    families = {family.name: family for family in text_string_to_metric_families(text)}
    scores = families["vstain_bench_score"].samples if "vstain_bench_score" in families else []
    expected = {
        (printable(each.model), each.metric, each.label or ""): each.value
        for each in verdict.findings
        if each.value is not None
    }
    found = {(s.labels["model"], s.labels["metric"], s.labels["label"]): s.value for s in scores}
    assert found == pytest.approx(expected, rel=1e-3)
    counts = {s.labels["kind"]: s.value for s in families["vstain_bench_gate_findings"].samples}
    assert {kind: number for kind, number in counts.items() if number} == verdict.counts


@by_name
def test_codequality(case: Case, tmp_path: Path) -> None:
    verdict, text = rendered(case, tmp_path, "codequality")
    issues = json.loads(text)
    jsonschema.validate(issues, QUALITY)
    assert bool(issues) is not verdict.passed
    assert len({each["fingerprint"] for each in issues}) == len(issues)


def test_a_fingerprint_stays_while_the_number_moves(tmp_path: Path) -> None:
    prints = []
    for value in (0.49, 0.48):
        case = Case("x", {}, False, put(MINE, "ssim", value=value))
        prints.append(json.loads(rendered(case, tmp_path, "codequality")[1])[0]["fingerprint"])
    assert prints[0] == prints[1]


@by_name
def test_json(case: Case, tmp_path: Path) -> None:
    verdict, text = rendered(case, tmp_path, "json")

    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is no JSON")

    assert json.loads(text, parse_constant=refuse)["verdict_version"] == "1.2"
    assert Verdict.model_validate_json(text) == verdict


def every(tokens: list[Token]) -> Iterator[Token]:
    for token in tokens:
        yield token
        yield from every(token.children or [])


@by_name
def test_markdown(case: Case, tmp_path: Path) -> None:
    verdict, text = rendered(case, tmp_path, "md")
    tokens = list(every(MarkdownIt("js-default", {"html": True}).parse(text)))
    html = [token.content.strip() for token in tokens if token.type.startswith("html")]
    assert html == [marker("vstain-bench gate: case")]
    assert text.splitlines()[0] == marker("vstain-bench gate: case"), "a workflow finds the comment by its first line"
    assert not [token for token in tokens if token.type in ("link_open", "image", "code_inline", "fence")]
    rows = sum(token.type == "tr_open" for token in tokens)
    tables = sum(token.type == "table_open" for token in tokens)
    assert rows - tables == len(verdict.of("worse", "better"))
    cells = Counter(token.type for token in tokens)
    assert cells["th_open"] == 7 * tables
    assert cells["td_open"] == 7 * (rows - tables)


COMMAND = re.compile(r"::(error|notice) title=((?:[^%:,\r\n]|%25|%0D|%0A|%3A|%2C)*)::((?:[^%\r\n]|%25|%0D|%0A)*)")
CODES = {"%0D": "\r", "%0A": "\n", "%3A": ":", "%2C": ",", "%25": "%"}


@by_name
def test_github(case: Case, tmp_path: Path) -> None:
    verdict, text = rendered(case, tmp_path, "github")
    found = [COMMAND.fullmatch(line) for line in text.splitlines()]
    assert all(found)
    levels = Counter(match[1] for match in found if match)
    assert bool(levels["error"]) is not verdict.passed
    assert levels["notice"] == 1
    messages = [re.sub("|".join(CODES), lambda code: CODES[code[0]], match[3]) for match in found if match]
    for each in verdict.of("worse"):
        assert printable(sentence(each)) in messages


@by_name
def test_terminal(case: Case, tmp_path: Path) -> None:
    verdict, text = rendered(case, tmp_path, "terminal")
    assert all(letter.isprintable() or letter == "\n" for letter in text)
    assert ("The gate passes" in text) is verdict.passed


@pytest.mark.parametrize("name", FORMATS.names())
def test_a_hostile_name_is_shown_as_text(name: str, tmp_path: Path) -> None:
    case = next(case for case in CASES if case.name == "a hostile model gets worse")
    _, text = rendered(case, tmp_path, name)
    shown = printable(HOSTILE)
    if name == "junit":
        assert any(shown in element.get("message", "") for element in ElementTree.fromstring(text).iter())
    elif name == "md":
        plain = "".join(
            token.content for token in every(MarkdownIt("js-default").parse(text)) if token.type.startswith("text")
        )
        assert printable(" ".join(HOSTILE.split())) in plain
    elif name == "github":
        assert shown.replace("%", "%25") in text
    elif name == "json":
        assert HOSTILE in {each["model"] for each in json.loads(text)["findings"]}
    elif name == "codequality":
        assert any(shown in each["description"] for each in json.loads(text))
    elif name == "metrics":
        (family, _) = text_string_to_metric_families(text)
        assert shown in {sample.labels["model"] for sample in family.samples}
    else:
        # narrow columns break a name into lines
        plain = re.sub(r"[\s│]", "", text)
        assert "x\\x0a::error" in plain or "x::error" in plain, "a line's end is shown, or a space stands for it"
        assert "\x1b" not in text


MANY = [row(f"model-{number:04d}", "mae", value=0.5) for number in range(3000)]


@pytest.fixture(scope="module")
def flood(tmp_path_factory: pytest.TempPathFactory) -> Verdict:
    """Three thousand numbers of one metric that all got worse."""
    worse = [each.model_copy(update={"value": 0.6}) for each in MANY]
    return verdict_of(Case("flood", {}, False, add(*worse), add(*MANY)), tmp_path_factory.mktemp("flood"))


def test_a_comment_has_room_for_itself(flood: Verdict) -> None:
    text = render(document(flood), "md")
    assert 50_000 < len(text) < 65_536
    assert re.search(r"\n\n\d+ more lines are left out", text)


def test_github_shows_ten_of_each_level(flood: Verdict) -> None:
    lines = render(document(flood), "github").splitlines()
    assert sum(line.startswith("::error") for line in lines) == 10
    assert "2991 more findings" in lines[9]


def test_a_terminal_is_not_flooded(flood: Verdict) -> None:
    text = render(abridged(flood), "terminal")
    assert len(text.splitlines()) < 100
    assert "and 2940 more" in text


def obeyed(output: str) -> list[str]:
    """Return the lines that GitHub's runner obeys (actions/runner, src/Runner.Common/ActionCommand.cs)."""
    commands, token = [], None
    for line in output.splitlines():
        if token is not None:
            token = None if line.strip() == f"::{token}::" else token
        elif line.strip().startswith("::stop-commands::"):
            token = line.strip().rpartition("::")[2]
        elif line.strip().startswith("::") or "##[" in line:
            commands.append(line)
    assert token is None, "commands stay switched off"
    return commands


@pytest.mark.parametrize("name", ["::error::boo", "##[error]boo", HOSTILE])
def test_on_github_a_step_annotates_summarises_and_obeys_no_name(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    summary = tmp_path / "summary.md"
    summary.write_text("from an earlier step\n", "utf-8")
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    worse = [put(name, "ssim", value=0.4), put(name, "ssim", "3+", value=0.4)]
    case = Case("x", {}, False, lambda t: worse[1](worse[0](rename(MINE, name)(t))), rename(MINE, name))
    assert call(write(case, tmp_path)) == 1
    told = capsys.readouterr().out
    assert "ssim" in told.partition("::error")[0]
    commands = obeyed(told)
    assert len(commands) == 3
    assert all(COMMAND.fullmatch(line) for line in commands)
    text = summary.read_text("utf-8")
    assert text.startswith("from an earlier step\n<!-- vstain-bench gate: case -->\n")


def test_on_github_data_on_stdout_stays_data(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    assert call([*write(Case("x", {}, False, put(MINE, "ssim", value=0.4)), tmp_path), "--json"]) == 1
    told = capsys.readouterr()
    json.loads(told.out)
    assert told.err.startswith("::error title=")


def test_several_files_by_one_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = write(CASES[0], tmp_path)
    for name in FORMATS.names():
        arguments += ["--write", f"{name}={tmp_path / 'out' / name}"]
    assert call(arguments) == 0
    verdict = verdict_of(CASES[0], tmp_path)
    for name in FORMATS.names():
        assert (tmp_path / "out" / name).read_text("utf-8") == render(document(verdict), name)
    assert accepted().models[0] == MINE
    assert capsys.readouterr().err.count("Written: ") == len(FORMATS.names())
