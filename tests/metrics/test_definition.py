"""The registry fills in name and parameters, so that none can be missing from a signature; two kinds of metric."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import pytest

from vstain_bench.errors import Undefined
from vstain_bench.metrics import METRICS, build
from vstain_bench.types import Batch, Metric, OfSet, PerTile, Rows


def _observe(batch: Batch) -> Rows:
    return batch.side("generated").double().mean((1, 2, 3))[:, None]


def _metric(**given: object) -> Metric:
    shared = {"summary": "-", "observe": _observe, "kind": PerTile(), "better": "lower", "family": "pixel"}
    return Metric(**{**shared, "citation": "-", **given})  # type: ignore[arg-type]  # as the tests give them


@contextmanager
def registered(factory: Callable[..., Metric]) -> Iterator[None]:
    METRICS.register("broken")(factory)
    try:
        yield
    finally:
        METRICS.remove("broken")


def test_a_parameter_that_a_factory_leaves_out_is_in_the_signature_all_the_same() -> None:
    def forgetful(*, power: float = 1.0, resize: str = "clean") -> Metric:
        return _metric(params={"range": 1})

    with registered(forgetful):
        assert build("broken").signature == "broken|cmp:generated-real|range:1|power:1.0|resize:clean|v:1"
        assert "|power:2.0|" in build("broken", {"power": 2.0}).signature


def test_a_factory_cannot_say_another_value_or_another_name() -> None:
    def lying(*, power: float = 1.0) -> Metric:
        return _metric(name="ssim", params={"power": 7.0, "range": 1})

    with registered(lying):
        assert build("broken", {"power": 3.0}).signature == "broken|cmp:generated-real|power:3.0|range:1|v:1"


def test_an_ellipsis_keeps_the_place_of_an_argument_and_of_nothing_else() -> None:
    def placed(*, power: float = 1.0) -> Metric:
        return _metric(params={"win": "tile", "power": ..., "pad": "valid"})

    def misplaced() -> Metric:
        return _metric(params={"power": ...})

    with registered(placed):
        assert build("broken").signature == "broken|cmp:generated-real|win:tile|power:1.0|pad:valid|v:1"
    with registered(misplaced), pytest.raises(TypeError, match="'broken' keeps a place for 'power'"):
        build("broken")


def test_score_and_interval_follow_from_the_kind() -> None:
    rows = np.array([[1.0, 10.0], [3.0, np.inf], [np.inf, 30.0]])
    mean = _metric(kind=PerTile())
    assert mean.values is not None
    assert mean.values(rows).tolist() == [1.0, 3.0, np.inf]
    assert (mean.score(rows), mean.interval) == (2.0, "bootstrap"), "what is not finite is left out"
    assert _metric(kind=PerTile(lambda found: found[:, 1])).score(rows) == 20.0
    largest = _metric(kind=OfSet(lambda found: float(found[:, 0].min())))
    assert (largest.score(rows), largest.interval, largest.values) == (1.0, "jackknife", None)
    with pytest.raises(Undefined, match="1 of 2 tiles have no value"):
        mean.score(np.array([[1.0], [np.nan]]))
    with pytest.raises(Undefined, match="all are alike"):
        _metric(kind=PerTile(without="all are alike")).score(np.array([[np.inf]]))
