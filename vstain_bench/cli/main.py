"""The command ``vstain-bench``: verbs, exit codes, and how faults are reported."""

import os
import signal
import sys
import traceback
from types import FrameType

import typer

from vstain_bench import __version__
from vstain_bench.cli import (
    check,
    compare,
    demo,
    figure,
    gate,
    leaderboard,
    list_,
    merge,
    predict,
    run,
    schema,
    show,
    stress,
    train,
    weights,
)
from vstain_bench.errors import VstainError

EPILOG = (
    "Exit codes: 0 done; 1 a check failed; 2 usage or configuration; 3 input refused, nothing scored; 4 finished with "
    "skipped tiles; 5 a bug; 6 disk, permission, folder in use or weights missing; 130, 143, 141 stopped by a signal "
    "or a closed pipe."
)

INTERRUPTED, TERMINATED, CLOSED_PIPE = 130, 143, 141

app = typer.Typer(
    name="vstain-bench",
    help="Score virtual stains: every metric exact, with intervals over patients and control rows.",
    epilog=EPILOG,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("run")(run.run)
app.command("merge")(merge.merge)
app.command("check")(check.check)
app.command("show")(show.show)
app.command("compare")(compare.compare)
app.command("figure")(figure.figure)
app.command("gate")(gate.gate)
app.command("stress")(stress.stress)
app.command("train")(train.train)
app.command("predict")(predict.predict)
app.command("demo")(demo.demo)
app.command("list")(list_.list_)
app.command("schema")(schema.schema)
app.add_typer(leaderboard.app, name="leaderboard")
app.add_typer(weights.app, name="weights")


class _Terminated(BaseException):
    """SIGTERM arrived."""


def _terminate(number: int, frame: FrameType | None) -> None:
    raise _Terminated


def _version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"vstain-bench {__version__}\n")
        raise typer.Exit


@app.callback()
def _options(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Print the version."),
) -> None:
    pass


def call(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit code; faults go to stderr."""
    try:
        code = int(app(arguments, standalone_mode=False) or 0)
        sys.stdout.flush()
        return _stopped(code) if code == INTERRUPTED else code
    except VstainError as fault:
        sys.stderr.write(f"{_plain(str(fault))}\n")
        return fault.exit_code
    except typer.TyperException as fault:
        sys.stderr.write(f"{_plain(fault.format_message())}\nSee 'vstain-bench --help', or --help after a command.\n")
        return fault.exit_code
    except (KeyboardInterrupt, typer.Abort):
        return _stopped(INTERRUPTED)
    except _Terminated:
        return _stopped(TERMINATED)
    except BrokenPipeError:
        return _closed_pipe()
    except SystemExit as leaving:  # how typer leaves on a closed pipe, with 1
        if isinstance(leaving.__context__, BrokenPipeError):
            return _closed_pipe()
        raise
    except Exception:
        traceback.print_exc()
        sys.stderr.write("\nThis is a bug of vstain-bench. Please report it with the lines above.\n")
        return 5


def _stopped(code: int) -> int:
    sys.stderr.write("\nStopped. The same command continues where it stopped.\n")
    return code


def _closed_pipe() -> int:
    # What is left in the buffer has no reader; the interpreter would complain when it flushes at exit.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return CLOSED_PIPE


def _plain(text: str) -> str:
    return "\n".join("".join(letter for letter in line if letter.isprintable()) for line in text.split("\n"))


def main() -> None:
    """Entry point of the installed command."""
    signal.signal(signal.SIGTERM, _terminate)
    sys.exit(call())


if __name__ == "__main__":
    main()
