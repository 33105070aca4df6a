"""Each law of ``vstain_bench.testing`` can be broken: a metric that breaks it alone is named with what was found."""

from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch

from vstain_bench import testing
from vstain_bench.errors import UsageError
from vstain_bench.metrics import METRICS
from vstain_bench.metrics.definition import tile_means
from vstain_bench.testing import LAWS, BrokenLaw, Case
from vstain_bench.types import Batch, Metric, OfSet, PerTile, RowArray, Rows, Values

NAME = "a_metric_of_a_test"


def difference(batch: Batch) -> Rows:
    """Mean absolute difference of each tile."""
    return tile_means((batch.side("generated") - batch.side("real")).abs())


def mean(observe: Callable[[Batch], Rows] = difference, **changes: object) -> Metric:
    """Return a sound metric, or one with something changed."""
    values = {
        "summary": "a difference",
        "kind": PerTile(),
        "family": "pixel",
        "better": "lower",
        "perfect": 0.0,
        "citation": "this file",
    }
    return Metric(observe=observe, **{**values, **changes})


def of_set(
    score: Callable[[RowArray], float], leave_out: Callable[[RowArray, np.ndarray], Values] | None = None
) -> Metric:
    return mean(kind=OfSet(score, leave_out=leave_out), value_range=(0.0, np.inf), minimum_tiles=2, paired=False)


def sound(*, power: float = 1.0, rounding: int = 0, kind: str = "plain") -> Metric:
    """A metric that keeps every law."""
    if kind not in ("plain", "squared"):
        raise UsageError(where="kind", found=kind, expected="one of plain, squared")
    return mean()


def leaking() -> Metric:
    """Compares with the mean of the batch."""
    return mean(lambda batch: difference(batch) - batch.side("real").mean() + 1)


def dealing() -> Metric:
    """Keeps the place of a tile in its batch, and only of a pair: shards differ from the whole."""

    def observe(batch: Batch) -> Rows:
        return difference(batch) + 1e-3 * (len(batch.ids) == 2)

    return mean(observe)


def by_position() -> Metric:
    """Counts the first row most."""
    return of_set(lambda rows: float(rows[:, 0] @ np.arange(len(rows), 0, -1)))


def imperfect() -> Metric:
    """Is never 0."""
    return mean(lambda batch: difference(batch) + 0.01)


def upside_down() -> Metric:
    """Calls a difference better the higher it is."""
    return mean(better="higher", perfect=None)


def beyond() -> Metric:
    """Exceeds its range."""
    return mean(lambda batch: 100 * difference(batch))


def changing() -> Metric:
    """Writes into the images."""
    return mean(lambda batch: difference(batch) + 0 * batch.side("real").mul_(0.5).mean())


def drawing() -> Metric:
    """Draws from the global generator."""
    return mean(lambda batch: difference(batch) + 0 * torch.rand(1))


def drawing_in_numpy() -> Metric:
    """Draws one number from the other global generator."""
    return mean(lambda batch: difference(batch) + 0 * np.random.rand())  # noqa: NPY002


def wrong_remainder() -> Metric:
    """Leaves nothing out."""
    return of_set(
        lambda rows: float(rows.mean()),
        leave_out=lambda rows, blocks: np.full(int(blocks.max()) + 1, rows.mean()),
    )


def forgetful(*, power: float = 1.0) -> Metric:
    """Says that another parameter stands for its own, and has none."""
    return mean(lambda batch: difference(batch) ** power)


def unreadable(*, power: float = 1.0) -> Metric:
    """Says that a parameter stands for its own, and keeps another value there."""
    return mean(params={"power": 2 * power})


def gullible(*, kind: str = "plain") -> Metric:
    """Takes any word."""
    return mean()


def silent() -> Metric:
    """Does not say what it compares."""
    return mean(summary="")


BROKEN = [
    (leaking, testing.rows_stand_alone, "rows depend on the batch"),
    (dealing, testing.parts_make_the_whole, "two shards hold other rows"),
    (by_position, testing.order_does_not_matter, "in the reverse"),
    (imperfect, testing.identical_sides_are_perfect, r"identical sides give 0\.0"),
    (upside_down, testing.spoilt_is_worse, "better is 'higher'"),
    (beyond, testing.spoilt_is_worse, "outside of value_range"),
    (changing, testing.nothing_else_changes, "changed the images of 'real'"),
    (drawing, testing.nothing_else_changes, "torch's global random state"),
    (drawing_in_numpy, testing.nothing_else_changes, "numpy's global random state"),
    (wrong_remainder, testing.leaving_out_is_scoring_the_rest, "leave_out gives"),
    (forgetful, testing.every_parameter_is_in_the_signature, "'power' is not in the signature"),
    (unreadable, testing.its_record_gives_it_back, "its record cannot be read back: .*'power' is 2.0"),
    (gullible, testing.every_parameter_is_in_the_signature, "no other value of 'kind' was found"),
    (gullible, testing.a_wrong_word_is_refused, "'kind' takes a word that means nothing"),
    (silent, testing.it_says_what_it_is, "it has no summary"),
]
CARRIED = {forgetful: ("power",), unreadable: ("power",)}
"""Every other argument is in the signature by construction, whatever a factory says."""


@pytest.fixture(autouse=True)
def _registry() -> Iterator[None]:
    testing._OBSERVED.clear()  # every metric here has one name, hence one signature
    yield
    METRICS.remove(NAME)


@pytest.mark.parametrize(("metric", "law", "found"), BROKEN, ids=lambda each: getattr(each, "__name__", ""))
def test_a_law_can_be_broken(metric: Callable[..., Metric], law: Callable[[Case], None], found: str) -> None:
    METRICS.register(NAME, carried=CARRIED.get(metric, ()))(metric)
    with pytest.raises(BrokenLaw, match=found) as broken:
        law(Case(NAME))
    assert str(broken.value).startswith(f"metric '{NAME}': ")


def test_every_law_is_broken_here() -> None:
    assert {law for _, law, _ in BROKEN} == set(LAWS)


@pytest.mark.parametrize("law", LAWS)
def test_a_sound_metric_keeps_all_laws(law: Callable[[Case], None]) -> None:
    METRICS.register(NAME)(sound)
    law(Case(NAME))


def test_another_value_can_be_given() -> None:
    METRICS.register(NAME)(gullible)
    testing.every_parameter_is_in_the_signature(Case(NAME, other={"kind": "squared"}))
