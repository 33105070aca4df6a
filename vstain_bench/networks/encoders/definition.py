"""How an encoder is looked up: by name, with what follows the first colon as its argument."""

from collections.abc import Callable

from vstain_bench.base.registry import Registry
from vstain_bench.types import Encoder

ENCODERS: Registry[Callable[[str], Encoder]] = Registry("encoder", __package__)
"""Every encoder by name: a factory that takes the text after the colon of ``name:argument``."""


def build_encoder(spec: str) -> Encoder:
    """Return the encoder for ``name`` or ``name:argument``, e.g. ``random``, ``torchscript:uni.pt``."""
    name, _, argument = spec.partition(":")
    return ENCODERS[name](argument)
