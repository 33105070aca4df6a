"""AlexNet and VGG-16 made tolerant to displacement, trained together with their channel weights: ST-LPIPS.

Against LPIPS's trunks, AlexNet's first convolution has stride 1 and is smoothed and halved before its ReLU, and every
max-pooling has stride 1 and is followed by ``BlurPooling``; all borders of the pooling are reflected. The graphs are
those of abhijay9/ShiftTolerant-LPIPS cd87524 (stlpips/invariant_networks.py, variant ``shift_tolerant``, filter size
3), written anew: parts of that code are under a non-commercial licence. Its weight files hold trunk and channel weights
together; the authors' loader forgives missing keys, this one does not. Fixed values that the files repeat (the
smoothing filter, the colour scaling) must be the ones that the graphs here have, or the file is refused.
"""

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Final

import torch
from torch.nn import Conv2d, MaxPool2d, Module, ReLU, Sequential

from vstain_bench.networks.perceptual import SCALE, SHIFT, PerceptualNetwork, Trunk, per_channel
from vstain_bench.networks.smooth_pooling import BINOMIAL, BlurPooling
from vstain_bench.networks.tensor_files import fill, lay_out_channels_last, read_checkpoint, unfit
from vstain_bench.networks.weights import ST_LPIPS_ALEX, ST_LPIPS_VGG, current_store

SHIFT_TOLERANT_WEIGHTS: Final[dict[Trunk, str]] = {"alex": ST_LPIPS_ALEX, "vgg": ST_LPIPS_VGG}
SHIFT_TOLERANT_MINIMUM_SIDE: Final[dict[Trunk, int]] = {"alex": 21, "vgg": 18}
"""Smallest side that leaves enough places to reflect in every pooling."""


def _alexnet() -> list[list[Module]]:
    return [
        [Conv2d(3, 64, 11, padding=2), BlurPooling(), ReLU(inplace=True)],
        [MaxPool2d(3, stride=1), BlurPooling(), Conv2d(64, 192, 5, padding=2), ReLU(inplace=True)],
        [MaxPool2d(3, stride=1), BlurPooling(), Conv2d(192, 384, 3, padding=1), ReLU(inplace=True)],
        [Conv2d(384, 256, 3, padding=1), ReLU(inplace=True)],
        [Conv2d(256, 256, 3, padding=1), ReLU(inplace=True)],
    ]


def _vgg16() -> list[list[Module]]:
    parts: list[list[Module]] = []
    channels = 3
    for width, convolutions in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
        part: list[Module] = [MaxPool2d(2, stride=1), BlurPooling()] if parts else []
        for _ in range(convolutions):
            part += [Conv2d(channels, width, 3, padding=1), ReLU(inplace=True)]
            channels = width
        parts.append(part)
    return parts


class ShiftTolerantGraph(Module):
    """The trunk in five parts and five weighted sums over channels, named as the authors' files name them."""

    def __init__(self, trunk: Trunk) -> None:
        super().__init__()
        self.net, place = Module(), 0
        for number, layers in enumerate(_alexnet() if trunk == "alex" else _vgg16()):
            part = Sequential()
            for layer in layers:
                part.add_module(str(place), layer)
                place += 1
            self.net.add_module(f"slice{number + 1}", part)
            width = next(layer.out_channels for layer in reversed(layers) if isinstance(layer, Conv2d))
            sums = torch.nn.ModuleDict({"1": Conv2d(width, 1, 1, bias=False)})
            self.add_module(f"lin{number}", torch.nn.ModuleDict({"model": sums}))

    def fixed(self) -> Iterator[tuple[str, torch.Tensor]]:
        """Yield what the authors' files repeat of the graph itself, by their names."""
        device = torch.device("cpu")
        yield "scaling_layer.shift", per_channel(SHIFT, device)[None]
        yield "scaling_layer.scale", per_channel(SCALE, device)[None]
        width = 3
        for part_name, part in self.net.named_children():
            for name, layer in part.named_children():
                if isinstance(layer, Conv2d):
                    width = layer.out_channels
                if isinstance(layer, BlurPooling):
                    yield f"net.{part_name}.{name}.filt", BINOMIAL.expand(width, 1, 3, 3)


def _learned(graph: ShiftTolerantGraph, path: Path) -> dict[str, torch.Tensor]:
    """Return the file's tensors without what it repeats; a repetition that differs is refused, an unknown key stays.

    The authors' module holds each weighted sum under two names, ``lin0`` and ``lins.0``.
    """
    tensors, fixed = dict(read_checkpoint(path)), dict(graph.fixed())
    for name, value in fixed.items():
        if name in tensors and not torch.equal(tensors.pop(name), value):
            raise unfit(path, f"'{name}' is not the fixed value of this network")
    for number in range(5):
        name, other = f"lin{number}.model.1.weight", f"lins.{number}.model.1.weight"
        if other in tensors and not torch.equal(tensors.setdefault(name, tensors[other]), tensors.pop(other)):
            raise unfit(path, f"'{name}' and '{other}' differ")
    return tensors


@lru_cache(maxsize=2)
def _load(trunk: Trunk, path: Path, device: torch.device) -> PerceptualNetwork:
    with torch.device("meta"):
        graph = ShiftTolerantGraph(trunk)
    fill(graph, _learned(graph, path), path, device)
    sums = [getattr(graph, f"lin{number}").get_submodule("model.1").weight for number in range(5)]
    return PerceptualNetwork(
        trunk=lay_out_channels_last(graph.net),
        heads=tuple(each.flatten() for each in sums),
        shift=per_channel(SHIFT, device),
        scale=per_channel(SCALE, device),
    )


def shift_tolerant_network(trunk: Trunk, device: torch.device) -> PerceptualNetwork:
    """Return the network on a device, loaded once per process.

    Raises:
        MachineError: Its weights are missing, damaged, or do not fit.
    """
    return _load(trunk, current_store().obtain(SHIFT_TOLERANT_WEIGHTS[trunk]), device)
