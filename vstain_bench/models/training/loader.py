"""Pairs for the training loop: decoded ahead in threads, kept in memory as far as it goes, cut and stacked."""

import threading
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice

import numpy as np
import torch
from torch import Tensor

from vstain_bench.arrays import Pixels
from vstain_bench.images.reader import read_image
from vstain_bench.models.contract import Pair
from vstain_bench.models.training.sampling import Sampling
from vstain_bench.models.training.step import Share
from vstain_bench.models.training.tile_sets import TileSet

AHEAD = 3
"""Steps that are read ahead of the one that is computed."""
Codes = np.ndarray
"""Decoded pixels: uint8 where k / 255 is exactly what was decoded, else float32."""
Sides = tuple[Codes, ...]
"""H&E and IHC of one tile."""
Cut = tuple[Pixels, ...]
"""H&E and IHC of one place, (h, w, 3) in [0, 1]."""


@dataclass(frozen=True)
class Portion:
    """What one process takes of each batch: every ``of``-th pair from ``rank``, in so many parts."""

    rank: int = 0
    of: int = 1
    parts: int = 1

    def places(self, batch: Sequence[int]) -> list[tuple[tuple[int, ...], float]]:
        """Return the places of each part and the weight of its mean loss; over all processes each place counts once.

        Losses are averaged over processes, hence the factor ``of``. A process for which nothing is left takes part with
        a weight of zero, since the others wait for its gradients.
        """
        mine = batch[self.rank :: self.of]
        if not mine:
            return [((batch[0],), 0.0)]
        size = -(-len(mine) // self.parts)
        parts = [tuple(mine[start : start + size]) for start in range(0, len(mine), size)]
        return [(part, len(part) * self.of / len(batch)) for part in parts]


class TileCache:
    """Decoded tiles, as many as fit into so many bytes; what does not is decoded each time."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._used = 0
        self._full = limit == 0
        self._kept: dict[int, Sides] = {}
        self._lock = threading.Lock()

    @property
    def full(self) -> bool:
        """Whether a pair was refused for want of room: no further one is offered then."""
        return self._full

    def recall(self, pair: int) -> Sides | None:
        """Return both sides of a pair, if they are here."""
        return self._kept.get(pair)

    def offer(self, pair: int, sides: Sides) -> None:
        """Keep both sides of a pair if there is room."""
        size = sum(side.nbytes for side in sides)
        with self._lock:
            if self._used + size > self._limit:
                self._full = True
            elif pair not in self._kept:
                self._kept[pair] = sides
                self._used += size


class PairLoader:
    """The batches of each epoch on one device."""

    def __init__(
        self,
        tiles: TileSet,
        sampling: Sampling,
        *,
        portion: Portion,
        device: torch.device,
        workers: int,
        memory: int,
        channels_last: bool = True,
    ) -> None:
        self._tiles = tiles
        self._sampling = sampling
        self._batch_size = sampling.recipe.batch_size
        self._portion = portion
        self._device = device
        self._workers = workers
        self._channels_last = channels_last
        self.memory = TileCache(memory)

    @property
    def steps(self) -> int:
        """Optimisation steps per epoch; the last takes what is left."""
        return -(-self._sampling.pairs // self._batch_size)

    def epoch(self, epoch: int, first: int = 0) -> Iterator[tuple[Share, ...]]:
        """Yield the shares of each step of an epoch, from step ``first`` (counted from 0)."""
        order = self._sampling.order(epoch)
        wanted = [
            self._portion.places(range(step * self._batch_size, min((step + 1) * self._batch_size, len(order))))
            for step in range(first, self.steps)
        ]

        def cut(place: int) -> Cut:
            return self._cut(epoch, place, order[place])

        if self._workers == 0:
            for parts in wanted:
                yield tuple(Share(self._stack([cut(place) for place in part]), weight) for part, weight in parts)
            return
        with ThreadPoolExecutor(self._workers) as pool:
            ahead: deque[list[tuple[list[Future[Cut]], float]]] = deque()
            upcoming = iter(wanted)
            try:
                for _ in wanted:
                    for parts in islice(upcoming, AHEAD - len(ahead)):
                        ahead.append([([pool.submit(cut, place) for place in part], weight) for part, weight in parts])
                    yield tuple(
                        Share(self._stack([future.result() for future in futures]), weight)
                        for futures, weight in ahead.popleft()
                    )
            finally:
                pool.shutdown(wait=True, cancel_futures=True)

    def _cut(self, epoch: int, place: int, pair: int) -> Cut:
        crop = self._sampling.crop(epoch, place, self._tiles.sizes[pair])
        source, real = (_as_pixels(crop.cut(side)) for side in self._sides(pair))
        return source, real

    def _sides(self, pair: int) -> Sides:
        kept = self.memory.recall(pair)
        if kept is not None:
            return kept
        tile, policy = self._tiles.tiles[pair], self._tiles.policy
        assert tile.source is not None
        sides = tuple(read_image(file, policy).pixels for file in (tile.source, tile.real))
        if self.memory.full:
            return sides
        packed = tuple(_pack(side) for side in sides)
        self.memory.offer(pair, packed)
        return packed

    def _stack(self, cuts: Sequence[Cut]) -> Pair:
        source, real = (self._to_device(np.stack(side)) for side in zip(*cuts, strict=True))
        return Pair(source, real)

    def _to_device(self, stacked: np.ndarray) -> Tensor:
        """Return images, (b, 3, h, w), from pixels, (b, h, w, 3): the same memory is channels last."""
        images = torch.from_numpy(stacked)
        if self._device.type == "cuda":
            images = images.pin_memory().to(self._device, non_blocking=True)
        images = images.permute(0, 3, 1, 2)
        return images if self._channels_last else images.contiguous()


def _pack(pixels: Pixels) -> Codes:
    codes = np.rint(pixels * np.float32(255)).astype(np.uint8)
    return codes if np.array_equal(_as_pixels(codes), pixels) else pixels


def _as_pixels(codes: Codes) -> Pixels:
    if codes.dtype == np.uint8:
        return codes.astype(np.float32) / np.float32(255)
    return np.ascontiguousarray(codes)
