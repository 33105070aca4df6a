"""State dicts shaped like those that authors released or that their code writes, from lists, not from our modules.

Keys and shapes: CSSP2P-GAN 9032585, bupt-ai-cz/BCI 841bd52, AdaptiveSupervisedPatchNCE b113ed2.
"""

from itertools import pairwise

import torch

Tensors = dict[str, torch.Tensor]


def filled(shapes: dict[str, tuple[int, ...]], seed: int = 0) -> Tensors:
    """Return random tensors of these shapes; counters are whole numbers, variances positive."""
    generator = torch.Generator().manual_seed(seed)
    tensors = {}
    for key, shape in shapes.items():
        values = torch.randn(shape, generator=generator) * 0.05
        tensors[key] = values.abs() + 0.5 if key.endswith("running_var") else values
        if key.endswith("num_batches_tracked"):
            tensors[key] = torch.tensor(7)
    return tensors


def convolution(name: str, after: int, before: int, side: int, *, bias: bool) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (after, before, side, side)} | ({f"{name}.bias": (after,)} if bias else {})


def batch_norm(name: str, width: int) -> dict[str, tuple[int, ...]]:
    parts = ("weight", "bias", "running_mean", "running_var")
    return {f"{name}.{part}": (width,) for part in parts} | {f"{name}.num_batches_tracked": ()}


def spectral(name: str, after: int, before: int, side: int, *, bias: bool) -> dict[str, tuple[int, ...]]:
    shapes = {f"{name}.bias": (after,)} if bias else {}
    inner = before * side * side
    shapes |= {f"{name}.weight_orig": (after, before, side, side)}
    return shapes | {f"{name}.weight_u": (after,), f"{name}.weight_v": (inner,)}


def cssp2p_generator() -> dict[str, tuple[int, ...]]:
    """A ResNet-50's convolutions and classifier, then the decoder: 89 keys."""
    encoder = convolution("conv1", 64, 3, 7, bias=False)
    before = 64
    for layer, (width, blocks) in enumerate([(64, 3), (128, 4), (256, 6), (512, 3)], start=1):
        for block in range(blocks):
            name = f"layer{layer}.{block}"
            encoder |= convolution(f"{name}.conv1", width, before, 1, bias=False)
            encoder |= convolution(f"{name}.conv2", width, width, 3, bias=False)
            encoder |= convolution(f"{name}.conv3", 4 * width, width, 1, bias=False)
            if block == 0:
                encoder |= convolution(f"{name}.downsample.0", 4 * width, before, 1, bias=False)
            before = 4 * width
    encoder |= {"fc.weight": (1000, 2048), "fc.bias": (1000,)}
    decoder: dict[str, tuple[int, ...]] = {}
    stages = [(2048, 1024, 1024), (1024, 512, 512), (512, 256, 256), (256, 64, 128)]
    for stage, (inner, outer, skip) in enumerate(stages):
        decoder |= convolution(f"layers.{2 * stage}", skip, outer, 1, bias=True)
        up = f"layers.{2 * stage + 1}"
        decoder |= convolution(f"{up}.up.1", inner // 2, inner, 1, bias=True)
        decoder |= convolution(f"{up}.double_conv.double_conv.0", outer, inner, 3, bias=True)
        decoder |= convolution(f"{up}.double_conv.double_conv.3", outer, outer, 3, bias=True)
    decoder |= convolution("layers.8.conv", 3, 64, 1, bias=True)
    return {f"encoder.model.{key}": shape for key, shape in encoder.items()} | {
        f"decoder.{key}": shape for key, shape in decoder.items()
    }


def lightning_checkpoint(generator: Tensors, discriminator: Tensors) -> Tensors:
    """What ``torch.load(ckpt)["state_dict"]`` holds after a training with a compiled generator."""
    return {
        **{f"generator._orig_mod.{key}": value for key, value in generator.items()},
        **{f"discriminator.{key}": value for key, value in discriminator.items()},
        "toc": torch.zeros(1),
    }


def pyramid_pix2pix_generator() -> dict[str, tuple[int, ...]]:
    """140 keys; the dropout inside each block makes its second convolution number 6."""
    shapes = convolution("model.1", 64, 3, 7, bias=False) | batch_norm("model.2", 64)
    shapes |= convolution("model.4", 128, 64, 3, bias=False) | batch_norm("model.5", 128)
    shapes |= convolution("model.7", 256, 128, 3, bias=False) | batch_norm("model.8", 256)
    for block in range(10, 19):
        for convolved, normed in ((1, 2), (6, 7)):
            shapes |= convolution(f"model.{block}.conv_block.{convolved}", 256, 256, 3, bias=False)
            shapes |= batch_norm(f"model.{block}.conv_block.{normed}", 256)
    # a transposed convolution stores (in, out)
    shapes |= convolution("model.19", 256, 128, 3, bias=False) | batch_norm("model.20", 128)
    shapes |= convolution("model.22", 128, 64, 3, bias=False) | batch_norm("model.23", 64)
    return shapes | convolution("model.26", 3, 64, 7, bias=True)


def pyramid_pix2pix_discriminator() -> dict[str, tuple[int, ...]]:
    shapes = convolution("model.0", 64, 6, 4, bias=True)
    for place, before, after in ((2, 64, 128), (5, 128, 256), (8, 256, 512)):
        shapes |= convolution(f"model.{place}", after, before, 4, bias=False) | batch_norm(f"model.{place + 1}", after)
    return shapes | convolution("model.11", 1, 512, 4, bias=True)


def asp_generator() -> dict[str, tuple[int, ...]]:
    """76 keys: 18 convolutions under spectral norm and four fixed filters."""
    shapes = spectral("model.1", 64, 3, 7, bias=True)
    shapes |= spectral("model.4", 128, 64, 3, bias=True) | {"model.7.filt": (128, 1, 3, 3)}
    shapes |= spectral("model.8", 256, 128, 3, bias=True) | {"model.11.filt": (256, 1, 3, 3)}
    for block in range(12, 18):
        for place in (1, 5):
            shapes |= spectral(f"model.{block}.conv_block.{place}", 256, 256, 3, bias=True)
    shapes |= {"model.18.filt": (256, 1, 4, 4)} | spectral("model.19", 128, 256, 3, bias=True)
    shapes |= {"model.22.filt": (128, 1, 4, 4)} | spectral("model.23", 64, 128, 3, bias=True)
    return shapes | spectral("model.27", 3, 64, 7, bias=True)


def antialiased_discriminator(
    channels: int, widths: list[int], *, norm: bool, filters: bool
) -> dict[str, tuple[int, ...]]:
    """Four layers a level (convolution, norm, rectifier, blur), the first without norm, the last without blur.

    ``norm`` says whether the norm has parameters (batch), in which case the convolution has no bias. ASP registers its
    blur's filter as a buffer that is saved (``models/networks.py:49``), CSSP2P as one that is not
    (``src/models/networks.py:101-110``).
    """
    shapes = spectral("enc.0", widths[0], channels, 4, bias=True)
    shapes |= {"enc.2.filt": (widths[0], 1, 3, 3)} if filters else {}
    place = 3
    for level, (before, after) in enumerate(pairwise(widths), start=1):
        shapes |= spectral(f"enc.{place}", after, before, 4, bias=not norm)
        shapes |= batch_norm(f"enc.{place + 1}", after) if norm else {}
        if filters and level < len(widths) - 1:
            shapes[f"enc.{place + 3}.filt"] = (after, 1, 3, 3)
        place += 4
    return shapes | spectral("final_conv", 1, widths[-1], 4, bias=True)


def asp_projector() -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {}
    for number, width in enumerate((3, 128, 256, 256, 256)):
        shapes |= {f"mlp_{number}.0.weight": (256, width), f"mlp_{number}.0.bias": (256,)}
        shapes |= {f"mlp_{number}.2.weight": (256, 256), f"mlp_{number}.2.bias": (256,)}
    return shapes
