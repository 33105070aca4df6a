"""The files of a document, each absent or complete."""

from collections.abc import Iterable
from pathlib import Path

from vstain_bench.base.files import make_folder, publish_text, replacing
from vstain_bench.present.figures import comparison as figures
from vstain_bench.present.figures import plotting
from vstain_bench.present.formats import FORMATS, render
from vstain_bench.present.sheet import Document
from vstain_bench.present.subjects.comparison import document
from vstain_bench.results.comparison import Comparison


def publish(shown: Document, folder: Path, stem: str, formats: Iterable[str]) -> list[Path]:
    """Write a document in some formats, each to a file of its own; return their paths."""
    make_folder(folder, f"--out {folder}")
    written = []
    for name in formats:
        written.append(folder / f"{stem}.{FORMATS[name].extension}")
        publish_text(written[-1], render(shown, name))
    return written


def publish_comparison(comparison: Comparison, folder: Path) -> list[Path]:
    """Write comparison.html, .json, .csv and .md, and the figures as PNG, SVG and PDF; return their paths."""
    written = publish(document(comparison), folder, "comparison", ("html", "json", "csv", "md"))
    drawn = {"differences": figures.draw_differences}
    if any(each.pairs for each in comparison.contrasts):
        drawn["patients"] = figures.draw_pairs
    for stem, draw in drawn.items():
        for extension in plotting.FORMATS:
            written.append(folder / f"{stem}.{extension}")
            content = figures.render(comparison, draw, extension)
            with replacing(written[-1]) as temporary:
                temporary.write_bytes(content)
    return written
