"""Where a verdict goes: files of any format, and what GitHub's runner reads of a step."""

import os
import secrets
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from vstain_bench.base.files import make_folder, publish_text
from vstain_bench.cli.output import put
from vstain_bench.cli.progress import talk
from vstain_bench.errors import MachineError, UsageError
from vstain_bench.judge.gate.accept import accept
from vstain_bench.judge.gate.config import GateConfig
from vstain_bench.present.formats import FORMATS, Format, render
from vstain_bench.present.sentences.gate import changes
from vstain_bench.present.sheet import Document
from vstain_bench.present.subjects.gate import abridged, document
from vstain_bench.results.verdict import Verdict


@dataclass(frozen=True)
class Target:
    """One file to write."""

    format: Format
    path: Path


def parse_targets(texts: Sequence[str]) -> tuple[Target, ...]:
    """Return the files of ``--write FORMAT=FILE``.

    Raises:
        UsageError: one has another form, names no format, or a file that another one names.
    """
    targets: list[Target] = []
    for text in texts:
        name, equals, place = text.partition("=")
        if not equals or not place:
            raise UsageError(
                where=f"--write {text}",
                found="no FORMAT=FILE",
                expected=f"one of {', '.join(FORMATS.names())}, '=', and a file, such as junit=gate.xml",
            )
        path = Path(place)
        if path in {each.path for each in targets}:
            raise UsageError(where=f"--write {text}", found="two formats for one file", expected="a file for each")
        targets.append(Target(FORMATS[name], path))
    return tuple(targets)


def publish(shown: Document, targets: Sequence[Target]) -> None:
    """Write every file, each whole or not at all."""
    for target in targets:
        make_folder(target.path.parent, f"--write {target.format.name}={target.path}")
        publish_text(target.path, render(shown, target.format.name))


def on_github(environment: Mapping[str, str]) -> bool:
    """Return whether this process is a step of a GitHub workflow."""
    return environment.get("GITHUB_ACTIONS") == "true"


def append_summary(shown: Document, environment: Mapping[str, str]) -> None:
    """Append the Markdown to the step's summary, where the environment names its file.

    Raises:
        MachineError: the file cannot be written.
    """
    place = environment.get("GITHUB_STEP_SUMMARY")
    if not place:
        return
    try:
        with Path(place).open("a", encoding="utf-8") as stream:
            stream.write(render(shown, "md") + "\n")
    except OSError as fault:
        raise MachineError(
            where=f"GITHUB_STEP_SUMMARY={place}",
            found=f"it cannot be written ({fault.strerror})",
            next_step="Unset the variable to gate without a summary.",
        ) from fault


def stopped_commands() -> tuple[str, str]:
    """Return the lines between which GitHub's runner obeys nothing that is printed, whatever a model is called.

    The runner obeys any line that begins with ``::``, or that holds ``##[``; the token that ends this is not guessable.
    """
    token = secrets.token_hex(16)
    return f"::stop-commands::{token}", f"::{token}::"


def put_verdict(verdict: Verdict, name: str) -> None:
    """Print one format on stdout; on GitHub with annotations, and nothing in a table is taken for a command."""
    annotations = render(document(verdict), "github") if on_github(os.environ) else ""
    if name != "terminal":
        put(document(verdict), name)
        if name != "github":
            sys.stderr.write(annotations)
        return
    stop, resume = stopped_commands() if annotations else ("", "")
    if stop:
        sys.stdout.write(f"{stop}\n")
    put(abridged(verdict))
    if resume:
        sys.stdout.write(f"{resume}\n{annotations}")


def take_baseline(config: GateConfig, asked: bool, reason: str | None, others: bool) -> None:
    """Write the baseline and say what it changes.

    Raises:
        UsageError: ``--accept`` and ``--reason`` do not stand together and alone.
    """
    if not asked or reason is None or others:
        raise UsageError(
            where="gate",
            found="--accept with --write or --json" if others else "--accept without --reason" if asked else "--reason",
            expected="--accept and --reason, together and alone",
        )
    done = accept(config, reason, changes)
    for change in changes(done.verdict) if done.verdict else ():
        talk(f"  {change}")
    talk(f"{'Accepted' if done.written else 'Nothing to accept, the numbers are equal'}: {config.baseline}")
