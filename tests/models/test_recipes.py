"""Every recipe builds, takes steps that help, and does so the same way each time; schedules are PyTorch's."""

import dataclasses
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from vstain_adapters.cssp2p import Cssp2p
from vstain_adapters.pyramid_pix2pix import PyramidPix2Pix
from vstain_adapters.shared.imagenet import normalise
from vstain_bench.base.config import change, parse_assignments, read_settings, settings_to_toml
from vstain_bench.errors import UsageError
from vstain_bench.models.contract import RECIPES, Models, Moment, Pair, Recipe, Terms, match_steps
from vstain_bench.models.training.step import Share, total, train_step
from vstain_bench.phantom import phantom_tile

NAMES = ("asp", "bce", "cbce", "cssp2p", "p2p", "pyramid_pix2pix")
CPU = torch.device("cpu")

# what makes each small enough for a test
SMALL: dict[str, dict[str, object]] = {
    name: {"backbone": "resnet18", "encoder_weights": "none", "discriminator_width": 4} for name in NAMES
} | {
    "asp": {"width": 4, "discriminator_width": 4, "discriminator_layers": 2, "patches": 32},
    "pyramid_pix2pix": {"width": 8, "blocks": 2, "discriminator_width": 4},
}


def small(name: str, **values: object) -> Recipe:
    return change(RECIPES[name], SMALL[name] | values, where="test")


@pytest.fixture(scope="module")
def pair() -> Pair:
    drawn = [phantom_tile(seed=seed, label=label, size=(64, 64)) for seed, label in ((1, "3+"), (2, "0"))]
    sides = ([tile.source for tile in drawn], [tile.real for tile in drawn])
    return Pair(*(torch.from_numpy(np.stack(side)).permute(0, 3, 1, 2).float().contiguous() for side in sides))


def moment(step: int = 0, epoch: int = 1, epochs: int = 40) -> Moment:
    return Moment(epoch, epochs, torch.Generator().manual_seed(step))


def train(recipe: Recipe, pair: Pair, steps: int, seed: int = 5) -> tuple[Models, list[tuple[Terms, Terms]]]:
    torch.manual_seed(seed)  # dropout
    models = recipe.build(device=CPU, seed=seed)
    optimisers = recipe.optimisers(models)
    return models, [train_step(recipe, models, optimisers, [Share(pair)], moment(step)) for step in range(steps)]


def tensors(models: Models) -> list[torch.Tensor]:
    networks = [models.generator, models.discriminator, *([models.projector] if models.projector else [])]
    return [value for network in networks for value in network.state_dict().values()]


def test_the_six_recipes_are_registered() -> None:
    assert tuple(name for name in RECIPES if name in NAMES) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_few_steps_lower_what_can_be_lowered(name: str, pair: Pair) -> None:
    """On one batch: the parts of the generator's loss that no opponent raises, and the discriminator's loss."""
    _, history = train(small(name, lr=1e-3), pair, steps=12)
    own = [sum(float(term) for key, term in made.items() if key != "adversarial") for _, made in history]
    judged = [float(total(terms)) for terms, _ in history]
    assert all(math.isfinite(value) for value in own + judged)
    if name in ("bce", "cbce"):
        assert set(history[0][1]) == {"adversarial"}
        assert np.mean(judged[-3:]) < 0.9 * np.mean(judged[:2])
    else:
        assert np.mean(own[-3:]) < 0.9 * np.mean(own[:2])


@pytest.mark.parametrize("name", NAMES)
def test_steps_are_the_same_each_time_and_train_every_network(name: str, pair: Pair) -> None:
    recipe = small(name)
    before = recipe.build(device=CPU, seed=5)
    models, history = train(recipe, pair, steps=2)
    again, history_again = train(recipe, pair, steps=2)
    assert all(torch.equal(one, other) for one, other in zip(tensors(models), tensors(again), strict=True))
    assert history == history_again
    sides = [(before.generator, models.generator), (before.discriminator, models.discriminator)]
    sides += [(before.projector, models.projector)] if before.projector and models.projector else []
    for one, other in sides:
        assert all(parameter.requires_grad for parameter in other.parameters())
        moved = [not torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True)]
        assert np.mean(moved) > 0.95  # a bias before a norm has no gradient
    assert (models.projector is not None) == (name == "asp")


@pytest.mark.parametrize("name", NAMES)
def test_weights_depend_on_the_seed_and_on_nothing_else(name: str) -> None:
    recipe = small(name)
    torch.manual_seed(1)
    one = recipe.build(device=CPU, seed=3)
    drawn = torch.rand(1)
    torch.manual_seed(1)
    assert torch.equal(torch.rand(1), drawn)  # building draws from nobody else's numbers
    torch.manual_seed(2)
    other, different = recipe.build(device=CPU, seed=3), recipe.build(device=CPU, seed=4)
    assert all(torch.equal(a, b) for a, b in zip(tensors(one), tensors(other), strict=True))
    assert any(not torch.equal(a, b) for a, b in zip(tensors(one), tensors(different), strict=True))
    assert "scratch" in one.origin


@pytest.mark.parametrize("name", NAMES)
def test_a_checkpoint_fits_the_blank_generator(name: str, pair: Pair) -> None:
    """On the meta device nothing is drawn, no encoder weights are needed, and the stain is the same afterwards."""
    recipe = small(name)
    models = recipe.build(device=CPU, seed=0)
    needy = change(recipe, {"encoder_weights": "imagenet"}, where="test") if "backbone" in SMALL[name] else recipe
    with torch.device("meta"):
        blank = needy.blank_generator()
    blank.load_state_dict(models.generator.state_dict(), strict=True, assign=True)
    with torch.no_grad():
        stains = [recipe.generate(network.eval(), pair.source) for network in (models.generator, blank)]
    assert torch.equal(*stains)


@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_stains_within_the_range(name: str, pair: Pair) -> None:
    recipe = small(name)
    models = recipe.build(device=CPU, seed=0)
    assert all(network.training for network in (models.generator, models.discriminator))
    with torch.no_grad():
        stained = recipe.generate(models.generator, pair.source)
    assert stained.shape == pair.source.shape
    assert 0 <= float(stained.min()) <= float(stained.max()) <= 1


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("variant", ["paper", "released"])
def test_the_smallest_side_is_one_that_trains(name: str, variant: str) -> None:
    own: dict[str, object] = {"discriminator_layers": 5} if name == "asp" else {"backbone": "resnet50"}
    values = {"variant": variant} | ({} if name == "pyramid_pix2pix" else own)
    recipe = small(name, **values)
    side = recipe.minimum_side
    assert side % recipe.multiple == 0
    torch.manual_seed(0)
    tiny = Pair(torch.rand(1, 3, side, side), torch.rand(1, 3, side, side))
    models = recipe.build(device=torch.device("cpu"), seed=0)
    generated = recipe.generate(models.generator, tiny.source)
    assert math.isfinite(float(total(recipe.generator_loss(models, tiny, generated, moment())).detach()))


@pytest.mark.parametrize("name", NAMES)
def test_gradients_of_the_discriminator_wait_for_its_own_step(name: str, pair: Pair) -> None:
    recipe = small(name)
    models = recipe.build(device=CPU, seed=0)
    seen: list[bool] = []

    def backward(loss: torch.Tensor) -> None:
        seen.append(next(models.discriminator.parameters()).requires_grad)
        loss.backward()

    train_step(recipe, models, recipe.optimisers(models), [Share(pair)], moment(), backward=backward)
    assert seen == [True, False]
    assert next(models.discriminator.parameters()).requires_grad


# --- the objective, written out ---


def flat(value: float) -> torch.nn.Module:
    """A discriminator that answers the same logit everywhere and remembers what it was asked."""

    class Flat(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.asked: list[torch.Tensor] = []

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            self.asked.append(images)
            return torch.full((len(images), 1, 2, 2), value) + 0 * images.mean()

    return Flat()


def asked(recipe: Recipe, pair: Pair) -> tuple[Any, Terms, Terms]:
    judge: Any = flat(0.7)
    models = dataclasses.replace(recipe.build(device=CPU, seed=0), discriminator=judge)
    generated = recipe.generate(models.generator, pair.source).detach()
    judged = recipe.discriminator_loss(models, pair, generated)
    return judge, judged, recipe.generator_loss(models, pair, generated, moment())


# name, channels the discriminator sees, where the IHC begins, its range, and the terms of the generator's loss
SEEN = {
    "bce": (3, 0, 1, {"adversarial"}),
    "cbce": (6, 0, 1, {"adversarial"}),
    "p2p": (6, 0, 1, {"adversarial", "pyramid_l1"}),
    "cssp2p": (6, 0, 1, {"adversarial", "pyramid_l1", "css"}),
    "pyramid_pix2pix": (6, 3, 2, {"adversarial", "octave_l1"}),
    "asp": (3, 0, 2, {"adversarial", "nce", "asp", "pyramid"}),
}


@pytest.mark.parametrize("name", SEEN)
def test_what_the_discriminator_sees_and_the_generator_pays(name: str, pair: Pair) -> None:
    width, begin, spread, terms = SEEN[name]
    judge, judged, made = asked(small(name), pair)
    fake, real, again = judge.asked
    scale = (lambda images: images) if spread == 1 else (lambda images: 2 * images - 1)
    assert real.shape[1] == width
    torch.testing.assert_close(real[:, begin : begin + 3], scale(pair.real))
    torch.testing.assert_close(fake, again)
    if width == 6:
        torch.testing.assert_close(real[:, 3 - begin : 6 - begin], scale(pair.source))
    assert set(made) == terms
    logit = torch.tensor(0.7)
    expected = float((logit - 1) ** 2) if name == "asp" else float(-torch.nn.functional.logsigmoid(logit))
    assert float(made["adversarial"]) == pytest.approx(expected, rel=1e-5)
    halves = (
        (expected, float(logit**2)) if name == "asp" else (expected, float(-torch.nn.functional.logsigmoid(-logit)))
    )
    assert float(total(judged)) == pytest.approx(sum(halves) / 2, rel=1e-5)


def test_released_cssp2p_judges_the_normalised_he_by_the_authors_networks(pair: Pair) -> None:
    recipe = change(
        RECIPES["cssp2p"], {"variant": "released", "encoder_weights": "none", "discriminator_width": 4}, where="test"
    )
    assert recipe.multiple == 16
    models = recipe.build(device=CPU, seed=0)
    assert type(models.generator).__name__ == "ResUnet"
    assert type(models.discriminator).__name__ == "AntialiasedPatchGan"
    judge: Any = flat(0.0)
    recipe.discriminator_loss(dataclasses.replace(models, discriminator=judge), pair, pair.real)
    torch.testing.assert_close(judge.asked[1][:, 3:], normalise(pair.source))


def test_either_network_can_be_chosen_without_the_variant() -> None:
    recipe = small("cssp2p", discriminator_network="antialiased")
    models = recipe.build(device=CPU, seed=0)
    assert (type(models.generator).__name__, type(models.discriminator).__name__) == ("Unet", "AntialiasedPatchGan")
    with pytest.raises(UsageError, match="ResUNet has a resnet50"):
        Cssp2p(generator_network="resunet", backbone="resnet18")


# --- defaults, schedules, epochs ---


@pytest.mark.parametrize("name", ["cssp2p", "pyramid_pix2pix", "asp"])
def test_optimisers_are_those_of_the_papers(name: str) -> None:
    optimisers = RECIPES[name].optimisers(small(name).build(device=CPU, seed=0))
    for optimiser in (optimisers.generator, optimisers.discriminator):
        assert type(optimiser).__name__ == ("AdamW" if name == "cssp2p" else "Adam")
        assert optimiser.defaults["lr"] == (5e-5 if name == "cssp2p" else 2e-4)
        assert optimiser.defaults["betas"] == (0.5, 0.999)
        assert optimiser.defaults["weight_decay"] == (1e-5 if name == "cssp2p" else 0)


def test_exponential_rate_is_pytorchs() -> None:
    recipe = RECIPES["cssp2p"]
    optimiser = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=recipe.lr)
    scheduler = torch.optim.lr_scheduler.ExponentialLR(optimiser, gamma=0.995)
    for epoch in range(1, 201):
        assert recipe.learning_rate(epoch) == pytest.approx(optimiser.param_groups[0]["lr"], rel=1e-9)
        optimiser.step()
        scheduler.step()


@pytest.mark.parametrize(
    ("name", "variant"), [("asp", "paper"), ("pyramid_pix2pix", "paper"), ("pyramid_pix2pix", "released")]
)
def test_linear_rate_is_that_of_a_lambda_scheduler(name: str, variant: str) -> None:
    """pix2pix's rule; BCI's script steps it before the first epoch, which spends the last one at a rate of zero."""
    recipe: Any = change(RECIPES[name], {"variant": variant}, where="test")
    constant, decay = recipe.epochs, recipe.decay_epochs
    optimiser = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=recipe.lr)
    scheduler = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda epoch: 1.0 - max(0, epoch + 1 - constant) / float(decay + 1)
    )
    early = variant == "released"
    for epoch in range(1, constant + decay + 1):
        optimiser.step()
        if early:
            scheduler.step()
        assert recipe.learning_rate(epoch) == pytest.approx(optimiser.param_groups[0]["lr"], rel=1e-9, abs=1e-15)
        if not early:
            scheduler.step()
    assert (recipe.learning_rate(constant + decay) == 0) == early


def test_matched_epochs_are_those_of_the_comparison() -> None:
    """On HER2match's 11,610 tiles: about 67 epochs of Pyramid Pix2Pix and 16 of ASP."""
    pyramid, asp = match_steps(RECIPES["pyramid_pix2pix"], 11_610), match_steps(RECIPES["asp"], 11_610)
    assert (pyramid.total_epochs, asp.total_epochs) == (67, 16)
    assert isinstance(pyramid, PyramidPix2Pix)
    assert (pyramid.epochs, pyramid.decay_epochs) == (33, 34)
    assert (asp.epochs, asp.decay_epochs) == (12, 4)  # type: ignore[attr-defined]  # an Asp
    assert match_steps(RECIPES["cssp2p"], 11_610).total_epochs == 200
    assert match_steps(RECIPES["cssp2p"], 64).total_epochs == 36_300
    assert match_steps(RECIPES["asp"], 10**7).total_epochs == 1


def test_trust_in_the_pairs_falls_with_the_epochs(pair: Pair) -> None:
    """The last epoch weighs places by their similarity, the first does not; PatchNCE is the same in both."""
    recipe = small("asp")
    models = recipe.build(device=CPU, seed=0)
    models.generator.eval()  # the spectral norm stands still
    models.discriminator.eval()
    with torch.no_grad():
        generated = recipe.generate(models.generator, pair.source)
        first, last = (recipe.generator_loss(models, pair, generated, moment(epoch=epoch)) for epoch in (1, 40))
    assert float(first["asp"]) != float(last["asp"])
    assert float(first["nce"]) == float(last["nce"])
    assert small("asp", variant="released").with_replacement
    assert not recipe.with_replacement


# variant, and the images in the order in which the encoder sees them; released: cpt_model.py:197-199
PASSES = [("paper", ["generated", "source", "real"]), ("released", ["source", "generated", "real"])]


@pytest.mark.parametrize(("variant", "order"), PASSES)
def test_the_encoder_of_asp_sees_images_in_the_order_of_the_variant(variant: str, order: list[str], pair: Pair) -> None:
    recipe = small("asp", variant=variant)
    models = recipe.build(device=CPU, seed=0)
    generated = recipe.generate(models.generator, pair.source)
    sides = {"source": pair.source, "generated": generated, "real": pair.real}
    seen: list[str] = []

    def look(_: object, inputs: tuple[torch.Tensor, ...]) -> None:
        seen.extend(name for name, images in sides.items() if torch.equal(inputs[0], 2 * images - 1))

    models.generator.register_forward_pre_hook(look)
    recipe.generator_loss(models, pair, generated, moment())
    assert seen == order


# --- settings ---


@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_is_written_and_read_again(name: str, tmp_path: Path) -> None:
    file = tmp_path / "recipe.toml"
    file.write_text(settings_to_toml(RECIPES[name]), "utf-8")
    other = RECIPES["cbce"] if name in ("bce", "p2p", "cssp2p") else RECIPES[name]
    assert read_settings(other, file) == RECIPES[name]
    changed = change(RECIPES[name], parse_assignments(["lr=1e-4", "batch_size=3", "crop=128"]), where="--set")
    assert (changed.lr, changed.batch_size, changed.crop) == (1e-4, 3, 128)


@pytest.mark.parametrize("text", ["layers=0,4,8", "layers=[0, 4, 8]"])
def test_layers_are_a_list(text: str) -> None:
    assert change(RECIPES["asp"], parse_assignments([text]), where="--set").layers == (0, 4, 8)  # type: ignore[attr-defined]  # an Asp


# settings that contradict each other, and what the error says
@pytest.mark.parametrize(
    ("name", "values", "words"),
    [
        ("asp", {"epochs": 0, "decay_epochs": 0}, "nothing to train"),
        ("pyramid_pix2pix", {"epochs": 0, "decay_epochs": 0}, "nothing to train"),
        ("asp", {"blocks": 2}, "layer 16 lies behind the residual blocks"),
        ("asp", {"layers": "0;4;8"}, "Separate values by commas, e.g. layers=0,4,8,12,16."),
        ("asp", {"layers": "0,4,99"}, "layer 99 lies behind the residual blocks"),
        ("asp", {"schedule": "lamda"}, "'sigmoid', 'linear', 'lambda' or 'zero'"),
        ("cssp2p", {"pyramid_wieght": 1.0}, "Did you mean 'pyramid_weight'?"),
        ("pyramid_pix2pix", {"octaves": 5}, "less than or equal to 4"),
    ],
)
def test_impossible_settings_are_refused(name: str, values: dict[str, object], words: str) -> None:
    with pytest.raises(UsageError) as told:
        change(RECIPES[name], values, where="--set")
    assert words in str(told.value)


def test_a_summary_says_what_is_switched_on() -> None:
    assert RECIPES["bce"].summary == "U-Net (resnet50) against a PatchGAN; BCE"
    assert RECIPES["cssp2p"].summary == "U-Net (resnet50) against a conditional PatchGAN; BCE + pyramid L1 + CSS"
    assert "ResUNet" in change(RECIPES["cssp2p"], {"variant": "released"}, where="test").summary
