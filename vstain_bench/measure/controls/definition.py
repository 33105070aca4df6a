"""What a control is: a trivial output, made from one of a tile's own images, that is scored like a model."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from vstain_bench.base.registry import Registry
from vstain_bench.types import Images

PREFIX = "control:"
PARTNER = "partner"
"""The owner under which the real tile of another group is loaded."""
OTHERS = "others"
"""The owner of what is made from the real tiles of all other patients among those that controls are scored on."""

Role = Literal["attainable", "oracle"]
"""Whether anyone could have it without a model and without the answer, or whether it is made from the very answer."""

Make = Callable[[Images], Images]
"""From images, (b, 3, h, w), to the output, same shape."""


@dataclass(frozen=True)
class Control:
    """A trivial output made from the tile's own sides.

    Attributes:
        name: Its name in the table, without the prefix ``control:``.
        summary: What it shows when a model does not beat it.
        needs: The owner it is made from: ``real``, ``source``, ``partner`` or ``others``.
        make: From the images of that owner to the output; tile by tile, so that no batch changes it.
    """

    name: str
    summary: str
    needs: str
    make: Make

    @property
    def role(self) -> Role:
        """An oracle is made from the tile's own real side: a reference, and no bar that a model must clear."""
        return "oracle" if self.needs == "real" else "attainable"

    @property
    def model(self) -> str:
        """Its name in the table."""
        return f"{PREFIX}{self.name}"


CONTROLS: Registry[Control] = Registry("control", __package__)


def control(name: str, summary: str, *, needs: str) -> Callable[[Make], Make]:
    """Return a decorator that registers a function as the control ``name``."""

    def add(make: Make) -> Make:
        CONTROLS.register(name)(Control(name, summary, needs, make))
        return make

    return add
