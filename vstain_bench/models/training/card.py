"""The card of a training: what was trained, on what, by what code, and what came of it."""

import dataclasses
from collections.abc import Mapping, Sequence

from vstain_bench import __version__
from vstain_bench.models.contract import Recipe
from vstain_bench.models.training.config import TrainConfig
from vstain_bench.models.training.folder import FORMAT
from vstain_bench.models.training.history import Epoch, choices
from vstain_bench.models.training.tile_sets import TileSets
from vstain_bench.models.training.validation import Validation


def identify(
    config: TrainConfig, recipe: Recipe, sets: TileSets, validation: Validation, *, origin: str, processes: int
) -> dict[str, object]:
    """Return everything that can change a weight or which of them are kept; no path of the data, no time."""
    selection = validation.selection
    return {
        "format": FORMAT,
        "recipe": config.recipe,
        "settings": {field.name: getattr(recipe, field.name) for field in dataclasses.fields(recipe)},
        "summary": recipe.summary,
        "citation": recipe.citation,
        "multiple": recipe.multiple,
        "code_version": __version__,
        "origin": origin,
        "seed": config.seed,
        "precision": config.precision,
        "processes": processes,
        "accumulate": config.accumulate,
        "ema": config.ema,
        "channels_last": config.channels_last,
        "compile": config.compile,
        "validate_every": config.validate_every,
        "data": {
            "train": sets.train.facts(),
            "validation": {**sets.validation.facts(), "origin": sets.origin},
            "decode": config.decode,
        },
        "select": validation.rule,
        "metrics": {
            metric.name: {"signature": metric.signature, "better": metric.better, "unit": metric.unit}
            for metric in selection.computable
        },
        "unavailable": {name: gap.reason for name, gap in selection.gaps.items()},
    }


def complete(
    identity: Mapping[str, object],
    recipe: Recipe,
    history: Sequence[Epoch],
    validation: Validation,
    *,
    best: Mapping[str, object] | None,
    finished: bool,
) -> dict[str, object]:
    """Return the whole card: what the training is, what its authors did, every epoch, and what each metric chooses."""
    untrained = next((epoch for epoch in history if epoch.epoch == 0), None)
    trained = [epoch for epoch in history if epoch.epoch > 0]
    return {
        **identity,
        "authors": {"select": recipe.original_select, "precision": recipe.original_precision},
        "finished": finished,
        "steps": trained[-1].steps if trained else 0,
        "best": best,
        "chosen": choices(validation.selection.computable, history),
        "untrained": untrained.record()["metrics"] if untrained else {},
        "epochs": [epoch.record() for epoch in trained],
    }
