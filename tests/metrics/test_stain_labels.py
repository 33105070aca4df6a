"""Order of scores and agreement within them: closed forms, and what a correlation over all scores hides."""

import numpy as np
import pytest
import torch

from tests.stain_tiles import stained
from vstain_bench.errors import Undefined, UsageError
from vstain_bench.metrics import build
from vstain_bench.metrics.stain_labels import HER2_ORDER, order_labels
from vstain_bench.types import Batch, Images, RowArray, View

ORDER = HER2_ORDER.split("<")


def _batch(generated: list[float], real: list[float], labels: list[str | None]) -> Batch:
    """Tiles of these mean DAB densities."""
    ids = tuple(f"tile{place}" for place in range(len(labels)))

    def images(levels: list[float]) -> Images:
        return torch.cat([stained(torch.full((16, 16), level)) for level in levels])

    sides = {"generated": images(generated), "real": images(real)}
    return Batch({side: View(ids, side, each, labels=tuple(labels)) for side, each in sides.items()})  # type: ignore[misc]


def _rows(name: str, batch: Batch, **params: object) -> RowArray:
    return build(name, {"background": "255", **params}).observe(batch).numpy()


REAL = [0.0, 0.1, 0.2, 0.4]


@pytest.mark.parametrize(
    ("generated", "violated"),
    [
        ([0.0, 0.1, 0.2, 0.4], 0),
        ([0.0, 0.2, 0.1, 0.4], 1),  # 1+ above 2+
        ([0.4, 0.1, 0.2, 0.3], 3),  # 0 above all
        ([0.4, 0.3, 0.2, 0.1], 6),
    ],
)
def test_scores_out_of_order_are_counted(generated: list[float], violated: int) -> None:
    metric = build("dab_class_order_violations", {"background": "255"})
    rows = metric.observe(_batch(generated, REAL, list(ORDER))).numpy()
    assert metric.score(rows) == violated
    assert metric.describe is not None
    told = metric.describe(rows)
    assert told["generated"] == {"pairs out of order": violated}
    assert told["real"] == {"pairs out of order": 0}


def test_a_score_is_the_mean_of_its_tiles() -> None:
    found = order_labels(np.array([0.05, 0.02, 0.30, 0.10, 0.20, 9.0]), ["0", "1+", "2+", "3+", "3+", "other"], ORDER)
    assert found.pairs == 6
    assert found.violated == (("0", "1+"), ("2+", "3+"))
    assert found.means == pytest.approx({"0": 0.05, "1+": 0.02, "2+": 0.30, "3+": 0.15})


def test_what_cannot_be_ordered_says_why() -> None:
    metric = build("dab_class_order_violations", {"background": "255"})
    for labels, words in (
        ([None, "1+", "2+", "3+"], "1 of 4 tiles have no label among 0, 1+, 2+, 3+: pass --labels"),
        (["1+", "1+", "1+", "1+"], "nothing to order"),
    ):
        with pytest.raises(Undefined, match=words.replace("+", r"\+")):
            metric.score(metric.observe(_batch(REAL, REAL, labels)).numpy())
    for order in ("0", "0<0", "0<<1"):
        with pytest.raises(UsageError, match="least stained"):
            build("dab_class_order_violations", {"order": order})
    other = build("dab_class_order_violations", {"order": "low<high", "background": "255"})
    assert other.score(other.observe(_batch([0.2, 0.1], [0.1, 0.2], ["low", "high"])).numpy()) == 1.0
    assert other.value_range == (0.0, 1.0)


def test_within_labels_a_pooled_correlation_can_vanish() -> None:
    """Two labels far apart, at random within: 0.99 over all, nothing within."""
    random = np.random.default_rng(0)
    level = np.repeat([0.02, 0.30], 50)[:, None]
    rows = np.hstack([level + 0.01 * random.standard_normal((100, 2)), np.repeat([1.0, 2.0], 50)[:, None]])
    assert build("dab_tile_r").score(rows[:, :2]) > 0.99
    assert abs(build("dab_within_label_r").score(rows)) < 0.2
    assert abs(build("dab_within_label_ccc").score(rows)) < 0.2


def test_with_one_label_they_are_the_plain_ones() -> None:
    random = np.random.default_rng(1)
    rows = np.hstack([random.random((30, 2)), np.ones((30, 1))])
    assert build("dab_within_label_r").score(rows) == pytest.approx(build("dab_tile_r").score(rows[:, :2]))
    assert build("dab_within_label_ccc").score(rows) == pytest.approx(build("dab_ccc").score(rows[:, :2]))


def test_concordance_falls_with_a_gain_and_with_a_label_that_is_off() -> None:
    real = np.array([0.02, 0.04, 0.06, 0.30, 0.34, 0.38])
    code = np.repeat([1.0, 2.0], 3)
    rows = {
        "right": np.stack([real, real, code], axis=1),
        "gain": np.stack([0.5 * real, real, code], axis=1),
        "one label off": np.stack([np.where(code == 1, real + 0.1, real), real, code], axis=1),
    }
    r, ccc = build("dab_within_label_r"), build("dab_within_label_ccc")
    assert [r.score(each) for each in rows.values()] == pytest.approx([1.0, 1.0, 1.0])
    about = 2 * 0.02**2 + 2 * 0.04**2  # squares about the labels' means
    assert ccc.score(rows["right"]) == pytest.approx(1.0)
    assert ccc.score(rows["gain"]) == pytest.approx(about / (1.25 * about + 3 * 0.02**2 + 3 * 0.17**2))
    assert ccc.score(rows["one label off"]) == pytest.approx(2 * about / (2 * about + 3 * 0.1**2))


def test_labels_are_part_of_the_row() -> None:
    labels: list[str | None] = ["a", "b", "a", "b"]
    codes = _rows("dab_within_label_r", _batch(REAL, REAL, labels))[:, 2]
    assert codes[0] == codes[2] != codes[1] == codes[3]
    metric = build("dab_within_label_r", {"background": "255"})
    with pytest.raises(Undefined, match="1 of 4 tiles have no label: pass --labels"):
        metric.score(metric.observe(_batch(REAL, REAL, ["a", "b", None, "b"])).numpy())
    with pytest.raises(Undefined, match="within each label the mean DAB is the same"):
        metric.score(metric.observe(_batch([0.1, 0.2, 0.1, 0.2], REAL, labels)).numpy())
