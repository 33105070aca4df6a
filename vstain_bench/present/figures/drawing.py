"""The figure itself: pictures in a grid, to the millimetre, with a scale bar in the first picture of each row."""

import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vstain_bench.base.text import printable
from vstain_bench.present.figures.panel import choose_scale_bar
from vstain_bench.present.figures.plotting import INK, MM_PER_INCH, MUTED, RULE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from vstain_bench.arrays import Pixels

GAP_MM = 1.0
LABEL_MM = 9.0
"""Left of each row, where its label stands upright beside the tile's name."""
LINE_MM = 3.4
"""Height of one line of a title."""
LETTER_MM = 1.55
"""Width of a letter of a title."""
BAR_MM = 0.7


@dataclass(frozen=True)
class Cell:
    """One picture, or the reason why there is none."""

    pixels: "Pixels | None"
    missing: str


@dataclass(frozen=True)
class Line:
    """One row: a tile, its label, its pictures and its pixel size in µm."""

    label: str
    tile: str
    cells: tuple[Cell, ...]
    mpp: float | None

    @property
    def aspect(self) -> float:
        """Height over width of its pictures."""
        shape = next((cell.pixels.shape for cell in self.cells if cell.pixels is not None), (1, 1))
        return float(shape[0]) / float(shape[1])

    @property
    def bar(self) -> tuple[int, float] | None:
        """Length of its scale bar in µm, and its share of a picture's width; None without a pixel size."""
        width = next((cell.pixels.shape[1] for cell in self.cells if cell.pixels is not None), 0)
        found = choose_scale_bar(width, self.mpp) if width and self.mpp else None
        return (found.micrometres, found.percent / 100) if found else None


@dataclass(frozen=True)
class Layout:
    """What stands where: titles of columns, rows, and the width of the whole in mm."""

    titles: tuple[str, ...]
    lines: tuple[Line, ...]
    width_mm: float

    @property
    def cell_mm(self) -> float:
        """Width of one picture."""
        gaps = GAP_MM * (len(self.titles) - 1)
        return (self.width_mm - LABEL_MM - gaps) / len(self.titles)

    @property
    def wrapped(self) -> tuple[str, ...]:
        """The titles, broken to the width of a picture, at most three lines."""
        letters = max(4, int(self.cell_mm / LETTER_MM))
        return tuple(_wrap(title, letters) for title in self.titles)

    @property
    def head_mm(self) -> float:
        """Height of the titles."""
        return LINE_MM * max(title.count("\n") + 1 for title in self.wrapped) + GAP_MM

    @property
    def height_mm(self) -> float:
        """Height of the whole."""
        rows = sum(self.cell_mm * line.aspect for line in self.lines)
        return self.head_mm + rows + GAP_MM * (len(self.lines) - 1)

    @property
    def bars(self) -> tuple[str, ...]:
        """The lengths of the scale bars that occur, in words."""
        return tuple(f"{length} µm" for length in sorted({line.bar[0] for line in self.lines if line.bar}))


def _wrap(title: str, letters: int) -> str:
    found = textwrap.wrap(printable(title), letters) or [""]
    return "\n".join(found if len(found) <= 3 else [*found[:2], f"{found[2][: letters - 1]}…"])


def draw(layout: Layout) -> "Figure":
    """Return the figure; within `plotting.styled`."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(layout.width_mm / MM_PER_INCH, layout.height_mm / MM_PER_INCH))
    for column, title in enumerate(layout.wrapped):
        middle = LABEL_MM + column * (layout.cell_mm + GAP_MM) + layout.cell_mm / 2
        place = (middle / layout.width_mm, 1 - (layout.head_mm - GAP_MM) / layout.height_mm)
        figure.text(*place, title, ha="center", va="bottom", fontsize=8, color=INK, linespacing=1.1)
    top = layout.head_mm
    for line in layout.lines:
        height = layout.cell_mm * line.aspect
        _name_row(figure, layout, line, top, height)
        for column, cell in enumerate(line.cells):
            left = LABEL_MM + column * (layout.cell_mm + GAP_MM)
            axes = figure.add_axes(
                (
                    left / layout.width_mm,
                    1 - (top + height) / layout.height_mm,
                    layout.cell_mm / layout.width_mm,
                    height / layout.height_mm,
                )
            )
            _picture(axes, cell)
            if column == 0 and line.bar is not None:
                _scale_bar(axes, *line.bar, width_mm=layout.cell_mm)
        top += height + GAP_MM
    return figure


def _name_row(figure: "Figure", layout: Layout, line: Line, top: float, height: float) -> None:
    """Write the label and, smaller, the tile's name upright beside the row."""
    middle = 1 - (top + height / 2) / layout.height_mm
    letters = max(8, int(height / 1.05))
    name = printable(line.tile)
    name = name if len(name) <= letters else f"…{name[1 - letters :]}"
    if line.label:
        figure.text(
            2.2 / layout.width_mm, middle, printable(line.label), rotation=90, ha="center", va="center",
            fontsize=9, fontweight="bold", color=INK,
        )  # fmt: skip
    figure.text(
        6.4 / layout.width_mm, middle, name, rotation=90, ha="center", va="center", fontsize=5, color=MUTED
    )  # fmt: skip


def _picture(axes: "Axes", cell: Cell) -> None:
    axes.set_axis_off()
    if cell.pixels is not None:
        axes.imshow(cell.pixels, aspect="auto", interpolation="antialiased")
        return
    axes.add_patch(_box(RULE))
    told = textwrap.fill(printable(cell.missing), 22)
    axes.text(0.5, 0.5, told, transform=axes.transAxes, ha="center", va="center", fontsize=5, color=MUTED)


def _box(colour: str) -> Any:
    from matplotlib.patches import Rectangle

    return Rectangle((0, 0), 1, 1, color=colour, linewidth=0)


def _scale_bar(axes: "Axes", micrometres: int, share: float, *, width_mm: float) -> None:
    """Draw a bar and its length at the lower right, white on a dark edge: seen on glass and on tissue."""
    from matplotlib.patches import Rectangle
    from matplotlib.patheffects import withStroke

    edge = 1.5 / width_mm
    bar = Rectangle(
        (1 - edge - share, edge), share, BAR_MM / width_mm, transform=axes.transAxes, facecolor="white",
        edgecolor=INK, linewidth=0.4,
    )  # fmt: skip
    axes.add_patch(bar)
    axes.text(
        1 - edge - share / 2, edge + (BAR_MM + 0.6) / width_mm, f"{micrometres} µm", transform=axes.transAxes,
        ha="center", va="bottom", fontsize=5.5, color="white", path_effects=[withStroke(linewidth=1.2, foreground=INK)],
    )  # fmt: skip
