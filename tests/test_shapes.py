"""Annotations of arrays are checked in these tests; here, that the check can fail."""

import jaxtyping
import numpy as np
import pytest

from vstain_bench.metrics.frechet import frechet_distance


def test_a_false_shape_is_noticed() -> None:
    with pytest.raises(jaxtyping.TypeCheckError, match="frechet_distance"):
        frechet_distance(np.zeros((3, 2)), np.zeros((3, 4)))
