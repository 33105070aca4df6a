"""Controls: a model is compared with each on the very tiles that the control was scored on, and a tie is no victory."""

import numpy as np
import pytest
from PIL import Image

from vstain_bench.base.config import make_config
from vstain_bench.measure.controls import choose_subset
from vstain_bench.measure.run import run
from vstain_bench.results.table import Table

TILES = tuple(f"t{number}" for number in range(8))
REAL, SOURCE = 150, 120
SUBSET = choose_subset(TILES, 3, seed=0)
OFF = {  # codes off on the controls' tiles, and on the others; the control 'source-copy' is off by 30
    "worse-there": (45, 1),
    "better-there": (15, 90),
    "level-there": (-30, 1),  # the very codes of the control
}


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Table:
    """Tiles of one grey each, so that every value has its closed form."""
    folder = tmp_path_factory.mktemp("controls")
    for side, (on_subset, elsewhere) in {"real": (0, 0), "source": (SOURCE - REAL,) * 2, **OFF}.items():
        (folder / side).mkdir()
        for tile in TILES:
            level = REAL + (on_subset if tile in SUBSET else elsewhere)
            Image.fromarray(np.full((16, 16, 3), level, np.uint8)).save(folder / side / f"{tile}.png")
    models = {name: folder / name for name in OFF}
    values = {"generated": models, "real": folder / "real", "source": folder / "source", "controls": 3}
    return run(make_config({**values, "metrics": "mae,psnr"}), folder / "run").table


@pytest.mark.parametrize("metric", ["mae", "psnr"])
@pytest.mark.parametrize(
    ("model", "overall", "expected"),
    [
        ("worse-there", "better", True),
        ("better-there", "worse", False),
        ("level-there", "better", True),
    ],
)
def test_a_control_is_beaten_on_its_own_tiles_or_not_at_all(
    table: Table, metric: str, model: str, overall: str, expected: bool
) -> None:
    row, control = table.find(model, metric), table.find("control:source-copy", metric)
    assert row is not None
    assert row.value is not None
    assert control is not None
    assert control.value is not None
    assert (row.tiles, control.tiles) == (8, 3)
    ahead = row.value < control.value if metric == "mae" else row.value > control.value
    assert ahead == (overall == "better"), "premise: over all tiles it is the other way round"
    assert ("control:source-copy" in row.unbeaten) == expected
