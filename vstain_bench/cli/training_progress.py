"""How a training shows itself on stderr: bars with losses and rates on a terminal, milestone lines otherwise."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from vstain_bench.cli.progress import listening, on_terminal, talk

if TYPE_CHECKING:
    from vstain_bench.models.training.listener import Stepped, TrainingListener

SILENCE = 10.0
"""Seconds before each milestone line within an epoch."""


@contextmanager
def training_progress(quiet: bool) -> "Iterator[TrainingListener]":
    """Yield what a training calls; sentences are written even when quiet."""
    from vstain_bench.models.training.listener import TrainingListener

    if on_terminal() and not quiet:
        with _bars() as listener:
            yield listener
        return
    with listening(quiet) as plain:
        stepped = {} if quiet else {"stepped": _Lines().stepped}
        yield TrainingListener(plain.progress, plain.say, **stepped)


def short_losses(losses: Mapping[str, float]) -> str:
    """Return the losses in short: ``D 0.69 G 1.2 (adversarial 0.7, css 0.5)``."""
    sides = {side: {k.partition("/")[2]: v for k, v in losses.items() if k.startswith(side)} for side in _SIDES}
    judged, made = (sum(terms.values()) for terms in sides.values())
    parts = ", ".join(f"{name} {value:.3g}" for name, value in sides["generator"].items())
    return f"D {judged:.3g} G {made:.3g}" + (f" ({parts})" if len(sides["generator"]) > 1 else "")


_SIDES = ("discriminator", "generator")


def duration(seconds: float | None) -> str:
    """Return a duration as ``2 h 5 min``, ``3 min 20 s`` or ``8 s``; empty when unknown."""
    if seconds is None:
        return ""
    whole = round(seconds)
    hours, minutes = whole // 3600, whole // 60
    if hours:
        return f"{hours} h {minutes % 60} min"
    return f"{minutes} min {whole % 60} s" if minutes else f"{whole} s"


class _Lines:
    """A line now and then: never two within ten seconds, and none for the rest of an epoch that is over at once."""

    def __init__(self) -> None:
        self._spoken = time.monotonic()

    def stepped(self, now: "Stepped") -> None:
        if time.monotonic() - self._spoken < SILENCE or not now.losses:
            return
        self._spoken = time.monotonic()
        left = duration(now.seconds_left)
        talk(
            f"epoch {now.epoch}/{now.epochs}, step {now.steps}/{now.of}: {short_losses(now.losses)}, "
            f"{now.images_per_second:.3g} images/s" + (f", {left} left" if left else "")
        )


@contextmanager
def _bars() -> "Iterator[TrainingListener]":
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    from vstain_bench.models.training.listener import TrainingListener

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[said]}"))
    console = Console(stderr=True, markup=False, highlight=False, emoji=False)
    with Progress(*columns, console=console, transient=True) as bar:
        steps = bar.add_task("training", total=None, said="", visible=False)
        phases = bar.add_task("", total=None, said="", visible=False)

        def phase(name: str, done: int, of: int) -> None:
            bar.update(phases, description=name, completed=done, total=of, visible=done < of)

        def stepped(now: "Stepped") -> None:
            said = f"{short_losses(now.losses)} · {now.images_per_second:.3g} images/s"
            left = duration(now.seconds_left)
            bar.update(
                steps,
                description=f"epoch {now.epoch}/{now.epochs}",
                completed=now.steps,
                total=now.of,
                said=said + (f" · {left} left" if left else ""),
                visible=True,
            )

        yield TrainingListener(phase, lambda line: console.print(line, soft_wrap=True), stepped)
