"""The job behind ``vstain-bench figure``: prove that runs show the same tiles, choose some, read them, draw them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vstain_bench.base.files import make_folder, publish_text, replacing
from vstain_bench.base.names import require_known
from vstain_bench.base.text import printable
from vstain_bench.errors import InputError, UsageError
from vstain_bench.judge.evidence import name_runs, title_models
from vstain_bench.present.figures import plotting
from vstain_bench.present.figures.choice import Chosen, Pairs, choose_tiles, named_tiles
from vstain_bench.present.figures.config import FigureConfig
from vstain_bench.present.figures.drawing import Cell, Layout, Line, draw
from vstain_bench.present.figures.panel import read_pairs, read_pixels, tile_policy
from vstain_bench.results.comparable import input_obstacles, refuse_unequal
from vstain_bench.results.folder import RunFolder

if TYPE_CHECKING:
    from vstain_bench.arrays import Pixels
    from vstain_bench.results.table import Table

MOST_MODELS = 10
"""Models of one figure: more would be stamps on a page."""


@dataclass(frozen=True)
class Figure:
    """The figure's files by ending, and its caption."""

    files: Mapping[str, bytes]
    caption: str


@dataclass(frozen=True)
class _Model:
    """One model, its column's title, and the run that it is of."""

    title: str
    name: str
    run: str


def make_figure(paths: Sequence[Path], request: FigureConfig) -> Figure:
    """Return the figure of the models of some runs of the same tiles.

    Raises:
        InputError: the runs are not of the same tiles, or no picture is left where they were scored.
        UsageError: a model, label or tile is unknown, or there are too many models.
    """
    folders = {name: RunFolder(path) for name, path in name_runs(list(paths)).items()}
    tables = {name: folder.read_table() for name, folder in folders.items()}
    refuse_unequal(input_obstacles({name: table.inputs for name, table in tables.items()}), "figure")
    models = _choose_models(tables, request.models)
    pairs = {name: read_pairs(folder) for name, folder in folders.items()}
    first, *others = pairs.values()
    shared: Pairs = {tile: line for tile, line in first.items() if all(tile in other for other in others)}
    if not shared:
        raise InputError(where=next(iter(folders)), found="no pairs.csv: where the pictures lie is not known")
    rows = _choose_rows(shared, next(iter(tables.values())), request)
    has_source = any(shared[row.tile].get("source") for row in rows)
    lines = [_line(row, folders, pairs, models, has_source, request) for row in rows]
    if not any(cell.pixels is not None for line in lines for cell in line.cells):
        raise InputError(
            where="figure",
            found=f"no picture is left where the runs were scored (first: {lines[0].cells[0].missing})",
            expected="the folders of tiles, where they were",
            next_step="Put them back, or score them where they are now.",
        )
    titles = (*(["H&E"] if has_source else []), "Real IHC", *(model.title for model in models))
    layout = Layout(titles=titles, lines=tuple(lines), width_mm=request.width_mm)
    with plotting.styled():
        drawn = draw(layout)
        files = {ending: plotting.encode(drawn, ending, dpi=request.dpi, tight=False) for ending in plotting.FORMATS}
    return Figure(files, _caption(layout, request))


def _choose_models(tables: Mapping[str, "Table"], wanted: Sequence[str]) -> list[_Model]:
    titles = title_models({run: table.models for run, table in tables.items()})
    known = {title: _Model(title, model, run) for (run, model), title in titles.items()}
    for title in wanted:
        require_known(title, known, where=f"--models {title}", found="no such model")
    chosen = [known[title] for title in wanted] or list(known.values())
    if len(chosen) > MOST_MODELS:
        raise UsageError(
            where="figure",
            found=f"{len(chosen)} models",
            expected=f"at most {MOST_MODELS} in one figure",
            next_step=f"Choose some: --models {','.join(model.title for model in chosen[:3])}",
        )
    return chosen


def _choose_rows(pairs: Pairs, table: "Table", request: FigureConfig) -> tuple[Chosen, ...]:
    if request.tiles:
        return named_tiles(pairs, request.tiles)
    known = tuple(table.inputs.labels)
    for label in request.labels:
        if label not in known:
            raise UsageError(
                where=f"--labels {label}",
                found="no tile has this label",
                expected=f"some of {', '.join(known)}" if known else "tiles with labels",
            )
    return choose_tiles(pairs, labels=request.labels or known, per_label=request.per_label, seed=request.seed)


def _line(
    row: Chosen,
    folders: Mapping[str, RunFolder],
    pairs: Mapping[str, Pairs],
    models: Sequence[_Model],
    has_source: bool,
    request: FigureConfig,
) -> Line:
    """Return the pictures of one tile; of a picture that cannot be read, the reason."""
    first = next(iter(folders))
    places = [(first, side) for side in (["source"] if has_source else []) + ["real"]]
    places += [(model.run, f"generated:{model.name}") for model in models]
    mpp = float(pairs[first][row.tile].get("mpp") or 0) or None
    if request.field_um is not None and mpp is None:
        raise UsageError(
            where=f"--field-um {request.field_um:g}",
            found=f"the pixel size of tile '{row.tile}' is not known",
            expected="a run that was scored with --mpp",
        )
    cells = []
    for run, column in places:
        pixels, missing = read_pixels(pairs[run][row.tile].get(column, ""), tile_policy(folders[run]))
        if pixels is not None and request.field_um is not None and mpp is not None:
            pixels = _centre(pixels, round(request.field_um / mpp))
        cells.append(Cell(pixels, missing))
    return Line(row.label, row.tile, tuple(cells), mpp)


def _centre(pixels: "Pixels", side: int) -> "Pixels":
    """Return the square around the centre, or as much of it as there is."""
    height, width = pixels.shape[:2]
    top, left = max(0, (height - side) // 2), max(0, (width - side) // 2)
    return pixels[top : top + side, left : left + side]


def _caption(layout: Layout, request: FigureConfig) -> str:
    """Return what a caption has to say: the columns, the tiles and how they were chosen, the bar, what is missing."""
    tiles = "; ".join(f"{line.label}: {line.tile}" if line.label else line.tile for line in layout.lines)
    rule = "named by the user" if request.tiles else f"chosen at random before any was looked at (seed {request.seed})"
    told = [f"Columns: {', '.join(layout.titles)}.", f"Tiles, {rule}: {tiles}."]
    if request.field_um is not None:
        told.append(f"The central {request.field_um:g} µm of each.")
    told += [f"Scale bars: {', '.join(layout.bars)}." if layout.bars else "No scale bar: the pixel size is not known."]
    told += [
        f"Missing: {title} of {line.tile} ({cell.missing})."
        for line in layout.lines
        for title, cell in zip(layout.titles, line.cells, strict=True)
        if cell.pixels is None
    ]
    return printable(" ".join(told)) + "\n"


def publish_figure(figure: Figure, stem: Path) -> list[Path]:
    """Write the figure's files and its caption, each absent or complete, and return their paths."""
    make_folder(stem.parent, f"--out {stem}")
    written = []
    for ending, content in figure.files.items():
        written.append(stem.with_name(f"{stem.name}.{ending}"))
        with replacing(written[-1]) as temporary:
            temporary.write_bytes(content)
    written.append(stem.with_name(f"{stem.name}.txt"))
    publish_text(written[-1], figure.caption)
    return written
