"""Pyramid Pix2Pix (Liu et al. 2022): pix2pix with an L1 loss at several octaves."""

from dataclasses import dataclass, replace
from typing import Annotated, Literal, Self

import torch
from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt
from torch import Tensor
from torch.nn import Module
from torch.optim import Adam

from vstain_adapters.shared.losses.adversarial_bce import discriminator_bce, generator_bce
from vstain_adapters.shared.losses.conditional_bce import conditioned
from vstain_adapters.shared.losses.octave_l1 import octave_l1
from vstain_adapters.shared.networks.patchgan import StridedPatchGan, minimum_side
from vstain_adapters.shared.networks.pix2pix_unet import Pix2PixUnet
from vstain_adapters.shared.networks.resnet_generator import ResnetGenerator, pix2pix_resnet
from vstain_adapters.shared.networks.weights import draw_normal, initialise
from vstain_adapters.shared.schedules import linear_decay, require_epochs, stretch
from vstain_adapters.shared.seeding import seeded
from vstain_adapters.shared.settings import Fraction, Variant
from vstain_bench.models.contract import Models, Moment, Optimisers, Pair, Terms
from vstain_bench.types import Images


@dataclass(frozen=True, kw_only=True)
class PyramidPix2Pix:
    """A ResNet of nine blocks with dropout against a conditional PatchGAN, batch norm in both.

    Values are those of the authors' code (bupt-ai-cz/BCI 841bd52, ``PyramidPix2pix/options``), which the paper reports
    its results with.

    Attributes:
        variant: ``paper``, or ``released`` for what the code does instead (README.md beside this file).
        octaves: Resolutions of the L1 loss (code: ``L1_L2_L3_L4``; the paper's best row has 2).
        octave_weight: Of each octave (code: 25).
        adversarial_weight: Of the generator's adversarial loss (1).
        generator_network: ``resnet`` (the paper's), or ``unet``, pix2pix's own, a row of its table.
        width: Channels of the generator's first layer.
        blocks: Residual blocks of the generator.
        discriminator_width: Channels of the discriminator's first layer.
        discriminator_layers: Its layers (3: patches of 70 px).
        lr: Learning rate.
        beta1: Adam.
        beta2: Adam.
        epochs: At the full learning rate.
        decay_epochs: In which it falls to zero.
        batch_size: Paper and code.
        crop: Side of random crops in px; None trains on whole tiles, as the code does.
        horizontal_flip: Code.
        vertical_flip: Code.
    """

    variant: Variant = "paper"
    octaves: Annotated[int, Field(ge=1, le=4)] = 4
    octave_weight: NonNegativeFloat = 25.0
    adversarial_weight: NonNegativeFloat = 1.0
    generator_network: Literal["resnet", "unet"] = "resnet"
    width: PositiveInt = 64
    blocks: NonNegativeInt = 9
    discriminator_width: PositiveInt = 64
    discriminator_layers: PositiveInt = 3
    lr: PositiveFloat = 2e-4
    beta1: Fraction = 0.5
    beta2: Fraction = 0.999
    epochs: NonNegativeInt = 100
    decay_epochs: NonNegativeInt = 100
    batch_size: PositiveInt = 2
    crop: PositiveInt | None = None
    horizontal_flip: bool = True
    vertical_flip: bool = False

    def __post_init__(self) -> None:
        require_epochs("pyramid_pix2pix", self.epochs, self.decay_epochs)

    @property
    def summary(self) -> str:
        """Networks and losses."""
        generator = f"ResNet of {self.blocks} blocks" if self.generator_network == "resnet" else "U-Net"
        return f"{generator} against a conditional PatchGAN; BCE + L1 at {self.octaves} octaves"

    @property
    def citation(self) -> str:
        """Paper and code."""
        return "Liu et al. 2022, BCI (CVPR Workshops); bupt-ai-cz/BCI 841bd52"

    @property
    def multiple(self) -> int:
        """The ResNet halves the resolution twice, the U-Net eight times."""
        return 4 if self.generator_network == "resnet" else 256

    @property
    def minimum_side(self) -> int:
        """Enough for the discriminator, and for the U-Net if it is the generator."""
        return max(self.multiple, minimum_side(self.discriminator_layers))

    @property
    def total_epochs(self) -> int:
        """Both phases."""
        return self.epochs + self.decay_epochs

    @property
    def with_replacement(self) -> bool:
        """An epoch sees each pair once."""
        return False

    @property
    def original_steps(self) -> int:
        """200 epochs of 3,896 / 2 steps on BCI's training tiles."""
        return 200 * 1948

    @property
    def original_select(self) -> str:
        """The code measures nothing and keeps the last epoch (``train.py:77-80``)."""
        return "latest"

    @property
    def original_precision(self) -> str:
        """The code has no other."""
        return "fp32"

    def lasting(self, epochs: int) -> Self:
        """Return the recipe with so many epochs, both phases in proportion."""
        constant, decay = stretch(self.epochs, self.decay_epochs, epochs)
        return replace(self, epochs=constant, decay_epochs=decay)

    def blank_generator(self) -> ResnetGenerator | Pix2PixUnet:
        """Return the generator with random weights."""
        if self.generator_network == "unet":
            return Pix2PixUnet(width=self.width)
        return pix2pix_resnet(width=self.width, blocks=self.blocks)

    def build(self, *, device: torch.device, seed: int) -> Models:
        """Return the networks, drawn from a normal of deviation 0.02."""
        with seeded(seed):
            generator = self.blank_generator()
            discriminator = StridedPatchGan(
                channels=6, width=self.discriminator_width, layers=self.discriminator_layers, norm="batch"
            )
            for network in (generator, discriminator):
                initialise(network, draw_normal)
        return Models(
            generator=generator.to(device), discriminator=discriminator.to(device), origin="from scratch: N(0, 0.02)"
        )

    def generate(self, generator: Module, source: Images) -> Images:
        """Return the virtual IHC; the network works on [-1, 1]."""
        images: Images = (generator(2 * source - 1) + 1) / 2
        return images

    def _logits(self, models: Models, ihc: Images, source: Images) -> Tensor:
        logits: Tensor = models.discriminator(conditioned(2 * ihc - 1, 2 * source - 1, first="source"))
        return logits

    def discriminator_loss(self, models: Models, pair: Pair, generated: Images) -> Terms:
        """Return the halves of the binary cross-entropy."""
        made = self._logits(models, generated, pair.source)
        return discriminator_bce(self._logits(models, pair.real, pair.source), made)

    def generator_loss(self, models: Models, pair: Pair, generated: Images, moment: Moment) -> Terms:
        """Return adversarial and pyramid loss."""
        weights = (self.octave_weight,) * self.octaves
        return {
            "adversarial": self.adversarial_weight * generator_bce(self._logits(models, generated, pair.source)),
            "octave_l1": octave_l1(2 * generated - 1, 2 * pair.real - 1, weights=weights),
        }

    def optimisers(self, models: Models) -> Optimisers:
        """Return Adam for both sides."""
        sides = (models.generated_by(), list(models.discriminator.parameters()))
        return Optimisers(*(Adam(side, lr=self.lr, betas=(self.beta1, self.beta2)) for side in sides))

    def learning_rate(self, epoch: int) -> float:
        """Return the rate, constant and then linearly to zero; the code's scheduler runs one epoch ahead."""
        lead = 1 if self.variant == "released" else 0
        return linear_decay(self.lr, self.epochs, self.decay_epochs, epoch, lead=lead)
