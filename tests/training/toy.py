"""A recipe of a few convolutions, registered as anyone's would be: the tests train it in milliseconds a step."""

from dataclasses import dataclass, replace

import torch
from torch import nn
from torch.nn.functional import l1_loss

from vstain_bench.models.contract import RECIPES, Models, Moment, Optimisers, Pair, Terms
from vstain_bench.types import Images


class Generator(nn.Sequential):
    """Shrinks, thinks, grows; dropout makes it draw random numbers, and one parameter is never used."""

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__(
            nn.Conv2d(3, width, 3, stride=2, padding=1, bias=False),
            nn.InstanceNorm2d(width, affine=True),
            nn.ReLU(),
            nn.Dropout2d(dropout),
            nn.Upsample(scale_factor=2),
            nn.Conv2d(width, 3, 3, padding=1),
            nn.Sigmoid(),
        )
        self.idle = nn.Parameter(torch.zeros(2))


@dataclass(frozen=True, kw_only=True)
class Toy:
    """A generator and a judge of two convolutions each."""

    lr: float = 2e-3
    width: int = 6
    dropout: float = 0.25
    norm: bool = False
    blow_up: int = 0
    blow_by: float = 1e39
    epochs: int = 3
    batch_size: int = 2
    crop: int | None = 32
    horizontal_flip: bool = True
    vertical_flip: bool = True
    with_replacement: bool = False
    summary: str = "a toy"
    citation: str = "none"
    original_steps: int = 40
    original_select: str = "mae"
    original_precision: str = "fp32"

    @property
    def multiple(self) -> int:
        """The generator halves the resolution once."""
        return 2

    @property
    def minimum_side(self) -> int:
        """Two places after the judge."""
        return 8

    @property
    def total_epochs(self) -> int:
        """One phase."""
        return self.epochs

    def lasting(self, epochs: int) -> "Toy":
        """Return the recipe with so many epochs."""
        return replace(self, epochs=epochs)

    def blank_generator(self) -> Generator:
        """Return the generator."""
        return Generator(self.width, self.dropout)

    def build(self, *, device: torch.device, seed: int) -> Models:
        """Return both networks."""
        state = torch.get_rng_state()
        torch.manual_seed(seed)
        generator = self.blank_generator()
        norm: nn.Module = nn.BatchNorm2d(8) if self.norm else nn.Identity()
        judge = nn.Sequential(nn.Conv2d(6, 8, 3, stride=2, padding=1), norm, nn.ReLU(), nn.Conv2d(8, 1, 3, padding=1))
        torch.set_rng_state(state)
        return Models(generator=generator.to(device), discriminator=judge.to(device), origin="from scratch: a toy")

    def generate(self, generator: nn.Module, source: Images) -> Images:
        """Return the virtual IHC."""
        images: Images = generator(source)
        return images

    def discriminator_loss(self, models: Models, pair: Pair, generated: Images) -> Terms:
        """Return the least-squares loss."""
        made = models.discriminator(torch.cat([generated, pair.source], 1))
        real = models.discriminator(torch.cat([pair.real, pair.source], 1))
        return {"generated": made.square().mean() / 2, "real": (real - 1).square().mean() / 2}

    def generator_loss(self, models: Models, pair: Pair, generated: Images, moment: Moment) -> Terms:
        """Return adversarial and L1 loss; from epoch ``blow_up`` on, ``blow_by`` times as much of it."""
        made = models.discriminator(torch.cat([generated, pair.source], 1))
        weight = 10.0 * (self.blow_by if self.blow_up and moment.epoch >= self.blow_up else 1.0)
        return {"adversarial": (made - 1).square().mean(), "l1": weight * l1_loss(generated, pair.real)}

    def optimisers(self, models: Models) -> Optimisers:
        """Return Adam for both."""
        sides = (models.generator, models.discriminator)
        return Optimisers(*(torch.optim.Adam(side.parameters(), lr=self.lr) for side in sides))

    def learning_rate(self, epoch: int) -> float:
        """Return a falling rate."""
        return self.lr * 0.9 ** (epoch - 1)


RECIPES.register("toy")(Toy())
