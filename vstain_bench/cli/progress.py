"""Progress on stderr: a bar on a terminal, a line every tenth otherwise, nothing when quiet."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from vstain_bench.base.listener import Listener, Progress

SILENCE = 2.0
"""Seconds before each line of a phase, its last line excepted."""


def talk(text: str) -> None:
    """Write one line to stderr."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def on_terminal() -> bool:
    """Say whether stderr can show a bar."""
    return sys.stderr.isatty() and os.environ.get("TERM") != "dumb"


@contextmanager
def listening(quiet: bool) -> Iterator[Listener]:
    """Yield what a job calls; sentences are written even when quiet."""
    if quiet:
        yield Listener(say=talk)
    elif on_terminal():
        with _bar() as progress:
            yield Listener(progress, talk)
    else:
        yield Listener(_lines(), talk)


@contextmanager
def _bar() -> Iterator[Progress]:
    from rich import progress as rich
    from rich.console import Console

    columns = (
        rich.TextColumn("{task.description}"),
        rich.BarColumn(),
        rich.MofNCompleteColumn(),
        rich.TextColumn("{task.fields[rate]}"),
        rich.TimeElapsedColumn(),
        rich.TimeRemainingColumn(),
    )
    with rich.Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        tasks: dict[str, tuple[int, int, float]] = {}

        def report(phase: str, done: int, of: int) -> None:
            if phase not in tasks:
                tasks[phase] = (int(bar.add_task(phase, total=of, completed=done, rate="")), done, time.monotonic())
            task, first, began = tasks[phase]
            rate = (done - first) / max(time.monotonic() - began, 1e-9)
            bar.update(bar.tasks[task].id, completed=done, total=of, rate=f"{rate:.1f}/s" if done > first else "")

        yield report


def _lines() -> Progress:
    shown: dict[str, tuple[int, int, float]] = {}
    spoken = 0.0

    def report(phase: str, done: int, of: int) -> None:
        nonlocal spoken
        now, tenth = time.monotonic(), 10 * done // of if of else 10
        if phase not in shown:
            shown[phase], spoken = (done, -1, now), now
        first, last, began = shown[phase]
        if tenth == last or (done < of and now - spoken < SILENCE):
            return
        shown[phase] = (first, tenth, began)
        spoken, seconds = now, now - began
        rate = (done - first) / seconds if seconds > 0 else 0.0
        left = f", {rate:.2g} tiles/s, {(of - done) / rate:.0f} s left" if rate > 0 and done < of and of > 1 else ""
        talk(f"{phase}: {done}/{of}{left}")

    return report
