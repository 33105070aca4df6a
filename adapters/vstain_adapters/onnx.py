"""Any network as an ONNX file: ``predict onnx --weights FILE``, no code needed; runs on onnxruntime.

One input and one output, images (b, 3, h, w) or (b, h, w, 3), RGB in [0, 1]; ``--set input=-1..1 --set output=-1..1``
names another range. Sides and batch that the file fixes are kept to: larger tiles go through it in windows.
"""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from vstain_adapters.shared.exported import exported, refuses
from vstain_bench.base.extras import extra
from vstain_bench.errors import MachineError
from vstain_bench.models.contract import ADAPTERS, Adapter, Card, Loading, Model
from vstain_bench.types import Images

if TYPE_CHECKING:
    import onnxruntime

CARD = Card(
    summary="any network in an ONNX file, on onnxruntime",
    citation="onnx.ai",
    licence="that of the file",
    weights="an ONNX file, images (b, 3, h, w) or (b, h, w, 3) in and out",
    dtypes=("fp32",),
)


@dataclass(frozen=True)
class Door:
    """What a file says of its input.

    Attributes:
        name: Of the input.
        channels_last: Whether images are (b, h, w, 3).
        side: Its fixed side in px, or None.
        batch: Its fixed batch, or None.
    """

    name: str
    channels_last: bool
    side: int | None
    batch: int | None


def open_session(path: Path, device: torch.device) -> "onnxruntime.InferenceSession":
    """Return a session for the file, on the CPU or on the GPU that was asked for.

    Raises:
        MachineError: onnxruntime is missing, has no CUDA, or cannot read the file.
    """
    with extra("onnx", "predict onnx"):
        import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 4
    providers: list[str | tuple[str, dict[str, str]]] = ["CPUExecutionProvider"]
    if device.type == "cuda":
        if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
            raise MachineError(
                where=f"predict onnx, device {device}",
                found="the installed onnxruntime computes on the CPU only",
                next_step="pip install onnxruntime-gpu, or pass --device cpu.",
            )
        providers.insert(0, ("CUDAExecutionProvider", {"device_id": str(device.index or 0)}))
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=providers)
    except Exception as fault:  # onnxruntime's exceptions share no base class
        raise MachineError(
            where=f"weights {path}",
            found=f"onnxruntime cannot read it ({str(fault).partition(chr(10))[0][:200]})",
            expected="an ONNX file",
            next_step="Export with torch.onnx.export, and check it with onnx.checker.",
        ) from fault


def read_door(session: "onnxruntime.InferenceSession", path: Path) -> Door:
    """Return what the file says of its input.

    Raises:
        MachineError: It takes something else than one float32 image with three channels.
    """
    inputs = session.get_inputs()
    shape = list(inputs[0].shape) if len(inputs) == 1 and inputs[0].type == "tensor(float)" else []
    batch, *sides = (size if isinstance(size, int) else None for size in shape) if shape else (None,)
    if len(sides) == 3 and sides[2] == 3 and sides[0] != 3:
        height, width, channels_last = sides[0], sides[1], True
    elif len(sides) == 3 and sides[0] in (3, None):
        height, width, channels_last = sides[1], sides[2], False
    else:
        told = ", ".join(f"{each.name} {each.shape} {each.type}" for each in inputs)
        raise MachineError(
            where=f"weights {path}",
            found=f"inputs {told or 'none'}",
            expected="one input of float32 images, (b, 3, h, w) or (b, h, w, 3)",
            next_step="Export the generator alone, in float32.",
        )
    if height != width:
        raise MachineError(
            where=f"weights {path}", found=f"an input of shape {shape}", expected="a square, or free height and width"
        )
    return Door(inputs[0].name, channels_last, height, batch)


def load(asked: Loading) -> Model:
    """Return the network of the file as a model."""
    assert asked.weights is not None
    settings = exported(asked.settings)
    weights, session = asked.weights, open_session(asked.weights, asked.device)
    door = read_door(session, weights)

    def stain(source: Images) -> Images:
        images = settings.into(source)
        if door.batch is not None and len(images) < door.batch:  # a fixed batch is filled up with the last tile
            images = torch.cat([images, images[-1:].expand(door.batch - len(images), -1, -1, -1)])
        if door.channels_last:
            images = images.permute(0, 2, 3, 1)
        try:
            found = session.run(None, {door.name: images.contiguous().cpu().numpy()})[0]
        except Exception as fault:  # onnxruntime's exceptions share no base class
            raise refuses(weights, source, fault) from fault
        made = torch.from_numpy(found).to(asked.device)[: len(source)]
        return settings.out_of(made.permute(0, 3, 1, 2) if door.channels_last else made)

    return Model(
        stain=stain,
        multiple=settings.multiple,
        minimum_side=settings.minimum_side,
        side=door.side,
        largest_batch=door.batch,
        facts={"settings": asdict(settings), "fixed_side": door.side},
    )


ADAPTERS.register("onnx")(Adapter(card=CARD, load=load, configurable=True))
