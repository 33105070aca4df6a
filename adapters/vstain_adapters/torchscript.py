"""Any network as a TorchScript file: ``predict torchscript --weights FILE``, no code needed.

The module maps images (b, 3, h, w) to images of the same shape, RGB in [0, 1]; ``--set input=-1..1 --set output=-1..1``
names another range. It runs in evaluation mode and in the precision that it was exported in.
"""

import warnings
from dataclasses import asdict
from pathlib import Path
from typing import cast

import torch

from vstain_adapters.shared.exported import exported, refuses
from vstain_bench.adapters import ADAPTERS, Adapter, Card, Loading, Model
from vstain_bench.errors import MachineError
from vstain_bench.types import Images

CARD = Card(
    summary="any network in a TorchScript file",
    citation="torch.jit.save",
    licence="that of the file",
    weights="a TorchScript file, images (b, 3, h, w) in and out",
    dtypes=("fp32",),
)


def read_module(path: Path, device: torch.device) -> torch.jit.ScriptModule:
    """Return the module of a file, in evaluation mode.

    Raises:
        MachineError: The file is no TorchScript module.
    """
    with warnings.catch_warnings():
        # torch discourages TorchScript for new programs; as a format of exchange it has no successor with its contract
        warnings.simplefilter("ignore", DeprecationWarning)
        try:
            module: torch.jit.ScriptModule = torch.jit.load(str(path), map_location=device)  # type: ignore[no-untyped-call]  # torch
        except (RuntimeError, ValueError) as fault:
            raise MachineError(
                where=f"weights {path}",
                found=f"no TorchScript module ({str(fault).partition(chr(10))[0][:200]})",
                expected="a file written by torch.jit.save (a state dict or a pickled model is something else)",
                next_step="Export with torch.jit.trace(model.eval(), example).save(FILE). A state dict goes to the "
                "adapter of its network (vstain-bench list adapters).",
            ) from fault
    return module.eval()


def load(asked: Loading) -> Model:
    """Return the module of the file as a model."""
    assert asked.weights is not None
    settings = exported(asked.settings)
    weights, module = asked.weights, read_module(asked.weights, asked.device)

    def stain(source: Images) -> Images:
        try:
            return settings.out_of(cast(torch.Tensor, module(settings.into(source))))
        except torch.cuda.OutOfMemoryError:
            raise
        except RuntimeError as fault:
            raise refuses(weights, source, fault) from fault

    return Model(
        stain=stain,
        multiple=settings.multiple,
        minimum_side=settings.minimum_side,
        facts={"settings": asdict(settings)},
    )


ADAPTERS.register("torchscript")(Adapter(card=CARD, load=load, configurable=True))
