"""One training step, the same for every recipe: generate, judge, train the discriminator, then the generator.

A batch may be taken in several shares where memory is short. The step is the same then as with the whole batch (batch
norm excepted, which sees a share at a time): the discriminator has been trained on all of them before the generator
is judged on the first, for which the images are generated a second time.

With several processes, wrap the networks so that a forward pass synchronises no buffers
(``forward_sync_buffers=False``, before torch 2.13 ``broadcast_buffers=False``): a discriminator runs twice before its
gradient is taken, and what is sent between the two would overwrite the vectors of its spectral norm.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import Module
from torch.nn.parallel import DistributedDataParallel

from vstain_bench.models.contract import Models, Moment, Optimisers, Pair, Recipe, Terms
from vstain_bench.types import Images


@dataclass(frozen=True)
class Share:
    """A part of a batch, and by how much its mean loss counts: the weights of a batch add up to one."""

    pair: Pair
    weight: float = 1.0


def total(terms: Terms) -> Tensor:
    """Return the loss: the sum of its parts."""
    first, *rest = terms.values()
    return sum(rest, start=first)


def train_step(
    recipe: Recipe,
    models: Models,
    optimisers: Optimisers,
    shares: Sequence[Share],
    moment: Moment,
    *,
    backward: Callable[[Tensor], None] = Tensor.backward,
) -> tuple[Terms, Terms]:
    """Train both sides on one batch; return the parts of the discriminator's and of the generator's loss, detached.

    ``backward`` is what takes a gradient, e.g. ``accelerator.backward``. Networks may be wrapped by it. Random numbers
    that the networks draw (dropout) follow from the moment alone.
    """
    kept = _generate(recipe, models, shares[0].pair, moment, 0) if len(shares) == 1 else None
    judged: Terms = {}
    optimisers.discriminator.zero_grad()  # only now: freed before the generator ran, the memory would be fetched anew
    for number, share in enumerate(shares):
        if kept is not None:
            generated = kept.detach()
        else:
            with torch.no_grad():
                generated = _generate(recipe, models, share.pair, moment, number)
        with _gathering(number == len(shares) - 1, models.discriminator):
            terms = recipe.discriminator_loss(models, share.pair, generated)
            backward(share.weight * total(terms))
        judged = _added(judged, terms, share.weight)
    optimisers.discriminator.step()

    judge = _unwrapped(models.discriminator)  # its gradients are not wanted now, and no other process waits for them
    judge.requires_grad_(False)
    made: Terms = {}
    optimisers.generator.zero_grad()
    sides = [models.generator] if models.projector is None else [models.generator, models.projector]
    for number, share in enumerate(shares):
        with _gathering(number == len(shares) - 1, *sides):
            images = kept if kept is not None else _generate(recipe, models, share.pair, moment, number)
            terms = recipe.generator_loss(replace(models, discriminator=judge), share.pair, images, moment)
            backward(share.weight * total(terms))
        made = _added(made, terms, share.weight)
    optimisers.generator.step()
    judge.requires_grad_(True)
    return judged, made


def _generate(recipe: Recipe, models: Models, pair: Pair, moment: Moment, number: int) -> Images:
    torch.manual_seed((moment.random.initial_seed() + number) % 2**63)
    return recipe.generate(models.generator, pair.source)


@contextmanager
def _gathering(last: bool, *networks: Module) -> Iterator[None]:
    """Let processes exchange gradients with the last share only."""
    with ExitStack() as stack:
        for network in networks:
            if not last and isinstance(network, DistributedDataParallel):
                stack.enter_context(network.no_sync())
        yield


def _added(terms: Terms, more: Terms, weight: float) -> Terms:
    return {name: terms.get(name, 0) + weight * term.detach() for name, term in more.items()}


def _unwrapped(network: Module) -> Module:
    return network.module if isinstance(network, DistributedDataParallel) else network
