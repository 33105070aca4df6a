"""The toy is a recipe for these tests alone: what lists every recipe must not find it afterwards."""

import sys
from collections.abc import Iterator

import pytest

from vstain_bench.models.contract import RECIPES


@pytest.fixture(autouse=True)
def _toy_leaves() -> Iterator[None]:
    yield
    RECIPES.remove("toy")
    sys.modules.pop("vstain_bench_plugin_toy", None)
