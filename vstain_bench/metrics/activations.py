"""Distances between what a network makes of two images, tile by tile: the pass that LPIPS, ST-LPIPS and DISTS share.

Tiles pass through the network one at a time, whatever the batch, so that a tile's value does not depend on it. What
the network made of the real tiles is kept for the next model as far as memory allows.
"""

from collections.abc import Callable, Hashable, Iterator
from typing import Final, Protocol, TypeVar

import torch
from jaxtyping import Float
from torch import Tensor

from vstain_bench.types import Batch, Rows, View

KEPT_BYTES: Final = 1 << 30
"""Most memory for the real tiles' layers that are kept for the next model; further tiles are computed again.

With LPIPS, a tile of 1024 px takes 43 MB with AlexNet and 0.5 GB with VGG-16.
"""

Image = Float[Tensor, "3 h w"]


class Layer(Protocol):
    """What a metric keeps of one layer of one image."""

    @property
    def nbytes(self) -> int:
        """Bytes it takes."""
        ...


L = TypeVar("L", bound=Layer)


def distances(
    batch: Batch,
    key: Hashable,
    describe: Callable[[Image], Iterator[L]],
    compare: Callable[[Iterator[L], Iterator[L]], Float[Tensor, ""]],
) -> Rows:
    """Return ``compare`` of the layers of generated and real, one number per tile, shape (b, 1).

    ``key`` names everything that the layers depend on, besides the image.
    """

    def keep(view: View) -> list[tuple[L, ...]]:
        kept: list[tuple[L, ...]] = []
        used = 0
        for image in view.images:
            kept.append(tuple(describe(image)))
            used += sum(each.nbytes for each in kept[-1])
            if used + used // len(kept) > KEPT_BYTES:
                break
        return kept

    kept = batch.view("real").derive(("activations", key), keep)
    values = []
    for tile, (generated, real) in enumerate(zip(batch.side("generated"), batch.side("real"), strict=True)):
        theirs = iter(kept[tile]) if tile < len(kept) else describe(real)
        values.append(compare(describe(generated), theirs))
    return torch.stack(values).unsqueeze(1)
