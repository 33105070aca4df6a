"""What a command loads before it answers; the seconds that this costs are measured in benchmarks/speed."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from vstain_bench.cli.main import app

HEAVY = ("torch", "pandas", "numpy", "scipy", "matplotlib", "PIL", "jinja2", "skimage", "accelerate", "onnxruntime")

SCRIPT = """
import contextlib, io, json, sys
sys.argv = ["vstain-bench"]
from vstain_bench.cli.main import call

for arguments in json.loads(sys.stdin.read()):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = call(arguments)
        except SystemExit as left:
            code = left.code
    print(json.dumps([code, out.getvalue(), err.getvalue(), sorted(sys.modules)]))
"""


def answers(*commands: Sequence[str], **environment: str) -> list[tuple[int, str, set[str]]]:
    """Return exit code, what was printed, and the heavy modules loaded so far of commands given one after the other."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], input=json.dumps(commands), capture_output=True, text=True, check=True,
        env=os.environ | environment,
    )  # fmt: skip
    found = [json.loads(line) for line in done.stdout.splitlines()]
    return [(code, out + err, set(HEAVY) & set(loaded)) for code, out, err, loaded in found]


def test_help_of_every_verb_loads_no_heavy_library() -> None:
    verbs = sorted(str(command.name) for command in app.registered_commands)
    general, *each = answers(["--help"], *([verb, "--help"] for verb in verbs))
    assert general[0] == 0
    for code, printed, loaded in each:
        assert (code, loaded) == (0, set())
        assert "Example: vstain-bench" in printed


def test_completion_loads_no_heavy_library() -> None:
    asked = {"_VSTAIN_BENCH_COMPLETE": "complete_zsh", "_TYPER_COMPLETE_ARGS": "vstain-bench run --prot"}
    ((_, printed, loaded),) = answers([], **asked)
    assert "--protocol" in printed
    assert loaded == set()


def test_what_only_reads_a_run_folder_loads_no_heavy_library(finished: Path) -> None:
    run = str(finished)
    commands = [
        ["show", run],
        *(["show", run, "--format", name] for name in ("md", "latex", "csv", "json")),
        *(["gate", run, "--baseline", run, "--format", name] for name in ("terminal", "md", "junit", "json")),
        ["schema", "results"],
        ["schema", "stress"],
        *(["list", name] for name in ("reports", "datasets")),
    ]
    for command, (code, printed, loaded) in zip(commands, answers(*commands), strict=True):
        assert (code, loaded) == (0, set()), (command, printed)


SLIPS = (
    (("--protocol", "typo"), "no such protocol"),
    (("--layout", "parralel"), "Did you mean 'parallel'"),
    (("--dataset", "bcl"), "Did you mean 'bci'"),
    (("--decode", "alpha=wite"), "white"),
    (("--on-error", "ignore"), "fail"),
    (("--controls", "-1"), "controls"),
)


def test_an_option_is_refused_before_any_heavy_library_is_loaded(finished: Path) -> None:
    commands = [
        *(["run", "made=out", "--real", "IHC", *slip] for slip, _ in SLIPS),
        ["show", str(finished), "--format", "typo"],
        ["list", "metrix"],
    ]
    words = [*(said for _, said in SLIPS), "unknown name", "Did you mean 'metrics'"]
    for said, (code, printed, loaded) in zip(words, answers(*commands), strict=True):
        assert (code, loaded) == (2, set()), printed
        assert said in printed


def test_the_guard_can_fail() -> None:
    ((code, _, loaded),) = answers(["list", "metrics"])
    assert code == 0
    assert "torch" in loaded
