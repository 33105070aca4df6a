"""Packages that only some commands need, by the extra of vstain-bench that installs them."""

from collections.abc import Iterator
from contextlib import contextmanager

from vstain_bench.errors import MachineError

EXTRAS = {
    "train": ("accelerate", "tensorboard", "segmentation_models_pytorch"),
    "encoders": ("timm",),
    "onnx": ("onnxruntime",),
}
"""Import names, as ``[project.optional-dependencies]`` of pyproject.toml has them."""


@contextmanager
def extra(name: str, where: str) -> Iterator[None]:
    """Import packages of the extra inside the ``with`` block.

    Raises:
        MachineError: One of them is not installed; ``where`` says what asked for it.
    """
    try:
        yield
    except ModuleNotFoundError as fault:
        if (fault.name or "").partition(".")[0] not in EXTRAS[name]:
            raise
        raise MachineError(
            where=where,
            found=f"the package '{fault.name}' is not installed",
            expected=f"the packages of the extra '{name}'",
            next_step=f"pip install 'vstain-bench[{name}]'",
        ) from fault
