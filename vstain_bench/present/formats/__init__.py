"""Formats: one file each; adding a file is enough."""

from vstain_bench.present.formats.definition import FORMATS, Format, render

__all__ = ["FORMATS", "Format", "render"]
