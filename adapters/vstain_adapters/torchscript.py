"""Any network as a TorchScript file: ``predict torchscript --weights FILE``, no code needed.

The module maps images (b, 3, h, w) to images of the same shape, RGB in [0, 1]; ``--set input=-1..1 --set output=-1..1``
names another range. It runs in evaluation mode and in the precision that it was exported in.
"""

from dataclasses import asdict
from typing import cast

import torch

from vstain_adapters.shared.exported import exported, refuses
from vstain_bench.models.contract import ADAPTERS, Adapter, Card, Loading, Model
from vstain_bench.networks.tensor_files import read_torchscript
from vstain_bench.types import Images

CARD = Card(
    summary="any network in a TorchScript file",
    citation="torch.jit.save",
    licence="that of the file",
    weights="a TorchScript file, images (b, 3, h, w) in and out",
    dtypes=("fp32",),
)


def load(asked: Loading) -> Model:
    """Return the module of the file as a model."""
    assert asked.weights is not None
    settings = exported(asked.settings)
    weights = asked.weights
    module = read_torchscript(
        weights,
        asked.device,
        where=f"weights {weights}",
        next_step="A state dict goes to the adapter of its network (vstain-bench list adapters).",
    )

    def stain(source: Images) -> torch.Tensor:
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
