"""What tests of predictions share: H&E tiles of several sizes, and one call."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vstain_bench.base.config import make_config
from vstain_bench.base.listener import Listener
from vstain_bench.models.predict.config import PredictConfig
from vstain_bench.models.predict.job import FinishedPrediction, predict

Call = Callable[..., FinishedPrediction]


@pytest.fixture
def stained(tmp_path: Path) -> Call:
    """Stain with keyword options into ``out`` (a name below the test's folder)."""

    def call(adapter: str, *, out: str = "out", told: list[str] | None = None, **options: object) -> FinishedPrediction:
        config = make_config({"adapter": adapter, **options}, model=PredictConfig)
        return predict(config, tmp_path / out, Listener(say=(lambda line: None) if told is None else told.append))

    return call


def codes(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path))


@pytest.fixture
def odd(tmp_path: Path) -> Path:
    """H&E-coloured tiles whose sides are no multiple of anything."""
    folder = tmp_path / "odd"
    folder.mkdir()
    random = np.random.default_rng(0)
    for name, (height, width) in {"a": (97, 97), "b": (97, 97), "c": (130, 101), "d": (64, 64)}.items():
        pink = np.array([225, 120, 190]) + random.integers(-25, 25, (height, width, 3))
        pink[: height // 3] = 245
        Image.fromarray(pink.astype(np.uint8)).save(folder / f"{name}.png")
    return folder
