"""Adaptive supervised PatchNCE (ASP): PatchNCE against the real IHC, where places that do not match count less.

    L = 1/N Σ_i w_i l_i,   w_i = (p + (1 − p) v(x_i)) · N / Σ_j (p + (1 − p) v(x_j))
    x_i = q_i·k_i, the similarity of a place with its partner, without gradient;   t = (epoch − 1) / epochs

The weights of a layer sum to N. p falls with training, so that trust in the pairs is withdrawn slowly, and v says how
much a place of similarity x deserves:

| schedule p(t) | | lookup v(x) | |
| --- | --- | --- | --- |
| sigmoid | 1 / (1 + e^(10 (t − ½))) | top | √(1 − (x − 1)²) for x > 0, else 0 |
| linear | 1 − t | linear | max(x, 0) |
| lambda | 1 until t₀, then m − m t; m = 1 / (1 − t₀) | bell | e^(−(4 (x − ½))² / 2) / √(2π) |
| zero | 1 | uniform | 1 |

t₀ is where the learning rate begins to decay. ``zero`` and ``uniform`` weigh all places alike. Range [0, ∞).
Source: Li et al. 2023 (ASP), section 3 and figure 3; code b113ed2 ``models/asp_loss.py``, whose published runs use
``lambda_linear``.
"""

import math
from typing import Literal

import torch
from torch import Tensor

from vstain_adapters.shared.losses.patch_nce import patch_nce

Schedule = Literal["sigmoid", "linear", "lambda", "zero"]
Lookup = Literal["top", "linear", "bell", "uniform"]


def trust(schedule: Schedule, *, progress: float, decay_start: float) -> float:
    """Return p, the share of the weight that all places have alike; ``progress`` is t, in [0, 1)."""
    match schedule:
        case "sigmoid":
            return 1 / (1 + math.exp(10 * (progress - 0.5)))
        case "linear":
            return 1 - progress
        case "lambda":
            return 1.0 if progress < decay_start else (1 - progress) / (1 - decay_start)
        case "zero":
            return 1.0


def deserve(lookup: Lookup, similarity: Tensor) -> Tensor:
    """Return v, what a place of that similarity deserves, elementwise."""
    match lookup:
        case "top":
            return torch.sqrt((1 - (similarity.clamp(min=0) - 1) ** 2).clamp(min=0))
        case "linear":
            return similarity.clamp(min=0)
        case "bell":
            return torch.exp(-((4 * (similarity - 0.5)) ** 2) / 2) / math.sqrt(2 * math.pi)
        case "uniform":
            return torch.ones_like(similarity)


def patch_weights(
    similarity: Tensor, *, schedule: Schedule, lookup: Lookup, progress: float, decay_start: float
) -> Tensor:
    """Return the weight of each place, (n,), of sum n."""
    share = trust(schedule, progress=progress, decay_start=decay_start)
    weights = share + (1 - share) * deserve(lookup, similarity)
    return weights * (len(weights) / weights.sum())


def adaptive_patch_nce(
    query: Tensor,
    key: Tensor,
    *,
    images: int,
    schedule: Schedule,
    lookup: Lookup,
    progress: float,
    decay_start: float,
    temperature: float = 0.07,
) -> Tensor:
    """Return the weighted loss of each place, (b · n,); both sides are unit vectors, (b · n, c), of so many images."""
    similarity = (query.float() * key.float()).sum(dim=1).detach()
    weights = patch_weights(similarity, schedule=schedule, lookup=lookup, progress=progress, decay_start=decay_start)
    return weights * patch_nce(query, key, images=images, temperature=temperature)
