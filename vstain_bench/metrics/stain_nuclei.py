"""Nuclei: are as many found in the generated tile as in the real one, and at the same places?

The reference is what the same detector finds in the real tile, not a truth.
"""

import math

import numpy as np
import torch
from jaxtyping import Float
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import maximum_bipartite_matching
from scipy.spatial import cKDTree

from vstain_bench.metrics.definition import METRICS, by_side
from vstain_bench.metrics.windows import GENERATED_REAL
from vstain_bench.stain.density import Separation, stain_maps
from vstain_bench.stain.micrometres import pixel_sizes
from vstain_bench.stain.nuclei import NUCLEI_DETECTORS, Centres, dab_of_nuclei
from vstain_bench.types import Batch, Metric, PerTile, RowArray, Rows, Values

_DETECTOR = "log-haematoxylin"
_LOG = "Laplacian of Gaussian blobs: Lindeberg 1998, IJCV 30:79-116; Ruifrok and Johnston 2001 for haematoxylin"


def match_nuclei(first: Centres, second: Centres, radius_um: float) -> int:
    """Return the largest number of pairs, one to one, whose centres lie within ``radius_um`` µm."""
    if not len(first) or not len(second):
        return 0
    near = cKDTree(first).query_ball_tree(cKDTree(second), radius_um)
    rows = np.repeat(np.arange(len(first)), [len(each) for each in near])
    columns = np.array([place for each in near for place in each], dtype=np.intp)
    graph = csr_matrix((np.ones(len(rows), dtype=np.int8), (rows, columns)), shape=(len(first), len(second)))
    return int((maximum_bipartite_matching(graph, perm_type="column") >= 0).sum())


def f1_of_nuclei(first: Centres, second: Centres, radius_um: float) -> float:
    """Return 2 × pairs / (nuclei of both); 1 where neither has any."""
    total = len(first) + len(second)
    return 2 * match_nuclei(first, second, radius_um) / total if total else 1.0


def _nuclei(batch: Batch, detector: str, separation: Separation) -> list[list[Centres]]:
    pixel_sizes(batch)
    detect = NUCLEI_DETECTORS[detector]
    return [
        batch.view(side).derive(("nuclei", detector, separation), lambda view: detect(view, separation))
        for side in GENERATED_REAL
    ]


def _column(values: list[float], batch: Batch) -> Rows:
    return torch.tensor(values, dtype=torch.float64, device=batch.side("real").device).unsqueeze(1)


@METRICS.register("nuclei_count_error")
def nuclei_count_error(*, detector: str = _DETECTOR, background: str = "tile", vectors: str = "h-dab") -> Metric:
    """Absolute error of the number of nuclei per mm², generated against real; lower is better, 0 is perfect."""
    separation = Separation(background, vectors)
    _ = NUCLEI_DETECTORS[detector]

    def observe(batch: Batch) -> Rows:
        height, width = batch.side("real").shape[-2:]
        areas = [height * width * size**2 / 1e6 for size in pixel_sizes(batch)]
        pairs = zip(*_nuclei(batch, detector, separation), areas, strict=True)
        return _column([abs(len(generated) - len(real)) / area for generated, real, area in pairs], batch)

    return Metric(
        family="nuclei",
        summary="absolute error of the number of nuclei",
        observe=observe,
        kind=PerTile(),
        better="lower",
        value_range=(0.0, math.inf),
        perfect=0.0,
        unit="1/mm²",
        citation=_LOG,
    )


@METRICS.register("nuclei_f1")
def nuclei_f1(
    *, radius_um: float = 6.0, detector: str = _DETECTOR, background: str = "tile", vectors: str = "h-dab"
) -> Metric:
    """F1 of nuclei found in the generated and the real tile, paired one to one within ``radius_um`` µm.

    Range [0, 1], higher is better. Nuclei lie about 10 µm apart, so unrelated tiles of equal density reach a good part
    of it: read it beside the controls.
    """
    separation = Separation(background, vectors)
    _ = NUCLEI_DETECTORS[detector]

    def observe(batch: Batch) -> Rows:
        pairs = zip(*_nuclei(batch, detector, separation), strict=True)
        return _column([f1_of_nuclei(generated, real, radius_um) for generated, real in pairs], batch)

    return Metric(
        family="nuclei",
        summary=f"nuclei of generated and real within {radius_um:g} µm of each other (F1)",
        observe=observe,
        kind=PerTile(),
        better="higher",
        perfect=1.0,
        citation=_LOG,
    )


def _positive_shares(rows: Float[np.ndarray, "n 4"]) -> Float[np.ndarray, "n 2"]:
    """Return the share of positive nuclei of generated and real, (n, 2), 0 without nuclei, from counts, (n, 4)."""
    found, positive = rows[:, [0, 2]], rows[:, [1, 3]]
    return np.asarray(np.divide(positive, found, out=np.zeros_like(positive), where=found > 0))


def _positive_errors(rows: RowArray) -> Values:
    shares = _positive_shares(rows)
    return np.asarray(np.where(np.isnan(rows).any(axis=1), np.nan, np.abs(shares[:, 0] - shares[:, 1])))


@METRICS.register("nuclei_positive_fraction_error")
def nuclei_positive_fraction_error(
    *,
    threshold: float = 0.20,
    core_um: float = 2.0,
    detector: str = "log-both-stains",
    background: str = "tile",
    vectors: str = "h-dab",
) -> Metric:
    """Absolute error of the share of nuclei that are positive: a Ki67, ER or PR index; range [0, 1], lower is better.

    A nucleus is positive when the mean DAB OD of the disc of ``core_um`` µm about its centre exceeds ``threshold``: on
    590 labelled nuclei of six Ki67 tiles that tells positive from negative at F1 0.90. A tile without nuclei has an
    index of 0. How many were found, and how many of them positive, stands beside the table for both sides. Not for
    stains of membrane or cytoplasm, such as HER2.
    """
    separation = Separation(background, vectors)
    _ = NUCLEI_DETECTORS[detector]

    def observe(batch: Batch) -> Rows:
        columns = []
        for side, tiles in zip(GENERATED_REAL, _nuclei(batch, detector, separation), strict=True):
            maps = stain_maps(batch.view(side), separation).dab.cpu().numpy()
            densities = [
                dab_of_nuclei(dab, centres, size, core_um)
                for dab, centres, size in zip(maps, tiles, pixel_sizes(batch), strict=True)
            ]
            columns += [
                [float(len(each)) for each in densities],
                [float((each > threshold).sum()) for each in densities],
            ]
        return torch.tensor(columns, dtype=torch.float64, device=batch.side("real").device).T.contiguous()

    def index(side: RowArray) -> dict[str, float]:
        found, positive = side.sum(axis=0)
        return {"nuclei": float(found), "positive nuclei": float(positive)}

    return Metric(
        family="nuclei",
        summary="absolute error of the share of DAB-positive nuclei",
        observe=observe,
        kind=PerTile(_positive_errors),
        better="lower",
        perfect=0.0,
        describe=lambda rows: by_side(rows, index),
        citation=_LOG,
    )
