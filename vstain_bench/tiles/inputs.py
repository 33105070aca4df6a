"""From what the user pointed at to tiles that can be scored."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from vstain_bench.base.config import InputConfig, TilesConfig
from vstain_bench.base.listener import Advance
from vstain_bench.errors import UsageError
from vstain_bench.images.policy import DecodePolicy
from vstain_bench.tiles.audit import Audit, audit
from vstain_bench.tiles.layouts import LAYOUTS, Layout, Locations
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


def models_of(config: TilesConfig) -> Mapping[str, Path]:
    """Return the folders of generated tiles by model; none where the configuration has no such."""
    return config.generated if isinstance(config, InputConfig) else {}


def choose_layout(config: TilesConfig) -> Layout:
    """Return the layout that the options ask for, or that the folders show."""
    if config.manifest is not None:
        return LAYOUTS["manifest"]
    if config.dataset is not None:
        return LAYOUTS[config.dataset]
    if config.layout is not None:
        return LAYOUTS[config.layout]
    folders = list(models_of(config).values()) if config.real is None else []
    recognised = (LAYOUTS[name] for name in LAYOUTS if folders and all(map(LAYOUTS[name].recognises, folders)))
    return next(recognised, LAYOUTS["parallel"])


def read_inputs(
    config: TilesConfig,
    *,
    deep: bool = False,
    models: bool = True,
    progress: Advance | None = None,
) -> Inputs:
    """Pair and audit the tiles of a configuration; problems stay in the audit, nothing is refused yet.

    Without ``models`` only real (and source) tiles are asked for.
    """
    if models and not models_of(config) and config.manifest is None:
        raise UsageError(where="GENERATED", found="no folder", expected="at least one folder of generated tiles")
    layout = choose_layout(config)
    policy = DecodePolicy.parse(config.decode)
    given = Locations(
        generated=models_of(config),
        real=config.real,
        source=config.source,
        root=config.root,
        split=config.split,
        manifest=config.manifest,
        models=models,
    )
    paired = pair(
        layout.gather(given),
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


def require_complete(inputs: Inputs, on_error: str, *, purpose: str = "scored") -> None:
    """Refuse inputs with problems unless they are to be skipped; refuse in any case when nothing is left."""
    refuse([tile.id for tile in inputs.audit.tiles], inputs.audit.problems, on_error, purpose=purpose)
