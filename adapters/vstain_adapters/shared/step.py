"""One training step, the same for every recipe: generate once, judge, train the discriminator, then the generator.

With several processes, wrap the networks so that a forward pass synchronises no buffers
(``forward_sync_buffers=False``, before torch 2.13 ``broadcast_buffers=False``): a discriminator runs twice before its
gradient is taken, and what is sent between the two would overwrite the vectors of its spectral norm.
"""

from collections.abc import Callable
from dataclasses import replace

from torch import Tensor
from torch.nn import Module
from torch.nn.parallel import DistributedDataParallel

from vstain_bench.adapters import Models, Moment, Optimisers, Pair, Recipe, Terms


def total(terms: Terms) -> Tensor:
    """Return the loss: the sum of its parts."""
    first, *rest = terms.values()
    return sum(rest, start=first)


def train_step(
    recipe: Recipe,
    models: Models,
    optimisers: Optimisers,
    pair: Pair,
    moment: Moment,
    *,
    backward: Callable[[Tensor], None] = Tensor.backward,
) -> tuple[Terms, Terms]:
    """Train both sides on one batch; return the parts of the discriminator's and of the generator's loss, detached.

    ``backward`` is what takes a gradient, e.g. ``accelerator.backward``. Networks and optimisers may be wrapped by
    accelerate, which then decides when a step is taken and gradients are cleared.
    """
    generated = recipe.generate(models.generator, pair.source)
    judged = recipe.discriminator_loss(models, pair, generated.detach())
    optimisers.discriminator.zero_grad()
    backward(total(judged))
    optimisers.discriminator.step()

    judge = _unwrapped(models.discriminator)  # its gradients are not wanted now, and no other process waits for them
    judge.requires_grad_(False)
    made = recipe.generator_loss(replace(models, discriminator=judge), pair, generated, moment)
    optimisers.generator.zero_grad()
    backward(total(made))
    optimisers.generator.step()
    judge.requires_grad_(True)
    return _detached(judged), _detached(made)


def _detached(terms: Terms) -> Terms:
    return {name: term.detach() for name, term in terms.items()}


def _unwrapped(network: Module) -> Module:
    return network.module if isinstance(network, DistributedDataParallel) else network
