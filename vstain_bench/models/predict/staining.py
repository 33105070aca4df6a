"""From H&E tiles to the 8-bit codes of virtual IHC: padding, windows, precision, seeds, and what a network may give."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import UInt8
from torch.nn.functional import pad

from vstain_bench.base.randomness import seed_of
from vstain_bench.errors import InputError, MachineError
from vstain_bench.models.contract import Model
from vstain_bench.models.predict.fitting import Fit
from vstain_bench.models.predict.windows import through_windows
from vstain_bench.types import Images

SLACK = 0.02
"""How far outside of [0, 1] a network may be before its range is called wrong; what is less is cut."""


@dataclass(frozen=True, kw_only=True)
class Staining:
    """How a model is applied.

    Attributes:
        model: The model.
        device: Where it computes.
        dtype: float32, or bfloat16 where autocast allows it.
        batch_size: Most tiles or windows at a time.
        truncated: Values are cut to 8 bits instead of rounded.
        seed: Of a model that draws random numbers.
    """

    model: Model
    device: torch.device
    dtype: torch.dtype
    batch_size: int
    truncated: bool
    seed: int


def stain_tiles(images: Images, ids: tuple[str, ...], fitted: Fit, how: Staining) -> UInt8[np.ndarray, "b h w 3"]:
    """Return the codes of the virtual IHC of tiles of one size.

    Raises:
        InputError: The network gives another shape, values that are not finite, or another range.
        MachineError: The tiles do not fit into memory.
    """
    height, width = images.shape[2:]
    with torch.inference_mode(), _precision(how), _memory(images, how.batch_size):
        padded = pad(images, (0, fitted.width - width, 0, fitted.height - height), mode="reflect")
        if fitted.windows is None:
            with _seeded(how, ids[0]):
                made = _checked(how.model.stain, padded, ids)
        else:
            rows = []
            for number, tile in enumerate(ids):

                def stain(windows: Images, tile: str = tile) -> Images:
                    return _checked(how.model.stain, windows, (tile,))

                with _seeded(how, tile):
                    image = padded[number : number + 1]
                    rows.append(through_windows(image, fitted.windows, stain, batch_size=how.batch_size))
            made = torch.cat(rows)
        codes = made[:, :, :height, :width].clamp(0, 1) * 255
        codes = codes.floor() if how.truncated else codes.round()
        return codes.permute(0, 2, 3, 1).to(torch.uint8).contiguous().cpu().numpy()


def _checked(stain: Callable[[Images], Images], images: Images, ids: tuple[str, ...]) -> Images:
    """Return what the network makes, once it is known to be images in [0, 1]."""
    made = stain(images.contiguous(memory_format=torch.channels_last))
    if made.shape != images.shape:
        raise InputError(
            where=f"tile '{ids[0]}'",
            found=f"the network gives {_shape(made)} for {_shape(images)}",
            expected="images of the same shape",
            next_step="Check that it is a generator of RGB images; --set multiple=N pads tiles to what it takes.",
        )
    made = made.float()
    low, high = torch.stack([made.amin(), made.amax()]).tolist()
    if not (low >= -SLACK and high <= 1 + SLACK):
        guess = "output=-1..1" if low >= -1 - SLACK and high <= 1 + SLACK else "output=0..255"
        finite = low == low and high == high and abs(low) + abs(high) < float("inf")
        raise InputError(
            where=f"tile '{ids[0]}'",
            found=f"the network gives values from {low:.3g} to {high:.3g}",
            expected="values in [0, 1]",
            next_step=f"A TorchScript or ONNX file may have another range: --set {guess}."
            if finite
            else "Values that are not finite come from damaged weights, or from --dtype bf16: pass --dtype fp32.",
        )
    return made


def _shape(images: Images) -> str:
    return "×".join(str(length) for length in images.shape)


@contextmanager
def _precision(how: Staining) -> Iterator[None]:
    if how.dtype == torch.float32:
        yield
        return
    with torch.autocast(how.device.type, dtype=how.dtype):
        yield


@contextmanager
def _memory(images: Images, batch_size: int) -> Iterator[None]:
    """Tell what to do when memory does not suffice."""
    try:
        yield
    except RuntimeError as fault:
        if not isinstance(fault, torch.cuda.OutOfMemoryError) and "can't allocate memory" not in str(fault):
            raise
        height, width = images.shape[2:]
        raise MachineError(
            where=f"{len(images)} tiles of {width}×{height} px",
            found=f"memory does not suffice ({str(fault).partition('. ')[0][:160]})",
            next_step=f"Pass --batch-size {batch_size // 2}: what is done is kept."
            if batch_size > 1
            else "Pass --window 512, and another --out.",
        ) from fault


@contextmanager
def _seeded(how: Staining, tile: str) -> Iterator[None]:
    """Draw from the tile's own seed inside the ``with`` block, where the model draws at all."""
    if not how.model.random:
        with nullcontext():
            yield
        return
    devices = [how.device] if how.device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed_of("predict", how.seed, tile))
        yield
