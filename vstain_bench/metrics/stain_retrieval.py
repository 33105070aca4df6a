"""Is it this tile? Whether a generated tile's stain is nearer to its own real tile than to all the others."""

from collections.abc import Iterator

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from vstain_bench.arrays import LeftOut
from vstain_bench.errors import Undefined
from vstain_bench.metrics.definition import METRICS
from vstain_bench.metrics.windows import GENERATED_REAL
from vstain_bench.stain.density import Separation, StainMaps, stain_maps
from vstain_bench.stain.micrometres import block_weights
from vstain_bench.types import Batch, Metric, OfSet, RowArray, Rows, Values

GRID = 8
"""Blocks along each side of a tile."""
_TIE = 1e-9
_CHUNK = 512
Ranks = Float[np.ndarray, "n *blocks"]
"""Of each tile, where blocks are left out once without each."""


def _pattern(maps: StainMaps) -> Tensor:
    """Return each tile's block means of haematoxylin and of DAB, each less its own mean, float64, (b, 2 × 8 × 8)."""
    tiles = []
    for planes in zip(maps.haematoxylin, maps.dab, strict=True):
        parts = []
        for plane in planes:
            rows, columns = (block_weights(side, side / GRID).to(plane.device) for side in plane.shape)
            means = (rows @ plane.double() @ columns.T).flatten()
            parts.append(means - means.mean())
        tiles.append(torch.cat(parts))
    return torch.stack(tiles)


def _observe(batch: Batch, separation: Separation) -> Rows:
    sides = [
        batch.view(side).derive(("stain pattern", separation), lambda view: _pattern(stain_maps(view, separation)))
        for side in GENERATED_REAL
    ]
    return torch.cat(sides, dim=1)


def _unit(rows: RowArray) -> RowArray:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(np.divide(rows, lengths, out=np.zeros_like(rows), where=lengths > 1e-9))


def _rivals(rows: RowArray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield, some tiles at a time, which real tiles are more like a generated one than its own, and which as much."""
    if np.isnan(rows).any():
        raise Undefined(f"{int(np.isnan(rows).any(axis=1).sum())} of {len(rows)} tiles have no value")
    generated, real = (_unit(half) for half in np.split(rows, 2, axis=1))
    for start in range(0, len(rows), _CHUNK):
        some = np.arange(start, min(start + _CHUNK, len(rows)))
        alike = generated[some] @ real.T
        own = alike[np.arange(len(some)), some][:, None]
        yield alike > own + _TIE, np.abs(alike - own) <= _TIE


def own_ranks(rows: RowArray) -> tuple[Values, Values]:
    """Return per tile how many real tiles are more like the generated one than its own, and how many as much.

    Its own is among those that are as much alike, so the second is 1 or more.
    """
    counted = [(nearer.sum(axis=1), tied.sum(axis=1)) for nearer, tied in _rivals(rows)]
    nearer, tied = (np.concatenate(parts).astype(np.float64) for parts in zip(*counted, strict=True))
    return nearer, tied


def _found(nearer: Ranks, tied: Ranks, top: int) -> Ranks:
    return np.asarray(np.clip((top - nearer) / tied, 0.0, 1.0))


def _reciprocal(nearer: Ranks, tied: Ranks) -> Ranks:
    return np.asarray(1.0 / (nearer + (tied + 1.0) / 2.0))


def _without_blocks(rows: RowArray, blocks: np.ndarray, top: int | None) -> LeftOut:
    """Return the scores without each block; the similarities are computed once."""
    member = np.eye(int(blocks.max()) + 1)[blocks]
    nearer, tied = (
        np.concatenate([side.sum(axis=1, keepdims=True) - side @ member for side in sides])
        for sides in zip(*_rivals(rows), strict=True)
    )
    tied = np.maximum(tied, 1.0)  # a tile's own block is left out with it
    values = _reciprocal(nearer, tied) if top is None else _found(nearer, tied, top)
    kept = 1.0 - member
    return np.asarray((values * kept).sum(axis=0) / kept.sum(axis=0))


def _params(separation: Separation) -> dict[str, object]:
    return {"grid": GRID, "features": "haematoxylin+dab", "centre": "tile", **separation.params}


@METRICS.register("tile_retrieval")
def tile_retrieval(*, top: int = 1, background: str = "tile", vectors: str = "h-dab") -> Metric:
    """Share of generated tiles whose own real tile is among the ``top`` most alike of all real tiles scored.

    Alike is the cosine of haematoxylin and DAB block means (8 × 8 per tile, each stain less its tile mean, so neither
    amount nor slide colour helps); ties share the place. Range [0, 1], higher is better; chance is ``top`` / tiles, so
    compare it only at an equal number of tiles. The rows of one label search among that label's tiles.
    """
    separation = Separation(background, vectors)
    return Metric(
        family="place",
        summary=f"own real tile among the {top} most alike by stain pattern",
        observe=lambda batch: _observe(batch, separation),
        kind=OfSet(
            lambda rows: float(_found(*own_ranks(rows), top).mean()),
            leave_out=lambda rows, blocks: _without_blocks(rows, blocks, top),
        ),
        better="higher",
        value_range=(0.0, 1.0),
        perfect=1.0,
        params={"top": ..., **_params(separation)},
        minimum_side=GRID,
        minimum_tiles=2,
        observation=f"stain pattern|grid:{GRID}|background:{background}|vectors:{vectors}",
        citation="Own definition (vstain-bench); retrieval of the own tile as in HistDiST (there by GigaPath features)",
    )


@METRICS.register("tile_retrieval_mrr")
def tile_retrieval_mrr(*, background: str = "tile", vectors: str = "h-dab") -> Metric:
    """Mean reciprocal rank of the own real tile among all real tiles scored, likeness as in ``tile_retrieval``.

    Range [0, 1], higher is better, 1 is perfect; tied tiles take the middle of their ranks.
    """
    separation = Separation(background, vectors)
    return Metric(
        family="place",
        summary="mean reciprocal rank of the own real tile by stain pattern",
        observe=lambda batch: _observe(batch, separation),
        kind=OfSet(
            lambda rows: float(_reciprocal(*own_ranks(rows)).mean()),
            leave_out=lambda rows, blocks: _without_blocks(rows, blocks, None),
        ),
        better="higher",
        value_range=(0.0, 1.0),
        perfect=1.0,
        params=_params(separation),
        minimum_side=GRID,
        minimum_tiles=2,
        observation=f"stain pattern|grid:{GRID}|background:{background}|vectors:{vectors}",
        citation="Own definition (vstain-bench); retrieval of the own tile as in HistDiST (there by GigaPath features)",
    )
