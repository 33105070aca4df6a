"""The files of a comparison, each absent or complete."""

from collections.abc import Callable
from pathlib import Path

from vstain_bench.base.files import make_folder, publish_text, replacing
from vstain_bench.base.registry import Registry
from vstain_bench.present.compare import page, plots, text
from vstain_bench.present.figures import plotting
from vstain_bench.results.comparison import Comparison

FORMATS: Registry[Callable[[Comparison], str]] = Registry("format")
for _name, _render in {**text.FORMATS, "html": page.render}.items():
    FORMATS.register(_name)(_render)


def choose_format(name: str) -> Callable[[Comparison], str]:
    """Return the function that renders a format; an unknown one is refused by name."""
    return FORMATS[name]


def publish(comparison: Comparison, folder: Path) -> list[Path]:
    """Write comparison.html, .json, .csv and .md, and the figures as PNG, SVG and PDF; return their paths."""
    make_folder(folder, f"--out {folder}")
    written = []
    for name in ("html", "json", "csv", "md"):
        written.append(folder / f"comparison.{name}")
        publish_text(written[-1], FORMATS[name](comparison))
    figures = {"differences": plots.draw_differences}
    if any(each.pairs for each in comparison.contrasts):
        figures["patients"] = plots.draw_pairs
    for stem, draw in figures.items():
        for extension in plotting.FORMATS:
            written.append(folder / f"{stem}.{extension}")
            content = plots.render(comparison, draw, extension)
            with replacing(written[-1]) as temporary:
                temporary.write_bytes(content)
    return written
