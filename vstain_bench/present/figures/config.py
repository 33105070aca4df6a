"""Everything that ``vstain-bench figure`` was asked for."""

from vstain_bench.base.config import Config, Names, option


class FigureConfig(Config):
    """One figure."""

    models: Names = option((), "Models with commas, in the order of the columns.", shown="all")
    labels: Names = option((), "Labels with commas, in the order of the rows.", shown="all")
    tiles: Names = option((), "Tile ids with commas.", shown="a seeded choice of each label")
    per_label: int = option(1, "Rows of each label.", ge=1, le=20)
    seed: int = option(0, "Of the choice of tiles.", ge=0)
    field_um: float | None = option(None, "Side of the central field in µm.", shown="whole tiles", ge=1.0)
    width_mm: float = option(180.0, "Width of the figure.", ge=60.0, le=1000.0)
    dpi: int = option(300, "Dots per inch.", ge=50, le=1200)
