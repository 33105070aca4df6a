"""What a model is, ours or anyone's: an adapter turns H&E tiles into virtual IHC tiles, a recipe says how to train one.

Scoring never imports an adapter: models write files, and files are scored.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Protocol, Self, TypeVar

import torch
from torch import Generator, Tensor
from torch.nn import Module, Parameter
from torch.optim import Optimizer

from vstain_bench.base.registry import Registry
from vstain_bench.types import Images

R = TypeVar("R", bound="Recipe")

Stain = Callable[[Images], Images]
"""A loaded model: H&E, (b, 3, h, w) in [0, 1], to virtual IHC of the same shape and range."""


@dataclass(frozen=True, kw_only=True)
class Mode:
    """One way of running a model.

    Attributes:
        summary: What it does, in one line.
        training: Networks are left as in training: batch norm by the tile itself, dropout on, spectral norm iterating.
        truncated: Values are cut to 8 bits, not rounded to the nearest code.
        reciprocal: A code k of the H&E is read as k · (1/255), as torchvision's ``v2.ToDtype`` does, not as k / 255:
            half of them differ in the last bit.
    """

    summary: str
    training: bool = False
    truncated: bool = False
    reciprocal: bool = False


EVAL = Mode(summary="the same tile gives the same output, rounded to 8 bits")


@dataclass(frozen=True, kw_only=True)
class PublishedFile:
    """A weight file that a model's authors published, and how to get it: most cannot be fetched by a program.

    Attributes:
        file: The name to keep it under.
        url: Where it is published.
        steps: How to get it, in sentences.
        licence: What its publisher says of its use.
        trained_on: The data behind it.
        sha256: Of the file, or empty where nobody recorded it.
    """

    file: str
    url: str
    steps: str
    licence: str
    trained_on: str
    sha256: str = ""


@dataclass(frozen=True, kw_only=True)
class Card:
    """What a user must know of a model before running it.

    Attributes:
        summary: One line.
        citation: The paper, or file and commit.
        licence: SPDX identifier of the code, or what is known of it.
        weights: What its weight file is, in a few words; empty for a model without weights.
        dtypes: Precisions that it can be computed in.
    """

    summary: str
    citation: str
    licence: str
    weights: str = ""
    dtypes: tuple[str, ...] = ("fp32", "bf16")


@dataclass(frozen=True, kw_only=True)
class Loading:
    """What ``predict`` asks of an adapter.

    Attributes:
        weights: The weight file, or None for a model without weights.
        mode: One of the adapter's modes.
        device: Where the model shall compute.
        settings: What the user said with ``--set key=value``; an adapter refuses keys that it does not know.
    """

    weights: Path | None = None
    mode: Mode = EVAL
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    settings: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Model:
    """A loaded model: a function, and which tiles it takes.

    Attributes:
        stain: H&E to virtual IHC.
        multiple: Tile sides must be multiples of this, in px; others are padded.
        minimum_side: Smallest tile side in px.
        side: The only side in px that it takes, or None for any.
        largest_batch: Most tiles at a time, or None for any number.
        random: Whether it draws random numbers: it is then seeded anew for every tile.
        facts: What was loaded, for the provenance: recipe, settings, layers.
    """

    stain: Stain
    multiple: int = 1
    minimum_side: int = 1
    side: int | None = None
    largest_batch: int | None = None
    random: bool = False
    facts: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Adapter:
    """A model that can be loaded.

    Attributes:
        card: What a user must know.
        load: From what is asked to the model, on its device.
        modes: Ways of running it by name; ``eval`` is the default one.
        published: Files of its authors, by the name NAME in ``--weights authors:NAME``.
        configurable: Whether it takes settings (``--set key=value``).
        fits: Whether named tensors are weights of this model, or None where that cannot be decided.
    """

    card: Card
    load: Callable[[Loading], Model]
    modes: Mapping[str, Mode] = field(default_factory=lambda: {"eval": EVAL})
    published: Mapping[str, PublishedFile] = field(default_factory=dict)
    configurable: bool = False
    fits: Callable[[Mapping[str, Tensor]], bool] | None = None


ADAPTERS: Registry[Adapter] = Registry("adapter")
"""Models under names of their own; every recipe is an adapter, too (``vstain_bench.models.recipe_adapters``)."""


@dataclass(frozen=True)
class Pair:
    """What one training step sees: H&E and its real IHC, each (b, 3, h, w) in [0, 1], cropped and flipped alike."""

    source: Images
    real: Images


@dataclass(frozen=True)
class Moment:
    """When a training step happens, and what it may draw from.

    Attributes:
        epoch: The epoch it belongs to, from 1.
        epochs: How many there will be.
        random: The source of the step's random choices, on any device.
    """

    epoch: int
    epochs: int
    random: Generator


@dataclass(frozen=True, kw_only=True)
class Models:
    """The networks of one model under training.

    Attributes:
        generator: H&E to IHC; what is kept in the end.
        discriminator: Real or generated.
        projector: What else is trained with the generator (ASP's projection of patches), or None.
        origin: Where the weights come from, for the log and the card: a file and its digest, or "from scratch".
    """

    generator: Module
    discriminator: Module
    projector: Module | None = None
    origin: str

    def generated_by(self) -> list[Parameter]:
        """Return the parameters that the generator's loss trains: the generator's and the projector's."""
        return [*self.generator.parameters(), *(self.projector.parameters() if self.projector else ())]


@dataclass(frozen=True)
class Optimisers:
    """One optimiser for what the generator's loss trains, one for the discriminator."""

    generator: Optimizer
    discriminator: Optimizer


Terms = dict[str, Tensor]
"""The parts of a loss by name, each one number, already weighted: their sum is the loss."""


class Recipe(Protocol):
    """How a model is built and trained: a frozen dataclass whose defaults are those of its paper.

    Its fields are settings (``vstain_bench.base.config.change`` overrides them by name); the loop asks for the rest.
    Images on both sides of every method are RGB in [0, 1]: a recipe converts to its networks' range at its own door.
    """

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]

    @property
    def summary(self) -> str:
        """Networks and losses in one line."""
        ...

    @property
    def citation(self) -> str:
        """The paper, and the code at its commit."""
        ...

    @property
    def lr(self) -> float:
        """Learning rate of the first epoch, of both optimisers."""
        ...

    @property
    def batch_size(self) -> int:
        """Pairs per optimisation step, over all devices."""
        ...

    @property
    def crop(self) -> int | None:
        """Side of the random crops in px, or None for whole tiles."""
        ...

    @property
    def horizontal_flip(self) -> bool:
        """Whether half of the pairs are mirrored left to right."""
        ...

    @property
    def vertical_flip(self) -> bool:
        """Whether half of the pairs are mirrored top to bottom."""
        ...

    @property
    def with_replacement(self) -> bool:
        """Whether an epoch draws pairs with replacement instead of seeing each once."""
        ...

    @property
    def total_epochs(self) -> int:
        """How many epochs are trained, those of the decay included."""
        ...

    @property
    def multiple(self) -> int:
        """Sides of crops and tiles must be multiples of this, in px."""
        ...

    @property
    def minimum_side(self) -> int:
        """The smallest side of a crop that the networks can be trained on, in px."""
        ...

    @property
    def original_steps(self) -> int:
        """Optimisation steps that the original training took on its own data."""
        ...

    @property
    def original_select(self) -> str:
        """What kept the authors' checkpoint: a metric's name, or ``latest``. ``--select authors`` is this."""
        ...

    @property
    def original_precision(self) -> str:
        """Precision that the authors trained in, as ``--precision`` names it."""
        ...

    def lasting(self, epochs: int) -> Self:
        """Return the same recipe stretched or shortened to so many epochs in all, at least one."""
        ...

    def blank_generator(self) -> Module:
        """Return the generator alone, for a checkpoint to be loaded into: its weights mean nothing yet."""
        ...

    def build(self, *, device: torch.device, seed: int) -> Models:
        """Return the networks, in ``train`` mode; the same seed gives the same weights on every device."""
        ...

    def generate(self, generator: Module, source: Images) -> Images:
        """Return the virtual IHC of the H&E."""
        ...

    def discriminator_loss(self, models: Models, pair: Pair, generated: Images) -> Terms:
        """Return the discriminator's loss; ``generated`` carries no gradient."""
        ...

    def generator_loss(self, models: Models, pair: Pair, generated: Images, moment: Moment) -> Terms:
        """Return the loss of generator and projector."""
        ...

    def optimisers(self, models: Models) -> Optimisers:
        """Return fresh optimisers of both sides."""
        ...

    def learning_rate(self, epoch: int) -> float:
        """Return the learning rate of an epoch, from 1, of both optimisers."""
        ...


RECIPES: Registry[Recipe] = Registry("recipe")
"""Every model that can be trained, by name, with the settings of its paper."""


def match_steps(recipe: R, pairs: int) -> R:
    """Return the recipe with as many epochs as make the original's total steps on so many pairs (CSSP2P, section 2)."""
    per_epoch = math.ceil(pairs / recipe.batch_size)
    return recipe.lasting(max(1, round(recipe.original_steps / per_epoch)))
