"""The job: from the options to a folder with a trained generator and its card; the same call continues it."""

import time
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from vstain_bench.base.config import settings_to_toml
from vstain_bench.base.devices import device_name
from vstain_bench.base.files import publish_text, read_json
from vstain_bench.base.provenance import session
from vstain_bench.base.registry import load_plugins
from vstain_bench.errors import UsageError
from vstain_bench.models.contract import Models, Recipe
from vstain_bench.models.training.card import complete, identify
from vstain_bench.models.training.config import TrainConfig
from vstain_bench.models.training.engine import Engine, idle_parameters, lay_out, networks_of, start_engine
from vstain_bench.models.training.folder import TrainingFolder
from vstain_bench.models.training.history import Epoch, choose
from vstain_bench.models.training.kept_generator import KeptGenerator
from vstain_bench.models.training.listener import Pace, TrainingListener
from vstain_bench.models.training.loader import PairLoader, Portion
from vstain_bench.models.training.loop import Task, run_epochs
from vstain_bench.models.training.recipes import matched, settle_recipe
from vstain_bench.models.training.records import Records
from vstain_bench.models.training.sampling import Sampling
from vstain_bench.models.training.state import Position, load_state
from vstain_bench.models.training.tile_sets import TileSets, read_tile_sets, require_sizes
from vstain_bench.models.training.validation import LATEST, Validation, plan_validation
from vstain_bench.networks.weights import WeightsStore, use_store
from vstain_bench.types import Metric


@dataclass(frozen=True)
class FinishedTraining:
    """A finished training.

    Attributes:
        folder: What it left.
        history: Its epochs; the first is the untrained generator.
        chosen: The one whose weights are kept as the best.
        metrics: What was measured.
        main: Whether this process is the one that writes and talks.
    """

    folder: TrainingFolder
    history: tuple[Epoch, ...]
    chosen: Epoch
    metrics: tuple[Metric, ...]
    main: bool


@dataclass(frozen=True)
class Settled:
    """What was asked for, settled: the recipe that is trained, the tiles, what is measured on them."""

    recipe: Recipe
    sets: TileSets
    validation: Validation


def default_out(config: TrainConfig) -> Path:
    """Return ``runs/train-RECIPE``, where a training goes without --out."""
    return Path("runs") / f"train-{config.recipe}"


def settle(config: TrainConfig, listener: TrainingListener, store: WeightsStore) -> Settled:
    """Return what will be trained, after every check that needs no network.

    Raises:
        UsageError: An option or setting that does not exist, or contradicts another.
        InputError: Tiles that cannot be paired, or are too small, or of a patient on both sides.
        MachineError: Weights of the metric that chooses are missing.
    """
    load_plugins(config.plugin)
    recipe = settle_recipe(config)
    sets = read_tile_sets(config, listener)
    require_sizes(sets, recipe, config.recipe)
    recipe = matched(config, recipe, len(sets.train.tiles))
    if config.select == "authors":
        config = config.model_copy(update={"select": recipe.original_select})
    return Settled(recipe, sets, plan_validation(config, sets.validation, store))


def train(config: TrainConfig, out: Path | None = None, listener: TrainingListener | None = None) -> FinishedTraining:
    """Train a recipe and leave a folder behind; the same call continues a training that was stopped.

    Raises:
        UsageError: The configuration is wrong, or the folder holds another training.
        InputError: The tiles cannot be trained on.
        MachineError: The folder cannot be used, or weights are missing.
        CheckFailed: The loss is not finite or explodes; the last good state is kept.
    """
    listener = listener or TrainingListener()
    store = WeightsStore(config.weights_dir, offline=config.offline)
    engine = start_engine(config)
    if config.channels_last is None:
        config = config.model_copy(update={"channels_last": engine.device.type == "cuda"})
    if not engine.main:
        listener = TrainingListener()
    with use_store(store):
        try:
            settled = settle(config, listener, store)
            models = settled.recipe.build(device=engine.device, seed=config.seed)
            identity = identify(
                config,
                settled.recipe,
                settled.sets,
                settled.validation,
                origin=models.origin,
                processes=engine.processes,
            )
            folder = TrainingFolder(out or default_out(config))
            if not engine.main:
                engine.wait()
                return _run(config, settled, identity, engine, models, folder, listener)
            with folder.claimed():
                _begin(folder, identity, settled, listener)
                engine.wait()
                return _run(config, settled, identity, engine, models, folder, listener)
        finally:
            engine.end()


def _begin(folder: TrainingFolder, identity: dict[str, object], settled: Settled, listener: TrainingListener) -> None:
    """Say what will be trained, and make the folder that of this training."""
    folder.require_identity(identity)
    sets, recipe = settled.sets, settled.recipe
    listener.say(f"{recipe.summary}; {recipe.total_epochs} epochs")
    listener.say(f"Weights: {identity['origin']}")
    listener.say(f"{len(sets.train.tiles)} pairs to train on; {len(sets.validation.tiles)} to validate: {sets.origin}")
    for note in (*sets.notes, *_unlike_authors(identity, recipe)):
        listener.say(f"Note: {note}")
    for name, gap in settled.validation.selection.gaps.items():
        listener.say(f"No value for {name}: {gap.reason}")
    if not folder.card.is_file():
        folder.write_card(complete(identity, recipe, (), settled.validation, best=None, finished=False))
        publish_text(folder.recipe, settings_to_toml(recipe))


def _unlike_authors(identity: dict[str, object], recipe: Recipe) -> list[str]:
    """Return, in a sentence, what the options leave unlike the authors' training; no setting of the recipe says it."""
    found = []
    if identity["select"] != recipe.original_select:
        kept = "the latest epoch" if recipe.original_select == LATEST else f"the epoch of {recipe.original_select}"
        found.append(f"keep {kept} (--select authors)")
    if identity["precision"] != recipe.original_precision:
        found.append(f"train in {recipe.original_precision} (--precision {recipe.original_precision})")
    return [f"its authors {' and '.join(found)}"] if found else []


def _run(
    config: TrainConfig,
    settled: Settled,
    identity: dict[str, object],
    engine: Engine,
    models: Models,
    folder: TrainingFolder,
    listener: TrainingListener,
) -> FinishedTraining:
    recipe, seed = settled.recipe, config.seed
    models = lay_out(models, channels_last=bool(config.channels_last))
    optimisers = recipe.optimisers(models)
    kept = KeptGenerator(recipe, networks_of(models)["generator"], config.ema, engine.device)
    loader = PairLoader(
        settled.sets.train,
        Sampling(recipe, len(settled.sets.train.tiles), seed),
        portion=Portion(engine.rank, engine.processes, config.accumulate),
        device=engine.device,
        workers=config.workers,
        memory=config.cache_mb * 10**6,
        channels_last=bool(config.channels_last),
    )
    task = Task(
        config=config,
        recipe=recipe,
        identity=identity,
        engine=engine,
        folder=folder,
        models=engine.wrap(
            models, compiled=config.compile, idle=idle_parameters(recipe) if engine.processes > 1 else ()
        ),
        optimisers=optimisers,
        kept=kept,
        loader=loader,
        validation=settled.validation,
        listener=listener,
        pace=Pace(recipe.batch_size),
    )
    position = _resume(task)
    if position.epoch > recipe.total_epochs:
        listener.say("The training is finished already.")
    elif engine.main:
        with Records(folder.log, folder.tensorboard, logged=position.logged, steps=position.steps) as records:
            began = time.time()
            run_epochs(replace(task, records=records), position)
            _write_facts(folder, engine, began)
    else:
        run_epochs(task, position)
    chosen = choose(settled.validation.choice, position.history)
    if chosen is None:
        name = settled.validation.rule
        reason = next((epoch.reasons[name] for epoch in reversed(position.history) if name in epoch.reasons), "")
        raise UsageError(
            where=f"--select {name}",
            found=f"it had no value in any epoch: {reason}",
            next_step=f"{folder.last.name} is kept in {folder.path}. Choose by another metric, with another --out.",
        )
    return FinishedTraining(
        folder, tuple(position.history), chosen, settled.validation.selection.computable, engine.main
    )


def _resume(task: Task) -> Position:
    """Return the position of the state in the folder, or that of a beginning."""
    if not task.folder.state.is_file():
        return Position()
    position, threads = load_state(task.folder.state, task.trained(), task.engine)
    if task.engine.device.type == "cpu" and threads != torch.get_num_threads():
        task.listener.say(
            f"Note: {threads} threads before, {torch.get_num_threads()} now; weights may differ in their last bits "
            "from those of an uninterrupted training"
        )
    if position.epoch <= task.recipe.total_epochs:
        task.listener.say(
            f"Continuing in epoch {position.epoch} of {task.recipe.total_epochs}, after {position.steps} steps"
        )
    return position


def _write_facts(folder: TrainingFolder, engine: Engine, began: float) -> None:
    """Add this session to run.json: the only file with times and the machine."""
    kept = read_json(folder.run, "run.json of a training") if folder.run.is_file() else {}
    now = {**session(began), "device": device_name(engine.device), "processes": engine.processes}
    folder.write_facts({"sessions": [*kept.get("sessions", ()), now]})
