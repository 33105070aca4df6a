"""ASP (Li et al. 2023): contrastive translation, tied to the H&E and, less where they disagree, to the real IHC."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Self

import torch
from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt
from torch import Tensor
from torch.nn import Module
from torch.optim import Adam

from vstain_adapters.shared.losses.adaptive_patch_nce import Lookup, Schedule, adaptive_patch_nce
from vstain_adapters.shared.losses.gaussian_pyramid import gaussian_pyramid_l1
from vstain_adapters.shared.losses.lsgan import discriminator_lsgan, generator_lsgan
from vstain_adapters.shared.losses.patch_nce import patch_nce
from vstain_adapters.shared.networks.patch_projector import PatchProjector, draw_places
from vstain_adapters.shared.networks.patchgan import AntialiasedPatchGan, minimum_side
from vstain_adapters.shared.networks.resnet_generator import ResnetGenerator, asp_generator, feature_widths
from vstain_adapters.shared.networks.weights import draw_xavier, initialise
from vstain_adapters.shared.schedules import linear_decay, require_epochs, stretch
from vstain_adapters.shared.seeding import seeded
from vstain_adapters.shared.settings import Fraction, Variant
from vstain_bench.errors import UsageError
from vstain_bench.models.contract import Models, Moment, Optimisers, Pair, Terms
from vstain_bench.types import Images


@dataclass(frozen=True, kw_only=True)
class Asp:
    """A ResNet of six blocks against an unconditional PatchGAN, spectral norm in both, and four losses.

    Values are those of the authors' run file (lifangda01/AdaptiveSupervisedPatchNCE b113ed2,
    ``experiments/mist_launcher.py``), which they name as the paper's.

    Attributes:
        variant: ``paper``, or ``released`` for what the code does instead (README.md beside this file).
        adversarial_weight: Of the generator's least-squares loss.
        nce_weight: Of PatchNCE against the H&E.
        asp_weight: Of adaptive supervised PatchNCE against the real IHC.
        pyramid_weight: Of the Gaussian pyramid loss.
        pyramid_weights: Of its levels, finest first.
        schedule: How trust in the pairs falls with training.
        lookup: What a place deserves by its similarity.
        layers: Generator layers whose features are compared.
        patches: Places per layer and image.
        temperature: Of both contrastive losses.
        projector_size: Length of a projected feature.
        width: Channels of the generator's first layer.
        blocks: Its residual blocks.
        discriminator_width: Channels of the discriminator's first layer.
        discriminator_layers: Its layers.
        lr: Learning rate.
        beta1: Adam.
        beta2: Adam.
        epochs: At the full learning rate.
        decay_epochs: In which it falls to zero.
        batch_size: Code.
        crop: Side of the random crops in px, None for whole tiles.
        horizontal_flip: Code.
        vertical_flip: Code.
    """

    variant: Variant = "paper"
    adversarial_weight: NonNegativeFloat = 1.0
    nce_weight: NonNegativeFloat = 10.0
    asp_weight: NonNegativeFloat = 10.0
    pyramid_weight: NonNegativeFloat = 10.0
    pyramid_weights: Annotated[tuple[NonNegativeFloat, ...], Field(min_length=1)] = (
        1 / 64, 1 / 32, 1 / 16, 1 / 8, 1 / 4, 1.0,
    )  # fmt: skip
    schedule: Schedule = "lambda"
    lookup: Lookup = "linear"
    layers: Annotated[tuple[NonNegativeInt, ...], Field(min_length=1)] = (0, 4, 8, 12, 16)
    patches: PositiveInt = 256
    temperature: PositiveFloat = 0.07
    projector_size: PositiveInt = 256
    width: PositiveInt = 64
    blocks: NonNegativeInt = 6
    discriminator_width: PositiveInt = 32
    discriminator_layers: PositiveInt = 5
    lr: PositiveFloat = 2e-4
    beta1: Fraction = 0.5
    beta2: Fraction = 0.999
    epochs: NonNegativeInt = 30
    decay_epochs: NonNegativeInt = 10
    batch_size: PositiveInt = 1
    crop: PositiveInt | None = 512
    horizontal_flip: bool = True
    vertical_flip: bool = False

    def __post_init__(self) -> None:
        require_epochs("asp", self.epochs, self.decay_epochs)
        deepest = 11 + self.blocks
        if max(self.layers) > deepest:
            raise UsageError(
                where=f"recipe asp, layers {self.layers}",
                found=f"layer {max(self.layers)} lies behind the residual blocks",
                expected=f"layers of the encoder, 0 to {deepest} with {self.blocks} blocks",
            )

    @property
    def summary(self) -> str:
        """Networks and losses, as far as they are switched on."""
        losses = ["LSGAN"] + ["PatchNCE"] * bool(self.nce_weight) + ["Gaussian pyramid"] * bool(self.pyramid_weight)
        losses += [f"adaptive supervised PatchNCE ({self.schedule}, {self.lookup})"] * bool(self.asp_weight)
        return f"ResNet of {self.blocks} blocks against a PatchGAN; {' + '.join(losses)}"

    @property
    def citation(self) -> str:
        """Paper and code."""
        return "Li et al. 2023, ASP (MICCAI), arXiv:2303.06193; lifangda01/AdaptiveSupervisedPatchNCE b113ed2"

    @property
    def multiple(self) -> int:
        """The generator halves the resolution twice."""
        return 4

    @property
    def minimum_side(self) -> int:
        """Enough for the discriminator, and for every level of the pyramid."""
        return max(minimum_side(self.discriminator_layers), int(2 ** len(self.pyramid_weights)))

    @property
    def total_epochs(self) -> int:
        """Both phases."""
        return self.epochs + self.decay_epochs

    @property
    def with_replacement(self) -> bool:
        """The code's data set draws at random whatever index it is asked for."""
        return self.variant == "released"

    @property
    def original_steps(self) -> int:
        """40 epochs of 4,642 steps on MIST's HER2 training tiles."""
        return 40 * 4642

    @property
    def original_select(self) -> str:
        """The code measures nothing and keeps the last epoch (``train.py:74-77``)."""
        return "latest"

    @property
    def original_precision(self) -> str:
        """The code has no other."""
        return "fp32"

    def lasting(self, epochs: int) -> Self:
        """Return the recipe with so many epochs, both phases in proportion."""
        constant, decay = stretch(self.epochs, self.decay_epochs, epochs)
        return replace(self, epochs=constant, decay_epochs=decay)

    def blank_generator(self) -> ResnetGenerator:
        """Return the generator with random weights."""
        return asp_generator(width=self.width, blocks=self.blocks)

    def build(self, *, device: torch.device, seed: int) -> Models:
        """Return the networks, drawn by Xavier's rule times 0.02."""
        with seeded(seed):
            generator = self.blank_generator()
            discriminator = AntialiasedPatchGan(
                channels=3, width=self.discriminator_width, layers=self.discriminator_layers, norm="instance"
            )
            projector = PatchProjector(feature_widths(self.width, self.layers), self.projector_size)
            for network in (generator, discriminator, projector):
                initialise(network, draw_xavier)
        return Models(
            generator=generator.to(device),
            discriminator=discriminator.to(device),
            projector=projector.to(device),
            origin="from scratch: Xavier's normal, times 0.02",
        )

    def generate(self, generator: Module, source: Images) -> Images:
        """Return the virtual IHC; the network works on [-1, 1]."""
        images: Images = (generator(2 * source - 1) + 1) / 2
        return images

    def discriminator_loss(self, models: Models, pair: Pair, generated: Images) -> Terms:
        """Return the halves of the least-squares loss; the discriminator does not see the H&E."""
        made = models.discriminator(2 * generated - 1)
        return discriminator_lsgan(models.discriminator(2 * pair.real - 1), made)

    def generator_loss(self, models: Models, pair: Pair, generated: Images, moment: Moment) -> Terms:
        """Return adversarial, PatchNCE, adaptive supervised PatchNCE and pyramid loss."""
        made, real = 2 * generated - 1, 2 * pair.real - 1
        terms = {"adversarial": self.adversarial_weight * generator_lsgan(models.discriminator(made))}
        features = self._encode(models, {"made": made, "source": 2 * pair.source - 1, "real": real})
        if self.nce_weight:
            terms["nce"] = self.nce_weight * self._contrast(models, features, "source", moment, adaptive=False)
        if self.asp_weight:
            terms["asp"] = self.asp_weight * self._contrast(models, features, "real", moment, adaptive=True)
        if self.pyramid_weight:
            terms["pyramid"] = self.pyramid_weight * gaussian_pyramid_l1(made, real, weights=self.pyramid_weights)
        return terms

    def _encode(self, models: Models, images: Mapping[str, Images]) -> dict[str, Sequence[Tensor]]:
        """Return the features of each image that a loss compares.

        Each pass moves the vectors of the spectral norm on by an iteration, so that their order is felt: in the code
        (``models/cpt_model.py:197-199``) the H&E comes first, and none is left out.
        """
        order = ["source", "made", "real"]
        if self.variant == "paper":
            order = ["made"] + ["source"] * bool(self.nce_weight) + ["real"] * bool(self.asp_weight)
        features = {}
        for side in order:
            with torch.set_grad_enabled(side == "made" and torch.is_grad_enabled()):  # no loss lets one into the others
                features[side] = models.generator(images[side], layers=self.layers)
        return features

    def _contrast(
        self, models: Models, features: Mapping[str, Sequence[Tensor]], other: str, moment: Moment, *, adaptive: bool
    ) -> Tensor:
        """Return the mean loss of generated features against those of another image, over layers and places."""
        assert models.projector is not None
        query, images = features["made"], len(features["made"][0])
        places = draw_places(query, self.patches, moment.random)
        with torch.no_grad():  # the loss lets no gradient into this side
            keys = models.projector(features[other], places)
        losses = []
        for mine, theirs in zip(models.projector(query, places), keys, strict=True):
            if adaptive:
                loss = adaptive_patch_nce(
                    mine,
                    theirs,
                    images=images,
                    schedule=self.schedule,
                    lookup=self.lookup,
                    progress=(moment.epoch - 1) / moment.epochs,
                    decay_start=1 - self.decay_epochs / self.total_epochs,
                    temperature=self.temperature,
                )
            else:
                loss = patch_nce(mine, theirs, images=images, temperature=self.temperature)
            losses.append(loss.mean())
        return torch.stack(losses).mean()

    def optimisers(self, models: Models) -> Optimisers:
        """Return Adam for both sides; generator and projector share one, which is the same as one each."""
        sides = (models.generated_by(), list(models.discriminator.parameters()))
        return Optimisers(*(Adam(side, lr=self.lr, betas=(self.beta1, self.beta2)) for side in sides))

    def learning_rate(self, epoch: int) -> float:
        """Return the rate, constant and then linearly to zero."""
        return linear_decay(self.lr, self.epochs, self.decay_epochs, epoch)
