"""Tiles become batches: decoded ahead in threads, grouped by size, in an order that depends on tile ids alone."""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby, islice

import numpy as np
import torch

from vstain_bench.errors import DecodeError
from vstain_bench.images.reader import Decoded, DecodePolicy, read_image
from vstain_bench.types import ImageFile, Images


@dataclass(frozen=True)
class TileFiles:
    """One tile to load: its id, the file of each owner (``real``, ``source``, models, a control's partner), its size.

    Tiles of a subset are batched apart from the others, and first.
    """

    id: str
    files: Mapping[str, ImageFile]
    size: tuple[int, int]
    in_subset: bool = False


@dataclass(frozen=True)
class Loaded:
    """Tiles of one size, all or none of the subset: each owner's images, (b, 3, h, w), and the sha256 of each file."""

    ids: tuple[str, ...]
    in_subset: bool
    images: Mapping[str, Images]
    digests: Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class Failed:
    """A tile with a file that cannot be decoded."""

    id: str
    fault: DecodeError


def chunks(tiles: Sequence[TileFiles], batch_size: int) -> list[list[TileFiles]]:
    """Return tiles in batches of one size each, the subset before the others, ordered by size and id."""
    ordered = sorted(tiles, key=lambda tile: (not tile.in_subset, tile.size, tile.id))
    batches = []
    for _, same in groupby(ordered, key=lambda tile: (tile.in_subset, tile.size)):
        members = list(same)
        batches += [members[start : start + batch_size] for start in range(0, len(members), batch_size)]
    return batches


def _read(tile: TileFiles, policy: DecodePolicy) -> dict[str, Decoded] | Failed:
    try:
        return {owner: read_image(file, policy) for owner, file in tile.files.items()}
    except DecodeError as fault:
        return Failed(tile.id, fault)


def _assemble(members: list[TileFiles], read: list[dict[str, Decoded]], device: torch.device) -> Loaded:
    def stack(owner: str) -> Images:
        pixels = np.stack([decoded[owner].pixels for decoded in read])
        return torch.from_numpy(pixels).to(device).permute(0, 3, 1, 2).contiguous()

    return Loaded(
        ids=tuple(member.id for member in members),
        in_subset=members[0].in_subset,
        images={owner: stack(owner) for owner in members[0].files},
        digests={
            member.id: {owner: decoded.sha256 for owner, decoded in tile.items()}
            for member, tile in zip(members, read, strict=True)
        },
    )


def load_batches(
    tiles: Sequence[TileFiles],
    policy: DecodePolicy,
    *,
    batch_size: int,
    workers: int,
    device: torch.device,
) -> Iterator[Loaded | Failed]:
    """Yield batches in order, and every tile that cannot be decoded in its place.

    ``workers`` threads decode at most two batches ahead, so memory does not grow with the number of tiles; with 0 the
    caller's thread decodes.
    """
    batches = chunks(tiles, batch_size)
    if workers == 0:
        for members in batches:
            yield from _deliver(members, [_read(member, policy) for member in members], device)
        return
    with ThreadPoolExecutor(workers) as pool:
        ahead: deque[tuple[list[TileFiles], list[Future[dict[str, Decoded] | Failed]]]] = deque()
        upcoming = iter(batches)
        try:
            while True:
                for members in islice(upcoming, 2 - len(ahead)):
                    ahead.append((members, [pool.submit(_read, member, policy) for member in members]))
                if not ahead:
                    return
                members, futures = ahead.popleft()
                yield from _deliver(members, [future.result() for future in futures], device)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _deliver(
    members: list[TileFiles], results: list[dict[str, Decoded] | Failed], device: torch.device
) -> Iterator[Loaded | Failed]:
    read = []
    kept = []
    for member, result in zip(members, results, strict=True):
        if isinstance(result, Failed):
            yield result
        else:
            kept.append(member)
            read.append(result)
    if kept:
        yield _assemble(kept, read, device)
