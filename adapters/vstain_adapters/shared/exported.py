"""What a network in a file cannot say of itself: the range of its images and the sides it takes."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import PositiveInt

from vstain_adapters.shared.imagenet import normalise
from vstain_bench.base.config import change
from vstain_bench.errors import InputError
from vstain_bench.types import Images


@dataclass(frozen=True, kw_only=True)
class Exported:
    """How images go into a network that someone exported, and how they come out.

    Attributes:
        input: Range that it expects: ``0..1``, ``-1..1``, ``0..255``, or ``imagenet`` (mean and deviation).
        output: Range that it gives.
        multiple: Sides must be multiples of this, in px.
        minimum_side: Smallest side in px.
    """

    input: Literal["0..1", "-1..1", "0..255", "imagenet"] = "0..1"
    output: Literal["0..1", "-1..1", "0..255"] = "0..1"
    multiple: PositiveInt = 1
    minimum_side: PositiveInt = 1

    def into(self, images: Images) -> Images:
        """Return images in [0, 1] in the range of the network's input."""
        if self.input == "imagenet":
            return normalise(images)
        return {"0..1": images, "-1..1": 2 * images - 1, "0..255": 255 * images}[self.input]

    def out_of(self, images: Images) -> Images:
        """Return the network's output in [0, 1]."""
        return {"0..1": images, "-1..1": (images + 1) / 2, "0..255": images / 255}[self.output]


def refuses(weights: Path, source: Images, fault: Exception) -> InputError:
    """Return the error for a network that fails on tiles: most often it was exported for one size, or for multiples."""
    height, width = source.shape[2:]
    return InputError(
        where=f"weights {weights}",
        found=f"the network fails on {len(source)} tiles of {width}×{height} px "
        f"({str(fault).strip().rpartition(chr(10))[2][:200]})",
        expected="a network that takes them",
        next_step="Say what it takes: --set multiple=32 pads tiles, --window 512 cuts them, --batch-size 1.",
    )


def exported(settings: Mapping[str, object]) -> Exported:
    """Return what the user said of the file with ``--set``."""
    return change(Exported(), settings, where="--set")
