"""Where a ResNet encoder's weights come from: ``imagenet``, ``none``, or a file; never the network's own choice.

``imagenet`` is torchvision's ``resnet50-11ad3fa6.pth`` (IMAGENET1K_V2), which the authors of CSSP2P load
(9032585 ``src/models/unet.py:286-299``), found, fetched and verified by the project's weights store.
segmentation-models-pytorch has another file under that name (``smp-hub/resnet50.imagenet``, revision 00cb74e in 0.5 and
0.6: torchvision's first ResNet-50); download it, or any file with torchvision's key names, and name it to use it.

Instance norm without parameters has no place for a batch norm's, so the convolutions alone are taken, as there.
"""

from pathlib import Path

import torch
from torch import nn

from vstain_bench.errors import MachineError, UsageError
from vstain_bench.networks.tensor_files import Tensors, read_checkpoint
from vstain_bench.networks.weights import RESNET50, WEIGHTS, WeightsUnavailable, current_store, digest

FROM_SCRATCH = "encoder from scratch: random weights"


def load_encoder(encoder: nn.Module, choice: str, *, backbone: str) -> str:
    """Fill a ResNet's convolutions as ``--encoder-weights`` says; return where the weights came from, in one line.

    Raises:
        UsageError: There are no known ImageNet weights of this backbone, or the file does not exist.
        WeightsUnavailable: The known file is not on this machine and cannot be had.
        MachineError: The file holds something else than this ResNet.
    """
    if choice == "none":
        return FROM_SCRATCH
    if choice == "imagenet":
        return _load_known(encoder, backbone)
    path = Path(choice).expanduser()
    if not path.is_file():
        raise UsageError(
            where=f"encoder weights '{choice}'",
            found="no such file",
            expected="'imagenet', 'none', or a file with the weights of a ResNet under torchvision's names",
        )
    _fill(encoder, read_checkpoint(path), path)
    return f"encoder from {path.name}, SHA-256 {digest(path)}"


def _load_known(encoder: nn.Module, backbone: str) -> str:
    if backbone != "resnet50":
        raise UsageError(
            where=f"encoder weights 'imagenet' for a {backbone}",
            found="the known ImageNet weights are those of a resnet50",
            expected="a file of your own, or 'none'",
        )
    try:
        path = current_store().obtain(RESNET50)
    except WeightsUnavailable as fault:
        raise WeightsUnavailable(
            where=fault.where,
            found=fault.found,
            next_step=f"{fault.next_step} To train from scratch instead, say so: --encoder-weights none.",
        ) from fault
    _fill(encoder, read_checkpoint(path), path)
    return f"encoder from {WEIGHTS[RESNET50].file} (ImageNet, IMAGENET1K_V2), SHA-256 {digest(path)}"


def _fill(encoder: nn.Module, tensors: Tensors, path: Path) -> None:
    """Load every tensor of the encoder; what a norm without parameters or an absent classifier leaves over is known."""
    wanted = encoder.state_dict()
    unused = {name for name, module in encoder.named_modules() if isinstance(module, nn.InstanceNorm2d)} | {"fc"}
    missing = [key for key in wanted if key not in tensors and key.rpartition(".")[0] != "fc"]
    misfits = [key for key in wanted if key in tensors and tensors[key].shape != wanted[key].shape]
    strange = [key for key in tensors if key not in wanted and key.rpartition(".")[0] not in unused]
    if missing or misfits or strange:
        told = {"missing": missing, "of another shape": misfits, "unknown": strange}
        raise MachineError(
            where=f"encoder weights {path}",
            found="; ".join(f"{len(keys)} {kind} ({', '.join(keys[:3])})" for kind, keys in told.items() if keys),
            expected="the weights of this ResNet under torchvision's names",
            next_step="Check that the file is of the recipe's backbone; --encoder-weights none trains from scratch.",
        )
    with torch.no_grad():
        for key, parameter in wanted.items():
            if key in tensors:
                parameter.copy_(tensors[key])
