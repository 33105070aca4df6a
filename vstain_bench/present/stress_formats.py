"""A finished sweep as text, by the name of a format, as `REPORTS` has runs."""

from collections.abc import Callable, Mapping

from vstain_bench.base.registry import nearest
from vstain_bench.errors import UsageError
from vstain_bench.judge.stress.folder import StressFolder
from vstain_bench.present.formats.data import guard_formula
from vstain_bench.present.pages.stress import render_stress
from vstain_bench.present.sentences.cards import render_cards


def render_csv(folder: StressFolder) -> str:
    """Return one line per answer: metric, model, perturbation, severity, seed, tile, group and value."""
    answers = folder.read_answers()
    named = answers.select_dtypes(exclude="number").columns
    return str(answers.assign(**{name: answers[name].map(guard_formula) for name in named}).to_csv(index=False))


FORMATS: Mapping[str, Callable[[StressFolder], str]] = {
    "csv": render_csv,
    "html": render_stress,
    "json": lambda folder: folder.read().to_json(),
    "md": render_cards,
}
"""What ``show`` prints of a sweep, besides its table in the terminal."""


def render_sweep(folder: StressFolder, name: str) -> str:
    """Return a finished sweep in a format.

    Raises:
        UsageError: there is no such format of a sweep, or no finished one in the folder.
    """
    if name not in FORMATS:
        raise UsageError(
            where=f"--format {name}",
            found=f"{folder.path} is a sweep, which has no such format",
            expected=f"terminal, {', '.join(FORMATS)}",
            next_step=nearest(name, list(FORMATS)),
        )
    return FORMATS[name](folder)
