"""Progress on stderr: a bar on a terminal, a line every tenth otherwise, nothing when quiet."""

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

SILENCE = 2.0
"""Seconds before each line of a phase, its last line excepted."""
Report = Callable[[str, int, int], None]


@contextmanager
def progress(quiet: bool) -> Iterator[Report | None]:
    """Yield the function to call with a phase, what is done and of how many; None when quiet."""
    if quiet:
        yield None
    elif sys.stderr.isatty() and os.environ.get("TERM") != "dumb":
        with _bar() as report:
            yield report
    else:
        yield _lines()


@contextmanager
def _bar() -> Iterator[Report]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        tasks: dict[str, tuple[int, int, float]] = {}

        def report(phase: str, done: int, of: int) -> None:
            if phase not in tasks:
                tasks[phase] = (int(bar.add_task(phase, total=of, completed=done, rate="")), done, time.monotonic())
            task, first, began = tasks[phase]
            rate = (done - first) / max(time.monotonic() - began, 1e-9)
            bar.update(bar.tasks[task].id, completed=done, total=of, rate=f"{rate:.1f}/s" if done > first else "")

        yield report


def _lines() -> Report:
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
        sys.stderr.write(f"{phase}: {done}/{of}{left}\n")
        sys.stderr.flush()

    return report
