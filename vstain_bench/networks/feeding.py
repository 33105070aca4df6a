"""How tiles go through a network, so that a tile's features do not depend on its neighbours.

On the CPU one tile at a time: libraries choose another algorithm for another batch size, and a tile's features then
differ in the last bits (batches are no faster at these sizes). On an accelerator all tiles of the batch together.
"""

from collections.abc import Callable

import torch

from vstain_bench.errors import InputError
from vstain_bench.types import Images, Rows


@torch.inference_mode()
def feed(images: Images, network: Callable[[Images], Rows], *, name: str) -> Rows:
    """Return the network's features of each tile, shape (b, k), float32, on the device of the images.

    Raises:
        InputError: The network returns another shape, or values that are not finite; ``name`` says which network.
    """
    parts = torch.split(images, 1) if images.device.type == "cpu" else (images,)
    rows = []
    for part in parts:
        features = network(part)
        if not isinstance(features, torch.Tensor) or features.ndim != 2 or len(features) != len(part):
            shape = tuple(features.shape) if isinstance(features, torch.Tensor) else type(features).__name__
            raise InputError(
                where=f"encoder '{name}'",
                found=f"it turns images of shape {tuple(part.shape)} into {shape}",
                expected=f"one feature row per tile, shape ({len(part)}, k)",
                next_step="Let the network end with a pooling over height and width.",
            )
        rows.append(features.float())
    features = torch.cat(rows)
    if not torch.isfinite(features).all():
        raise InputError(
            where=f"encoder '{name}'",
            found="features that are not finite (NaN or infinity)",
            expected="finite numbers for images in [0, 1]",
            next_step="Check the network's precision and the range of input it was trained on.",
        )
    return features
