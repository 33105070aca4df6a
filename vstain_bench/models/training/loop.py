"""The training loop: step after step, a look at the losses, a state now and then, a validation after each epoch.

Everything it does follows from the recipe, the seed and the position, so that it may be stopped anywhere.
"""

import math
import time
from dataclasses import dataclass

import torch
from torch import Tensor

from vstain_bench.base.randomness import seed_of
from vstain_bench.errors import CheckFailed
from vstain_bench.models.contract import Models, Moment, Optimisers, Recipe, Terms
from vstain_bench.models.training.card import complete
from vstain_bench.models.training.config import TrainConfig
from vstain_bench.models.training.engine import Engine, networks_of
from vstain_bench.models.training.folder import TrainingFolder
from vstain_bench.models.training.history import choose, measured, scores, summarise
from vstain_bench.models.training.kept_generator import KeptGenerator, write_weights
from vstain_bench.models.training.listener import Pace, Stepped, TrainingListener
from vstain_bench.models.training.loader import PairLoader
from vstain_bench.models.training.records import Records
from vstain_bench.models.training.sample_sheet import choose_samples, draw_sheet
from vstain_bench.models.training.state import Position, Trained, all_finite, save_state
from vstain_bench.models.training.step import train_step
from vstain_bench.models.training.validation import Validation, whole_tiles
from vstain_bench.networks.weights import digest

LOOK = {"cpu": 1, "cuda": 20}
"""Steps between two looks at the losses; a GPU must wait for each."""
EXPLODED = 1000.0
"""A loss has exploded when it is so many times its usual size, or that of 1 if that is larger."""


@dataclass(frozen=True)
class Task:
    """A training that is settled and built.

    Attributes:
        identity: What it is, as the card says it.
        models: The networks, wrapped.
        records: The log, on the process that writes.
    """

    config: TrainConfig
    recipe: Recipe
    identity: dict[str, object]
    engine: Engine
    folder: TrainingFolder
    models: Models
    optimisers: Optimisers
    kept: KeptGenerator
    loader: PairLoader
    validation: Validation
    listener: TrainingListener
    pace: Pace
    records: Records | None = None

    @property
    def of(self) -> int:
        """Steps in all."""
        return self.loader.steps * self.recipe.total_epochs

    def trained(self) -> Trained:
        """Return what a state holds."""
        mean = self.kept.generator if self.kept.decay else None
        return Trained(networks_of(self.models), self.optimisers, mean)


def run_epochs(task: Task, position: Position) -> None:
    """Train until the last epoch, from wherever the position is.

    Raises:
        CheckFailed: The loss is not finite or explodes; the last good state is kept.
        InputError: A tile cannot be decoded.
    """
    if not position.history:
        _validate(task, position)
        _publish(task, position, finished=False)
    while position.epoch <= task.recipe.total_epochs:
        _train_epoch(task, position)
        task.engine.average_statistics(list(networks_of(task.models).values()))
        _validate(task, position)
        position.epoch, position.step, position.losses = position.epoch + 1, 0, {}
        _publish(task, position, finished=position.epoch > task.recipe.total_epochs)
        _save(task, position)


def _train_epoch(task: Task, position: Position) -> None:
    rate = task.recipe.learning_rate(position.epoch)
    for optimiser in (task.optimisers.generator, task.optimisers.discriminator):
        for group in optimiser.param_groups:
            group["lr"] = rate
    look, latest = LOOK[task.engine.device.type], {}
    task.pace.resume()
    for shares in task.loader.epoch(position.epoch, position.step):
        judged, made = train_step(
            task.recipe,
            task.models,
            task.optimisers,
            shares,
            _moment(task, position),
            backward=task.engine.backward,
        )
        task.kept.follow()
        losses = _named(judged, made)
        for name, value in losses.items():
            position.losses[name] = position.losses.get(name, 0) + value.double()
        position.step, position.steps = position.step + 1, position.steps + 1
        logs, saves = position.steps % task.config.log_every == 0, position.steps % task.config.save_every == 0
        if position.steps % look == 0 or logs or saves or position.step == task.loader.steps:
            latest = _look(task, position, losses)
        task.pace.stepped()
        if logs and task.records is not None:
            task.records.step(position.epoch, position.steps, latest, round(task.pace.images_per_second, 3))
        if saves and position.step < task.loader.steps:
            _save(task, position)
            task.pace.resume()
        task.listener.stepped(_stepped(task, position, latest))


def _moment(task: Task, position: Position) -> Moment:
    random = torch.Generator(task.engine.device)
    random.manual_seed(seed_of("step", task.config.seed, position.steps, task.engine.rank) % 2**63)
    return Moment(position.epoch, task.recipe.total_epochs, random)


def _named(judged: Terms, made: Terms) -> dict[str, Tensor]:
    sides = {"discriminator": judged, "generator": made}
    return {f"{side}/{name}": term for side, terms in sides.items() for name, term in terms.items()}


def _look(task: Task, position: Position, losses: dict[str, Tensor]) -> dict[str, float]:
    """Return the losses as numbers, over all processes; stop where they are no longer those of a training."""
    means = task.engine.mean(torch.stack([value.double() for value in losses.values()])).tolist()
    found = dict(zip(losses, means, strict=True))
    size = sum(abs(value) for value in means)
    if not math.isfinite(size):
        raise _diverged(task, position, f"the loss is not finite ({_short(found)})")
    if position.usual is None:
        position.usual = size
    if size > EXPLODED * max(position.usual, 1.0):
        usual = f"{position.usual:.3g} at the beginning"
        raise _diverged(task, position, f"the loss has grown to {size:.3g} ({_short(found)}), from {usual}")
    return found


def _short(losses: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.3g}" for name, value in losses.items())


def _diverged(task: Task, position: Position, found: str) -> CheckFailed:
    kept = [file.name for file in (task.folder.state, task.folder.best) if file.is_file()]
    of = task.recipe.total_epochs
    return CheckFailed(
        where=f"training, epoch {position.epoch} of {of}, step {position.step} of {task.loader.steps}",
        found=found,
        expected="losses and weights that are finite and of their usual size",
        next_step=(f"{' and '.join(kept)} of earlier steps are kept in {task.folder.path}. " if kept else "")
        + f"Lower the learning rate (--set lr={task.recipe.lr / 4:.2g}) or pass --precision fp32, and another --out.",
    )


def _save(task: Task, position: Position) -> None:
    """Write the state, unless the weights are broken: the last good one then stays."""
    if not all_finite(list(networks_of(task.models).values())):
        raise _diverged(task, position, "a weight is not finite")
    if task.records is not None:
        position.logged = task.records.settle()
    save_state(task.folder.state, task.trained(), position, task.engine)


def _stepped(task: Task, position: Position, losses: dict[str, float]) -> Stepped:
    epochs, every = task.recipe.total_epochs, task.config.validate_every
    validations = epochs // every - (position.epoch - 1) // every + bool(epochs % every)
    return Stepped(
        position.epoch,
        epochs,
        position.steps,
        task.of,
        losses,
        task.pace.images_per_second,
        task.pace.left(task.of - position.steps, validations),
    )


def _validate(task: Task, position: Position) -> None:
    """Add the epoch to the history; measured where one is due, and always after the last. Epoch 0 is the untrained."""
    untrained = not position.history
    epoch = 0 if untrained else position.epoch
    due = untrained or epoch % task.config.validate_every == 0 or epoch == task.recipe.total_epochs
    scores: dict[str, float | str] = {}
    generator = task.kept.settle()
    if due:
        began = time.monotonic()
        phase = f"validating epoch {epoch}" if epoch else "validating the untrained generator"
        scores = task.validation.score(whole_tiles(task.recipe, generator), task.engine, task.listener.phase(phase))
        task.pace.validated(time.monotonic() - began)
    losses: dict[str, float] = {}
    if position.losses:
        sums = task.engine.mean(torch.stack(list(position.losses.values()))).tolist()
        losses = {name: value / task.loader.steps for name, value in zip(position.losses, sums, strict=True)}
    rate = task.recipe.learning_rate(max(epoch, 1))
    position.history.append(measured(epoch, position.steps, rate, losses, scores))


def _publish(task: Task, position: Position, *, finished: bool) -> None:
    """Write what the latest epoch leaves behind: weights, sheet, log, card."""
    if not task.engine.main:
        return
    latest, folder = position.history[-1], task.folder
    generator = task.kept.generator
    if latest.epoch:
        facts = {key: task.identity[key] for key in ("recipe", "settings", "code_version")}
        facts["epoch"] = latest.epoch
        write_weights(folder.last, generator, facts)
        if choose(task.validation.choice, position.history) is latest:
            write_weights(folder.best, generator, facts)
    if task.config.samples:
        tiles, seed = task.validation.tiles, task.config.seed
        places = choose_samples(tiles, task.config.samples, seed)
        draw_sheet(folder.sample(latest.epoch), tiles, places, whole_tiles(task.recipe, generator), task.engine.device)
    if task.records is not None:
        task.records.epoch(latest)
    chosen = choose(task.validation.choice, position.history)
    best = {"file": folder.best.name, "epoch": chosen.epoch, "sha256": digest(folder.best)} if chosen else None
    folder.write_card(
        complete(task.identity, task.recipe, position.history, task.validation, best=best, finished=finished)
    )
    if not latest.epoch:
        task.listener.say(f"Untrained: {scores(latest)}")
    elif latest.metrics:
        said = summarise(task.validation.choice, position.history)
        task.listener.say(f"Epoch {latest.epoch} of {task.recipe.total_epochs}: {said}")
