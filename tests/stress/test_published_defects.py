"""A published defect is caught by the suite: a DAB histogram on each image's own range, blind to the amount of stain.

``dab_jsd_cssp2p`` fits its bins to each image, ``dab_js`` has the same bins for all. The suite is given both, and its
verdict must tell the defective one: the ordering rate, how often a right tile that lies 2 or 4 µm away outranks one
whose DAB is wrong by a factor. A metric that sees the amount of stain stands at 1; one that is blind to it falls to 0,
as displacement is all that it answers.
"""

from pathlib import Path

import numpy as np
import pytest
import torch
from skimage.data import immunohistochemistry

from tests.stain_tiles import codes, stained
from vstain_bench.arrays import Pixels
from vstain_bench.base.config import make_config
from vstain_bench.images.reader import encode_png
from vstain_bench.judge.stress.config import StressConfig
from vstain_bench.judge.stress.findings import Verdict
from vstain_bench.judge.stress.job import run_stress

PAIR = "dab_jsd_cssp2p,dab_js"
SWEEP = ["dab_loss", "dab_excess", "translation", "elastic_32um"]
AMOUNTS = {("dab_loss", 20.0), ("dab_loss", 50.0), ("dab_excess", 25.0), ("dab_excess", 50.0)}
DISPLACEMENTS = (2.0, 4.0)


def _judge(folder: Path, tiles: list[Pixels], mpp: float) -> dict[str, Verdict]:
    for place, tile in enumerate(tiles):
        (folder / "IHC").mkdir(parents=True, exist_ok=True)
        encode_png(folder / "IHC" / f"p{place:02d}.png", tile)
    config = make_config(
        {
            "real": folder / "IHC", "metrics": PAIR, "mpp": mpp, "workers": 0, "groups": r"regex:^(p\d+)",
            "perturbations": SWEEP,
        },
        model=StressConfig,
    )  # fmt: skip
    result = run_stress(config, folder / "out")
    verdicts = {verdict.metric: verdict for verdict in result.verdicts}
    assert set(verdicts) == set(PAIR.split(","))
    for verdict in verdicts.values():
        tried = {(each.defect, each.severity) for each in verdict.ordering if each.defect is not None}
        assert tried == AMOUNTS, "premise: every amount was tried, and nothing else"
    return verdicts


def _rates(verdict: Verdict) -> list[float]:
    """How often the right tile 2 and 4 µm away outranks one with a wrong amount of DAB."""
    rates = [verdict.rate(displacement) for displacement in DISPLACEMENTS]
    values = [rate.value for rate in rates if rate is not None and rate.value is not None]
    assert len(values) == len(DISPLACEMENTS)
    return values


def _notices_amount(verdict: Verdict) -> bool:
    """The criterion: a wrong amount of DAB is told from a displaced right tile in 95 % of pairs, at 2 and at 4 µm."""
    return min(_rates(verdict)) >= 0.95


@pytest.fixture(scope="module")
def brown(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Verdict]:
    """Six tiles of DAB alone on glass, with spots of many sizes: nothing but the amount of stain sets the range."""
    tiles = []
    for seed in range(6):
        coarse = torch.rand((1, 1, 24, 24), generator=torch.Generator().manual_seed(seed)) ** 3
        dab = torch.nn.functional.interpolate(coarse, size=(96, 96), mode="bicubic")[0, 0].clamp(0, 1) * 0.8
        tiles.append(codes(stained(dab, haematoxylin=0.0))[0].permute(1, 2, 0).numpy())
    return _judge(tmp_path_factory.mktemp("brown"), tiles, mpp=0.5)


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Verdict]:
    """Sixteen tiles of the real IHC image that scikit-image ships, with haematoxylin beside DAB."""
    picture = immunohistochemistry().astype(np.float32) / 255
    places = [(row, column) for row in range(0, 512, 128) for column in range(0, 512, 128)]
    tiles = [np.ascontiguousarray(picture[row : row + 128, column : column + 128]) for row, column in places]
    return _judge(tmp_path_factory.mktemp("real"), tiles, mpp=0.5)


def test_a_histogram_on_its_own_range_fails_the_suite(brown: dict[str, Verdict]) -> None:
    """Blind: every wrong amount is preferred to a displaced tile; with a shared range every wrong amount is told."""
    assert _notices_amount(brown["dab_js"])
    assert not _notices_amount(brown["dab_jsd_cssp2p"])
    assert max(_rates(brown["dab_jsd_cssp2p"])) < 0.1
    for defect, severity in AMOUNTS:
        rate = brown["dab_jsd_cssp2p"].rate(2.0, defect, severity)
        assert rate is not None
        assert rate.value is not None
        assert rate.value < 0.1


def test_it_fails_on_a_real_image(real: dict[str, Verdict]) -> None:
    """Haematoxylin, which stays, holds the range in part: 0.63 at 2 µm and 0.48 at 4 µm, where a shared range has 1."""
    assert _notices_amount(real["dab_js"])
    assert not _notices_amount(real["dab_jsd_cssp2p"])
    assert _rates(real["dab_jsd_cssp2p"]) == pytest.approx([0.63, 0.48], abs=0.1)


def test_the_suite_ranks_the_correct_one_first(brown: dict[str, Verdict], real: dict[str, Verdict]) -> None:
    for verdicts in (brown, real):
        ranked = list(verdicts)  # in the order of the verdicts
        assert ranked.index("dab_js") < ranked.index("dab_jsd_cssp2p")
