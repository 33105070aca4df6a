"""One step: shares of a batch are the batch, dropout follows from the moment, and the discriminator goes first."""

from itertools import pairwise
from typing import Any

import pytest
import torch

from tests.training.runs import TOY
from vstain_bench.base.config import change
from vstain_bench.base.registry import load_plugins
from vstain_bench.models.contract import RECIPES, Models, Moment, Pair, Recipe
from vstain_bench.models.training.step import Share, train_step

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def _toy() -> None:
    load_plugins((TOY,))


def toy(**values: object) -> Recipe:
    return change(RECIPES["toy"], values, where="test")


def moment(seed: int = 0) -> Moment:
    return Moment(1, 10, torch.Generator().manual_seed(seed))


def pairs(count: int) -> Pair:
    random = torch.Generator().manual_seed(1)
    return Pair(*(torch.rand(count, 3, 16, 16, generator=random) for _ in range(2)))


def part(pair: Pair, begin: int, end: int, of: int) -> Share:
    return Share(Pair(pair.source[begin:end], pair.real[begin:end]), (end - begin) / of)


def stepped(recipe: Recipe, shares: list[Share], when: Moment, steps: int = 1) -> tuple[Models, Any]:
    models = recipe.build(device=CPU, seed=3)
    optimisers = recipe.optimisers(models)
    told = [train_step(recipe, models, optimisers, shares, when) for _ in range(steps)]
    return models, told[-1]


def tensors(models: Models) -> list[torch.Tensor]:
    return [value for net in (models.generator, models.discriminator) for value in net.state_dict().values()]


@pytest.mark.parametrize("bounds", [(0, 3, 6), (0, 4, 6), (0, 1, 2, 6)])
def test_shares_of_a_batch_are_the_batch(bounds: tuple[int, ...]) -> None:
    """Also where they are uneven, and after several steps; dropout would draw other numbers, so it is off."""
    recipe, whole = toy(dropout=0.0), pairs(6)
    shares = [part(whole, begin, end, 6) for begin, end in pairwise(bounds)]
    one, losses = stepped(recipe, [Share(whole)], moment(), steps=3)
    other, again = stepped(recipe, shares, moment(), steps=3)
    for mine, theirs in zip(tensors(one), tensors(other), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-6)
    for mine, theirs in zip(losses, again, strict=True):
        assert {name: float(value) for name, value in mine.items()} == pytest.approx(
            {name: float(value) for name, value in theirs.items()}, rel=1e-4
        )


def test_weights_of_shares_count() -> None:
    recipe, whole = toy(dropout=0.0), pairs(6)
    uneven = [Share(part(whole, 0, 4, 6).pair, 0.5), Share(part(whole, 4, 6, 6).pair, 0.5)]
    one, other = (stepped(recipe, shares, moment())[1][1]["l1"] for shares in ([Share(whole)], uneven))
    assert abs(float(one) - float(other)) > 1e-4


def test_dropout_follows_from_the_moment_alone() -> None:
    recipe, whole = toy(dropout=0.5), pairs(4)
    torch.manual_seed(1)
    one, _ = stepped(recipe, [Share(whole)], moment(7))
    torch.manual_seed(2)
    again, _ = stepped(recipe, [Share(whole)], moment(7))
    other, _ = stepped(recipe, [Share(whole)], moment(8))
    assert all(torch.equal(a, b) for a, b in zip(tensors(one), tensors(again), strict=True))
    assert any(not torch.equal(a, b) for a, b in zip(tensors(one), tensors(other), strict=True))


def test_a_share_is_generated_twice_with_the_same_dropout() -> None:
    """What the discriminator was trained on is what the generator is judged by."""
    recipe, whole, seen = toy(dropout=0.5), pairs(4), []

    class Watching(type(recipe)):  # type: ignore[misc]  # the toy's class is known at run time only
        def generate(self, generator: torch.nn.Module, source: torch.Tensor) -> torch.Tensor:
            images: torch.Tensor = super().generate(generator, source)
            seen.append(images.detach())
            return images

    stepped(Watching(dropout=0.5), [part(whole, 0, 2, 4), part(whole, 2, 4, 4)], moment())
    assert len(seen) == 4
    assert torch.equal(seen[0], seen[2])
    assert torch.equal(seen[1], seen[3])
    assert not torch.equal(seen[0], seen[1])


def test_the_generator_meets_a_discriminator_that_has_seen_the_whole_batch() -> None:
    recipe, whole = toy(dropout=0.0), pairs(4)
    judges = []

    class Watching(type(recipe)):  # type: ignore[misc]  # the toy's class is known at run time only
        def generator_loss(self, models: Models, pair: Pair, generated: torch.Tensor, when: Moment) -> Any:
            judges.append([value.clone() for value in models.discriminator.parameters()])
            return super().generator_loss(models, pair, generated, when)

    fresh = list(recipe.build(device=CPU, seed=3).discriminator.parameters())
    stepped(Watching(dropout=0.0), [part(whole, 0, 2, 4), part(whole, 2, 4, 4)], moment())
    assert all(torch.equal(a, b) for a, b in zip(*judges, strict=True))
    assert any(not torch.equal(a, b) for a, b in zip(judges[0], fresh, strict=True))
