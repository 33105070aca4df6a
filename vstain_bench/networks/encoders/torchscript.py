"""Any network as a TorchScript file: ``torchscript:FILE`` or ``torchscript:FILE@SIDE``.

The contract: the module maps RGB images, float32 in [0, 1], shape (b, 3, h, w), to features, shape (b, k), does its
own normalisation and needs no other input. With ``@SIDE`` tiles are first resized to SIDE x SIDE px (bicubic,
antialiased, clamped to [0, 1]); without, they come at their own size. It is run in evaluation mode.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import cast

import torch
from torch.nn.functional import interpolate

from vstain_bench.errors import MachineError, UsageError
from vstain_bench.networks.encoders.definition import ENCODERS
from vstain_bench.networks.feeding import feed
from vstain_bench.networks.tensor_files import read_torchscript
from vstain_bench.networks.weights import digest
from vstain_bench.types import Encoder, Images, Resized, Rows, View


@lru_cache(maxsize=2)
def _module(path: Path, content: str, device: torch.device) -> torch.jit.ScriptModule:
    """Load the module; ``content`` is its digest, so that a file that has changed is loaded anew."""
    del content
    return read_torchscript(path, device, where=f"encoder 'torchscript:{path}'")


@dataclass(frozen=True)
class TorchScriptEncoder(Encoder):
    """The features that a TorchScript module returns for each tile."""

    path: Path
    side: int | None = None

    @property
    def signature(self) -> str:
        """The file's content and the side; its name does not matter."""
        return f"torchscript-{digest(self.path)[:12]}-{self.side or 'native'}"

    def files(self) -> tuple[Path, ...]:
        """Return the file of the network."""
        return (self.path,)

    def encode(self, view: View) -> Rows:
        """Return the features of each tile, shape (b, k), float32.

        Raises:
            MachineError: The file is no TorchScript module.
            InputError: The module breaks its contract.
        """
        module = _module(self.path, digest(self.path), view.images.device)

        def features(images: Images) -> torch.Tensor:  # what ``feed`` refuses where it is no rows
            return cast(torch.Tensor, module(images if self.side is None else resize_square(images, self.side)))

        return feed(view.images, features, name=f"torchscript:{self.path}")


def resize_square(images: Images, side: int, mode: str = "bicubic") -> Resized:
    """Return images of side x side px, interpolated with antialiasing and clamped to [0, 1]."""
    return interpolate(images, (side, side), mode=mode, align_corners=False, antialias=True).clamp(0, 1)


@ENCODERS.register("torchscript")
def torchscript(argument: str) -> Encoder:
    """Return the encoder of a file; the argument is ``FILE`` or ``FILE@SIDE``."""
    name, at, side = argument.rpartition("@")
    if not (at and side.isdecimal()):
        name, side = argument, ""
    if not name or side == "0":
        raise UsageError(
            where=f"encoder 'torchscript:{argument}'",
            found="no file is named" if not name else "a side of 0 px",
            expected="torchscript:FILE or torchscript:FILE@SIDE, e.g. torchscript:uni.pt@224",
        )
    path = Path(name).expanduser()
    if not path.is_file():
        raise MachineError(where=f"encoder 'torchscript:{argument}'", found=f"no file {path}")
    return TorchScriptEncoder(path, int(side) if side else None)
