"""Where a verdict goes: files of any format, and what GitHub's runner reads of a step."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from vstain_bench.base.files import publish_text
from vstain_bench.errors import MachineError, UsageError
from vstain_bench.present.formats import FORMATS, Format, render
from vstain_bench.present.sheet import Document


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


def publish(document: Document, targets: Sequence[Target]) -> None:
    """Write every file, each whole or not at all."""
    for target in targets:
        try:
            target.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as fault:
            raise MachineError(
                where=f"--write {target.format.name}={target.path}",
                found=f"the folder cannot be made ({fault.strerror})",
                expected="a writable place",
            ) from fault
        publish_text(target.path, render(document, target.format.name))


def on_github(environment: Mapping[str, str]) -> bool:
    """Return whether this process is a step of a GitHub workflow."""
    return environment.get("GITHUB_ACTIONS") == "true"


def append_summary(document: Document, environment: Mapping[str, str]) -> None:
    """Append the Markdown to the step's summary, where the environment names its file.

    Raises:
        MachineError: the file cannot be written.
    """
    place = environment.get("GITHUB_STEP_SUMMARY")
    if not place:
        return
    try:
        with Path(place).open("a", encoding="utf-8") as stream:
            stream.write(render(document, "md") + "\n")
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
