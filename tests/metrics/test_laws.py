"""Every registered metric keeps the laws of ``vstain_bench.testing``."""

from pathlib import Path

import numpy as np
import pytest

from vstain_bench.metrics import METRICS, build
from vstain_bench.testing import LAWS, SIDE, Case, observe, order_does_not_matter, sample, spoilt_is_worse
from vstain_bench.types import Metric

REGISTERED = ("ssim_registered", "psnr_registered", "lpips_registered", "registration_residual", "registration_refused")
PARAMS: dict[str, dict[str, object]] = {
    "kid_subsets": {"subsets": 3, "size": 3},  # its default needs 1,000 tiles
    **{name: {"bound_um": 2.0} for name in REGISTERED},  # a bound of 8 µm has no null within 32 µm
}
# Noise has dark pixels everywhere and satisfies these; empty glass does not.
WHITE_IS_WORSE = ("omitted_dab_area", "mask_tpr_kataria", "dab_class_order_violations")
OUTSIDE = {
    (order_does_not_matter, "kid_subsets"): "its subsets are drawn by position, as in the code it stands for",
    (spoilt_is_worse, "registration_residual"): "noise is refused: how far it lies off cannot be known (below)",
}


def case(name: str) -> Case:
    return Case(name, PARAMS.get(name, {}), spoilt="white" if name in WHITE_IS_WORSE else "noise")


@pytest.mark.parametrize("name", METRICS.names())
@pytest.mark.parametrize("law", LAWS)
def test_metrics_keep_the_law(law: object, name: str, seeded_weights: Path) -> None:
    if (law, name) in OUTSIDE:
        pytest.skip(OUTSIDE[law, name])
    law(case(name))


def test_noise_cannot_be_registered() -> None:
    residual = case("registration_residual")
    assert np.isinf(observe(residual.metric, residual.spoil(residual.sides))).all()


def test_shared_rows_are_the_same_rows(seeded_weights: Path) -> None:
    """Two metrics that share an observation must observe the same."""
    by_key: dict[str, list[Metric]] = {}
    for name in METRICS:
        metric = build(name)
        if metric.minimum_side <= SIDE:
            by_key.setdefault(metric.rows, []).append(metric)
    shared = [metrics for metrics in by_key.values() if len(metrics) > 1]
    assert shared, "premise: psnr and psnr_pooled, fid and kid share rows"
    for metrics in shared:
        first, *others = (observe(metric, sample(SIDE), [(0, 1)]) for metric in metrics)
        assert all(np.array_equal(other, first) for other in others)
