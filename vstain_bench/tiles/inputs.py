"""From what the user pointed at to tiles that can be scored."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from vstain_bench.base.config import RunConfig
from vstain_bench.errors import UsageError
from vstain_bench.images.reader import DecodePolicy
from vstain_bench.tiles.audit import Audit, audit
from vstain_bench.tiles.layouts import LAYOUTS, Layout, Request
from vstain_bench.tiles.layouts.pix2pix import holds_pix2pix_results
from vstain_bench.tiles.pairing import pair, refuse
from vstain_bench.tiles.tags import TagRule


@dataclass(frozen=True)
class Inputs:
    """Tiles that can be scored, the models they hold, and what the audit found."""

    audit: Audit
    models: tuple[str, ...]
    layout: Layout
    policy: DecodePolicy
    partial: bool

    @property
    def has_source(self) -> bool:
        """Whether the tiles have an H&E."""
        return bool(self.audit.tiles) and self.audit.tiles[0].source is not None


def parse_models(arguments: list[str]) -> dict[str, Path]:
    """Return folders by model name from ``DIR`` or ``name=DIR`` arguments; a name is used once."""
    models: dict[str, Path] = {}
    for argument in arguments:
        model, path = _split_argument(argument)
        if model in models or model.startswith("control:") or not model:
            raise UsageError(
                where=f"GENERATED '{argument}'",
                found=f"the model name '{model}' is taken" if model else "an empty model name",
                expected="a name of its own for every folder, as name=DIR",
            )
        models[model] = path
    return models


def _split_argument(argument: str) -> tuple[str, Path]:
    """Return name and folder; both may contain ``=``, so the first split at one that leaves a folder counts."""
    if Path(argument).exists() or "=" not in argument:
        return Path(argument).resolve().name, Path(argument)
    places = [place for place, letter in enumerate(argument) if letter == "="]
    place = next((place for place in places if Path(argument[place + 1 :]).exists()), places[0])
    return argument[:place], Path(argument[place + 1 :])


def choose_layout(config: RunConfig) -> Layout:
    """Return the layout that the options ask for, or that the folders show."""
    if config.manifest is not None:
        return LAYOUTS["manifest"]
    if config.dataset is not None:
        return LAYOUTS[config.dataset]
    if config.layout is not None:
        return LAYOUTS[config.layout]
    folders = list(config.generated.values())
    if config.real is None and folders and all(holds_pix2pix_results(folder) for folder in folders):
        return LAYOUTS["pix2pix"]
    return LAYOUTS["parallel"]


def read_inputs(
    config: RunConfig,
    *,
    deep: bool = False,
    models: bool = True,
    progress: Callable[[int, int], None] | None = None,
) -> Inputs:
    """Pair and audit the tiles of a configuration; problems stay in the audit, nothing is refused yet.

    Without ``models`` only real (and source) tiles are asked for.
    """
    if models and not config.generated and config.manifest is None:
        raise UsageError(where="GENERATED", found="no folder", expected="at least one folder of generated tiles")
    layout = choose_layout(config)
    policy = DecodePolicy.parse(config.decode)
    request = Request(
        generated=config.generated,
        real=config.real,
        source=config.source,
        root=config.root,
        split=config.split,
        manifest=config.manifest,
        models=models,
    )
    paired = pair(
        layout.gather(request),
        layout,
        groups=TagRule("group", config.groups),
        labels=TagRule("label", config.labels),
        mpp=config.mpp,
    )
    found = audit(paired, policy, deep=deep, workers=max(config.workers, 1), progress=progress)
    partial = config.limit is not None and config.limit < len(found.tiles)
    if partial:
        found = found.limited(config.limit or 0)
    return Inputs(found, paired.models, layout, policy, partial)


def require_complete(inputs: Inputs, on_error: str) -> None:
    """Refuse inputs with problems unless they are to be skipped; refuse in any case when nothing is left."""
    problems = inputs.audit.problems
    tiles = {tile.id for tile in inputs.audit.tiles} | {problem.tile for problem in problems}
    if on_error == "fail" or not inputs.audit.tiles:
        refuse(problems, len(tiles), "input")
