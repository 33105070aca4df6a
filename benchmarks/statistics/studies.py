"""Simulated studies that the scripts beside this one share: patients of few or many tiles, alike within, skewed or not.

What a tile shows is sqrt(ICC) of its patient and sqrt(1 - ICC) of its own. Where only means of patients matter, these
are drawn at once: a patient's effect and a normal error whose variance is (1 - ICC) / n_j.
"""

import argparse
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

SEED = 20_261_128
EQUAL = 8
FEWEST, MOST = 3, 1500
Sizes = Literal["equal", "unequal"]
Shape = Literal["normal", "skewed"]


@dataclass(frozen=True)
class Patients:
    """Patients of one study: their numbers of tiles and their means, each of shape (g,)."""

    tiles: np.ndarray
    means: np.ndarray


def seeded(*parts: int) -> np.random.Generator:
    """Return the generator of one cell of a table."""
    return np.random.default_rng([SEED, *parts])


def draw_sizes(random: np.random.Generator, patients: int, sizes: Sizes) -> np.ndarray:
    """Return numbers of tiles: 8 each, or 3 to 1,500 with a uniform logarithm."""
    if sizes == "equal":
        return np.full(patients, EQUAL)
    return np.exp(random.uniform(np.log(FEWEST), np.log(MOST), patients)).round().astype(int)


def draw_effects(random: np.random.Generator, shape: tuple[int, ...], kind: Shape) -> np.ndarray:
    """Return effects of patients with mean 0 and variance 1: normal, or exponential (a skewness of 2)."""
    return random.normal(size=shape) if kind == "normal" else random.exponential(size=shape) - 1


def draw_patients(
    random: np.random.Generator, patients: int, *, sizes: Sizes = "equal", kind: Shape = "normal", icc: float = 0.2
) -> Patients:
    """Return the means of patients around a truth of 0."""
    tiles = draw_sizes(random, patients, sizes)
    effects = icc**0.5 * draw_effects(random, (patients,), kind)
    return Patients(tiles, effects + random.normal(size=patients) * np.sqrt((1 - icc) / tiles))


def percent(share: float) -> str:
    """Return a share in percent with one decimal."""
    return f"{100 * share:.1f}"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Yield a table in Markdown: the first column is words, the others numbers."""
    yield f"| {' | '.join(header)} |"
    yield "| --- |" + " ---: |" * (len(header) - 1)
    for row in rows:
        yield f"| {' | '.join(row)} |"
    yield ""


def run(title: str, lines: Callable[[int], Iterator[str]], *, studies: int) -> None:
    """Print the page of one script; ``--studies`` says how many studies a cell has."""
    parser = argparse.ArgumentParser(description=title)
    parser.add_argument("--studies", type=int, default=studies, help=f"studies a cell (default {studies})")
    number = parser.parse_args().studies
    for line in (f"# {title}", "", f"{number} studies a cell; `before` are the rules that were replaced.", ""):
        sys.stdout.write(f"{line}\n")
    for line in lines(number):
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
