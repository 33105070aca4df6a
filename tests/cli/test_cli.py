"""The command line: exit codes, stdout as data, start-up, and each verb on real files."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import folders
from vstain_bench.cli.main import app, call
from vstain_bench.metrics import METRICS
from vstain_bench.phantom import PhantomSet

COMMAND = [sys.executable, "-m", "vstain_bench"]


VERBS = (
    *(str(command.name) for command in app.registered_commands),
    *(
        f"{group.name} {command.name or command.callback.__name__}".removesuffix(
            " show"
        )  # what 'leaderboard' alone runs
        for group in app.registered_groups
        for command in group.typer_instance.registered_commands
    ),
)


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help_with_an_example_of_itself(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert call([*verb.split(), "--help"]) == 0
    assert re.search(rf"Example: vstain-bench {verb}\b", capsys.readouterr().out)


CODES = [
    (["nonsense"], 2, "nonsense"),
    (["run", "--no-such-option"], 2, "--no-such-option"),
    (["run"], 2, "GENERATED"),
    (["run", "/no/such/folder", "--real", "/no/such/folder"], 2, "no such folder"),
    (["show", "/no/such/run"], 2, "no results.json"),
    (["list", "metrix"], 2, "Did you mean 'metrics'"),
    (["weights", "fetch", "nothing"], 2, "unknown name"),
    (["weights", "fetch", "vgg16-imagenet"], 6, "vgg16-397923af.pth"),
]


@pytest.mark.parametrize(("arguments", "code", "words"), CODES, ids=lambda value: str(value)[:40])
def test_faults_have_their_exit_code_and_say_what_is_wrong(
    arguments: list[str],
    code: int,
    words: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert call(arguments) == code
    told = capsys.readouterr()
    assert words in told.err
    assert "Traceback" not in told.err
    assert told.out == ""


def test_refused_input_exits_3_and_skipping_4(
    phantom_copy: PhantomSet, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    victim = sorted(phantom_copy.models["faithful"].iterdir())[0]
    victim.unlink()
    arguments = ["run", *folders(phantom_copy, "faithful"), "--metrics", "ssim", "--out", str(tmp_path / "out")]
    assert call(arguments) == 3
    assert victim.stem in capsys.readouterr().err
    assert not (tmp_path / "out" / "results.json").exists()
    assert call([*arguments[:-1], str(tmp_path / "skipped"), "--on-error", "skip"]) == 4
    assert victim.stem in (tmp_path / "skipped" / "skipped.csv").read_text("utf-8")


def test_a_bug_exits_5_with_its_traceback(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def broken(what: str) -> None:
        raise ZeroDivisionError("planted")

    monkeypatch.setattr("vstain_bench.present.catalogue.catalogue", broken)
    assert call(["list", "metrics"]) == 5
    told = capsys.readouterr().err
    assert "ZeroDivisionError: planted" in told
    assert "bug of vstain-bench" in told


def test_json_is_the_only_thing_on_stdout(
    phantom: PhantomSet, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    arguments = ["run", *folders(phantom, "faithful"), "--metrics", "ssim", "--out", str(out), "--json"]
    assert call(arguments) == 0
    told = capsys.readouterr()
    assert told.out == (out / "results.json").read_text("utf-8")
    assert "scoring tiles: 12/12" in told.err
    assert "\x1b" not in told.err, "no escape sequence where stderr is no terminal"
    assert call(["show", str(out), "--format", "json"]) == 0
    assert capsys.readouterr().out == told.out


def test_a_dry_run_tells_and_writes_nothing(
    phantom: PhantomSet, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(["run", *folders(phantom), "--dry-run", "--json", "--out", str(tmp_path / "out")]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["tiles"], shown["groups"], shown["labels"]) == (12, 3, ["0", "1+", "2+", "3+"])
    assert list(tmp_path.iterdir()) == []


def test_check_passes_sound_input_and_fails_a_broken_one(
    phantom: PhantomSet, phantom_copy: PhantomSet, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(["check", "-q", *folders(phantom), "--deep"]) == 0
    victim = sorted(phantom_copy.real.iterdir())[0]
    victim.write_text("<html>not found</html>", "utf-8")
    capsys.readouterr()
    assert call(["check", "-q", *folders(phantom_copy), "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert [problem["tile"] for problem in found["problems"]] == [victim.stem] * len(found["problems"])
    assert "failed download" in found["problems"][0]["message"]


@pytest.mark.parametrize(
    "what",
    ["metrics", "protocols", "encoders", "datasets", "controls", "perturbations", "reports", "adapters", "recipes"],
)
def test_list_prints_records_as_text_and_json(what: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["list", what, "--json"]) == 0
    records = json.loads(capsys.readouterr().out)
    assert records
    assert all(record["name"] and record["summary"] for record in records)
    assert call(["list", what]) == 0
    text = capsys.readouterr().out
    assert all(record["name"] in text for record in records)


def test_list_metrics_says_all_that_a_number_needs(capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["list", "metrics", "--json"]) == 0
    by_name = {record["name"]: record for record in json.loads(capsys.readouterr().out)}
    assert by_name["css"]["compares"] == "generated-source"
    assert by_name["fid"]["needs"] == ["inception-2015-12-05"]
    assert by_name["psnr"]["range"] == [0.0, None]
    for record in by_name.values():
        assert record["signature"].startswith(f"{record['name']}|cmp:{record['compares']}|")
        assert record["citation"]


def test_weights_list_and_verify_name_every_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["weights", "list", "--json"]) == 0
    records = {record["name"]: record for record in json.loads(capsys.readouterr().out)}
    assert records["inception-2015-12-05"]["sha256"].startswith("6726825d")
    assert records["lpips-v0.1-alex"]["state"] == "present", "it comes with the package lpips"
    assert call(["weights", "verify"]) == 0


@pytest.mark.parametrize("columns", ["40", "200"])
def test_the_terminal_table_fits_the_terminal(finished: Path, columns: str) -> None:
    environment = {**os.environ, "COLUMNS": columns, "NO_COLOR": "1"}
    done = subprocess.run(
        [*COMMAND, "show", str(finished)], capture_output=True, text=True, check=True, env=environment
    )
    assert max(len(line) for line in done.stdout.splitlines()) <= int(columns)
    assert "\x1b" not in done.stdout


@pytest.mark.parametrize(
    "arguments", [lambda run: ["list", "metrics"], lambda run: ["show", str(run), "--format", "json"]]
)
def test_a_closed_pipe_ends_with_141(finished: Path, arguments: Callable[[Path], list[str]]) -> None:
    with subprocess.Popen([*COMMAND, *arguments(finished)], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.wait(timeout=60) == 141
        assert process.stderr is not None
        assert process.stderr.read() == b""


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Let children take SIGINT also where the tests run as a background job, whose shell has them ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_stops_with_its_code_and_the_same_command_continues(
    phantom: PhantomSet, tmp_path: Path, number: signal.Signals, code: int, request: pytest.FixtureRequest
) -> None:
    request.addfinalizer(lambda: METRICS.remove("slow"))
    slow = tmp_path / f"slow_{code}.py"
    slow.write_text(
        "import time\nfrom vstain_bench.metrics import METRICS\nfrom vstain_bench.types import Metric, PerTile\n"
        "@METRICS.register('slow')\ndef slow():\n"
        "    def observe(batch):\n        time.sleep(0.4)\n"
        "        return (batch.side('generated') - batch.side('real')).double().abs().mean((1, 2, 3))[:, None]\n"
        "    return Metric(summary='slow', observe=observe, kind=PerTile(), better='lower', family='pixel',\n"
        "                       citation='none')\n",
        "utf-8",
    )
    out = tmp_path / "run"
    arguments = ["run", *folders(phantom, "faithful"), "--plugin", str(slow), "--metrics", "slow", "--controls", "0"]
    arguments += ["--threads", "1"]
    with subprocess.Popen([*COMMAND, *arguments, "--out", str(out)], stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("scoring tiles"):
                break
        time.sleep(1.0)
        process.send_signal(number)
        assert process.wait(timeout=30) == code
        assert "continues where it stopped" in process.stderr.read()
    assert not (out / "results.json").exists()
    again = [*COMMAND, *arguments, "--out", str(out), "-q"]  # elsewhere: its plug-in would stay registered here
    assert subprocess.run(again, timeout=60, check=False).returncode == 0


def test_hostile_names_are_shown_as_text(
    phantom_copy: PhantomSet, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = "[red]<img src=x>\x1b[31m{{7*7}}|&_%"
    arguments = [f"{name}={phantom_copy.models['faithful']}", "--manifest", str(phantom_copy.manifest)]
    assert call(["run", "-q", *arguments, "--metrics", "ssim", "--out", str(tmp_path / "run")]) == 0
    assert "\x1b" not in capsys.readouterr().out
    for format_ in ("terminal", "md", "latex", "csv"):
        assert call(["show", str(tmp_path / "run"), "--format", format_]) == 0
        assert "\x1b" not in capsys.readouterr().out
    assert call(["show", str(tmp_path / "run"), "--format", "html"]) == 0
    page = capsys.readouterr().out
    assert "<img src=x>" not in page
    assert "&lt;img src=x&gt;" in page
