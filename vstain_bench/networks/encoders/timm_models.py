"""Networks of the timm library with weights from a local file: ``timm:NAME@FILE``.

Preprocessing follows the data configuration that timm keeps for NAME: input size, interpolation, mean and standard
deviation. The whole tile is resized; timm's centre crop is left out, since a tile is a field of view and not a photo
of one object. Features are what the network pools before its classifier, which is dropped. A network without weights
would be a random one under a trained one's name; hence a file is required.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import cast

import torch

from vstain_bench.base.extras import extra
from vstain_bench.base.names import nearest
from vstain_bench.errors import MachineError, UsageError
from vstain_bench.networks.encoders.definition import ENCODERS
from vstain_bench.networks.encoders.torchscript import resize_square
from vstain_bench.networks.feeding import feed
from vstain_bench.networks.tensor_files import fill, read_checkpoint
from vstain_bench.networks.torchvision_schema import prepare_torchvision
from vstain_bench.networks.weights import digest
from vstain_bench.types import Encoder, Images, Rows, View


@dataclass(frozen=True)
class Loaded:
    """A network and how its input is made."""

    network: torch.nn.Module
    side: int
    interpolation: str
    mean: torch.Tensor
    deviation: torch.Tensor


@lru_cache(maxsize=2)
def _load(name: str, path: Path, content: str, device: torch.device) -> Loaded:
    """Build and fill the network; ``content`` is the file's digest, so that a changed file is loaded anew."""
    del content
    prepare_torchvision()
    with extra("encoders", f"encoder 'timm:{name}'"):
        import timm
        from timm.data.config import resolve_data_config

    network: torch.nn.Module = timm.create_model(name, pretrained=False, num_classes=0)
    defaults = cast(dict[str, object], network.default_cfg)
    heads = defaults.get("classifier") or ()
    prefixes = tuple(f"{head}." for head in ((heads,) if isinstance(heads, str) else cast(tuple[str, ...], heads)))
    tensors = {key: value for key, value in read_checkpoint(path).items() if not key.startswith(prefixes)}
    data = resolve_data_config({}, model=network)  # type: ignore[no-untyped-call]  # timm lacks the annotation
    return Loaded(
        network=fill(network, tensors, path, device),
        side=int(data["input_size"][-1]),
        interpolation=data["interpolation"] if data["interpolation"] in ("bilinear", "bicubic") else "bicubic",
        mean=torch.tensor(data["mean"], device=device).view(1, 3, 1, 1),
        deviation=torch.tensor(data["std"], device=device).view(1, 3, 1, 1),
    )


@dataclass(frozen=True)
class TimmEncoder(Encoder):
    """Pooled features of a timm network."""

    name: str
    path: Path

    @property
    def signature(self) -> str:
        """The network's name and the content of its weight file."""
        return f"timm-{self.name}-{digest(self.path)[:12]}"

    def files(self) -> tuple[Path, ...]:
        """Return the file of the network."""
        return (self.path,)

    def encode(self, view: View) -> Rows:
        """Return the features of each tile, shape (b, k), float32.

        Raises:
            MachineError: The weights do not fit the network, exactly.
        """
        loaded = _load(self.name, self.path, digest(self.path), view.images.device)

        def features(images: Images) -> Rows:
            resized = resize_square(images, loaded.side, loaded.interpolation)
            return cast(torch.Tensor, loaded.network((resized - loaded.mean) / loaded.deviation))

        return feed(view.images, features, name=f"timm:{self.name}@{self.path}")


@ENCODERS.register("timm")
def timm_model(argument: str) -> Encoder:
    """Return the encoder of a timm network; the argument is ``NAME@FILE``."""
    name, _, file = argument.partition("@")
    where = f"encoder 'timm:{argument}'"
    if not name or not file:
        raise UsageError(
            where=where,
            found="no weight file is named" if name else "no network is named",
            expected="timm:NAME@FILE with a local weight file, e.g. timm:resnet50@resnet50.safetensors",
            next_step="Without its weights a network would be a random one; the encoder 'random' is that, by name.",
        )
    prepare_torchvision()
    with extra("encoders", where):
        import timm

    if not timm.is_model(name):
        raise UsageError(
            where=where, found=f"timm has no network '{name}'", next_step=nearest(name, timm.list_models())
        )
    path = Path(file).expanduser()
    if not path.is_file():
        raise MachineError(where=where, found=f"no file {path}", next_step="Download the network's weights to it.")
    return TimmEncoder(name, path)
