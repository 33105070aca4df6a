"""The CSSP2P family: one recipe, four settings of it (CSSP2P paper, sections 2 and 3, table 1)."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal, Self

import torch
from pydantic import NonNegativeFloat, PositiveFloat, PositiveInt
from torch import Tensor
from torch.nn import Module
from torch.optim import AdamW

from vstain_adapters.shared.encoder_weights import load_encoder
from vstain_adapters.shared.imagenet import normalise
from vstain_adapters.shared.losses.adversarial_bce import discriminator_bce, generator_bce
from vstain_adapters.shared.losses.conditional_bce import conditioned
from vstain_adapters.shared.losses.css import css_loss
from vstain_adapters.shared.losses.pyramid_l1 import pyramid_l1
from vstain_adapters.shared.networks.patchgan import AntialiasedPatchGan, StridedPatchGan, minimum_side
from vstain_adapters.shared.networks.resunet import ResUnet
from vstain_adapters.shared.networks.unet import Backbone, Unet
from vstain_adapters.shared.schedules import exponential
from vstain_adapters.shared.seeding import seeded
from vstain_adapters.shared.settings import Fraction, Variant
from vstain_bench.errors import UsageError
from vstain_bench.models.contract import Models, Moment, Optimisers, Pair, Terms
from vstain_bench.types import Images


@dataclass(frozen=True, kw_only=True)
class Cssp2p:
    """A U-Net against a spectrally normed PatchGAN, with pyramid L1 and CSS loss as far as their weights say.

    "Details" is the paper's paragraph "Implementation Details"; "code" its repository at 9032585.

    Attributes:
        variant: ``paper``, or ``released`` for what the code does instead (README.md beside this file).
        conditioned: Whether the discriminator sees the H&E too (section 2; BCE against cBCE GAN).
        pyramid_weight: Of the pyramid L1 loss (section 2; code: 1); 0 leaves it out.
        css_weight: Of the CSS loss (section 2; code: 1); 0 leaves it out.
        generator_network: ``unet`` (Details) or ``resunet`` (code); None takes the variant's.
        discriminator_network: ``strided`` (Details, PatchGAN) or ``antialiased`` (code); None takes the variant's.
        backbone: The U-Net's encoder (Details: ResNet-50); a smaller one for trials.
        encoder_weights: ``imagenet`` (Details), ``none``, or a file.
        discriminator_width: Channels of the discriminator's first layer (code).
        discriminator_layers: Its layers (Details: "4-layer PatchGAN").
        lr: Learning rate (Details).
        gamma: Factor of the learning rate per epoch (Details).
        beta1: AdamW (Details).
        beta2: AdamW (Details).
        weight_decay: AdamW (Details).
        epochs: Details.
        batch_size: Details.
        crop: Side of the random crops in px (code), None for whole tiles.
        horizontal_flip: Code.
        vertical_flip: Code.
    """

    variant: Variant = "paper"
    conditioned: bool = True
    pyramid_weight: NonNegativeFloat = 1.0
    css_weight: NonNegativeFloat = 1.0
    generator_network: Literal["unet", "resunet"] | None = None
    discriminator_network: Literal["strided", "antialiased"] | None = None
    backbone: Backbone = "resnet50"
    encoder_weights: str = "imagenet"
    discriminator_width: PositiveInt = 64
    discriminator_layers: PositiveInt = 4
    lr: PositiveFloat = 5e-5
    gamma: Fraction = 0.995
    beta1: Fraction = 0.5
    beta2: Fraction = 0.999
    weight_decay: NonNegativeFloat = 1e-5
    epochs: PositiveInt = 200
    batch_size: PositiveInt = 8
    crop: PositiveInt | None = 512
    horizontal_flip: bool = True
    vertical_flip: bool = True

    def __post_init__(self) -> None:
        if self._resunet and self.backbone != "resnet50":
            raise UsageError(
                where=f"recipe cssp2p, backbone '{self.backbone}'",
                found="the authors' ResUNet has a resnet50",
                next_step="Leave the backbone as it is, or set generator_network=unet.",
            )

    @property
    def summary(self) -> str:
        """Networks and losses, as far as they are switched on."""
        generator = "the authors' ResUNet" if self._resunet else f"U-Net ({self.backbone})"
        judge = "conditional PatchGAN" if self.conditioned else "PatchGAN"
        losses = ["BCE"] + ["pyramid L1"] * bool(self.pyramid_weight) + ["CSS"] * bool(self.css_weight)
        return f"{generator} against a {judge}; {' + '.join(losses)}"

    @property
    def citation(self) -> str:
        """Paper and code."""
        return "arXiv:2511.18946 (DGM4MICCAI 2025); Jose-Miguel-Teixeira/CSSP2P-GAN 9032585"

    @property
    def _resunet(self) -> bool:
        return (self.generator_network or ("resunet" if self.variant == "released" else "unet")) == "resunet"

    @property
    def _antialiased(self) -> bool:
        released = "antialiased" if self.variant == "released" else "strided"
        return (self.discriminator_network or released) == "antialiased"

    @property
    def multiple(self) -> int:
        """The encoder halves the resolution five times, the authors' four."""
        return 16 if self._resunet else 32

    @property
    def minimum_side(self) -> int:
        """Two places at the bottom of the generator, and enough for the discriminator."""
        return max(2 * self.multiple, minimum_side(self.discriminator_layers))

    @property
    def total_epochs(self) -> int:
        """There is one phase."""
        return self.epochs

    @property
    def with_replacement(self) -> bool:
        """An epoch sees each pair once."""
        return False

    @property
    def original_steps(self) -> int:
        """200 epochs of ⌈11,610 / 8⌉ steps on HER2match's training tiles."""
        return 200 * 1452

    @property
    def original_select(self) -> str:
        """LPIPS of a VGG-16 fed [0, 1] (code: ``GAN_train_callbacks.yaml:34-38``, ``stain_metrics.py:135-138``)."""
        return "lpips_vgg_unscaled"

    @property
    def original_precision(self) -> str:
        """Code: ``CSSP2PGAN_config.yaml:114``, bf16-mixed; the paper names none."""
        return "bf16"

    def lasting(self, epochs: int) -> Self:
        """Return the recipe with so many epochs; the learning rate falls by ``gamma`` in each of them."""
        return replace(self, epochs=epochs)

    def blank_generator(self) -> ResUnet | Unet:
        """Return the generator with random weights."""
        return ResUnet() if self._resunet else Unet(backbone=self.backbone)

    def _blank_discriminator(self) -> AntialiasedPatchGan | StridedPatchGan:
        patchgan: Callable[..., AntialiasedPatchGan | StridedPatchGan] = StridedPatchGan
        if self._antialiased:
            gain = 1 / 16 if self.variant == "released" else 1.0
            patchgan = partial(AntialiasedPatchGan, gain=gain, filters_stored=False)
        return patchgan(
            channels=6 if self.conditioned else 3,
            width=self.discriminator_width,
            layers=self.discriminator_layers,
            norm="batch",
            spectral_norm=True,
        )

    def build(self, *, device: torch.device, seed: int) -> Models:
        """Return the networks, PyTorch's initial weights but for the encoder's."""
        with seeded(seed):
            generator = self.blank_generator()
            discriminator = self._blank_discriminator()
        encoder = generator.encoder.model if isinstance(generator, ResUnet) else generator.encoder
        origin = load_encoder(encoder, self.encoder_weights, backbone=self.backbone)
        return Models(generator=generator.to(device), discriminator=discriminator.to(device), origin=origin)

    def generate(self, generator: Module, source: Images) -> Images:
        """Return the virtual IHC; the encoder expects ImageNet's mean and deviation."""
        images: Images = generator(normalise(source))
        return images

    def _logits(self, models: Models, ihc: Images, source: Images) -> Tensor:
        if not self.conditioned:
            logits: Tensor = models.discriminator(ihc)
            return logits
        scaled = normalise(source) if self.variant == "released" else source
        logits = models.discriminator(conditioned(ihc, scaled, first="ihc"))
        return logits

    def discriminator_loss(self, models: Models, pair: Pair, generated: Images) -> Terms:
        """Return the halves of the binary cross-entropy."""
        made = self._logits(models, generated, pair.source)
        return discriminator_bce(self._logits(models, pair.real, pair.source), made)

    def generator_loss(self, models: Models, pair: Pair, generated: Images, moment: Moment) -> Terms:
        """Return adversarial, pyramid L1 and CSS loss."""
        terms = {"adversarial": generator_bce(self._logits(models, generated, pair.source))}
        if self.pyramid_weight:
            terms["pyramid_l1"] = self.pyramid_weight * pyramid_l1(generated, pair.real, variant=self.variant)
        if self.css_weight:
            terms["css"] = self.css_weight * css_loss(generated, pair.source, variant=self.variant)
        return terms

    def optimisers(self, models: Models) -> Optimisers:
        """Return AdamW for both sides."""
        sides = (models.generated_by(), list(models.discriminator.parameters()))
        betas = (self.beta1, self.beta2)
        return Optimisers(*(AdamW(side, lr=self.lr, betas=betas, weight_decay=self.weight_decay) for side in sides))

    def learning_rate(self, epoch: int) -> float:
        """Return the exponentially falling rate."""
        return exponential(self.lr, self.gamma, epoch)
