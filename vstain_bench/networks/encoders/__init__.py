"""Encoders and their weights: one file per encoder; adding a file is enough."""

from vstain_bench.networks.encoders.definition import ENCODERS, build_encoder

__all__ = ["ENCODERS", "build_encoder"]
