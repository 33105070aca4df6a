"""Lets torchvision, and what imports it (lpips, torch-fidelity, timm), be imported beside a CPU-only torch.

PyPI's torchvision for Linux is compiled against CUDA libraries. Beside a CPU-only torch its operator library does
not load, and the import stops with "operator torchvision::nms does not exist" (pytorch/vision#9077, #9085), although
no network here uses an operator of torchvision. Declaring the two schemas that its import looks up is enough; a call
of either still fails, as it must, since there is no implementation behind them.
"""

import importlib.util
import sys
from contextlib import suppress
from pathlib import Path

import torch

_declared: list[torch.library.Library] = []


def prepare_torchvision() -> None:
    """Declare ``torchvision::nms`` and ``qnms`` where torchvision's own library cannot be loaded.

    To be called before the first import of torchvision, directly or through another package. Does nothing where
    torchvision's operators load, where it is imported already, and when called again.
    """
    if _declared or "torchvision" in sys.modules or _operators_load():
        return
    library = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]  # torch lacks the annotation
    for name in ("nms", "qnms"):
        if not hasattr(torch.ops.torchvision, name):
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")  # type: ignore[no-untyped-call]  # likewise
    _declared.append(library)


def _operators_load() -> bool:
    package = importlib.util.find_spec("torchvision")
    for folder in (package.submodule_search_locations or []) if package else []:
        for file in sorted(Path(folder).glob("_C.*")):
            with suppress(OSError, RuntimeError):
                torch.ops.load_library(file)  # type: ignore[no-untyped-call]  # likewise
                return True
    return False
