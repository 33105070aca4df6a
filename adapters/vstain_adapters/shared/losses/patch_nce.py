"""PatchNCE: what stands at one place of the generated image should resemble its own place in the other, and no other.

    l_i = −log softmax_0 [q_i·k_i, q_i·k_j (j ≠ i)] / T,   q = unit vectors of the generated image, k of the other

over N places of one image; negatives come from the same image, and no gradient flows into k. T = 0.07. Range [0, ∞);
all places alike give log N. The place itself stays among the negatives as −10, which is nothing.
Source: Park et al. 2020 (CUT), section 3; ASP b113ed2 ``models/patchnce.py``.
"""

import torch
from torch import Tensor
from torch.nn import functional


def patch_nce(query: Tensor, key: Tensor, *, images: int, temperature: float = 0.07) -> Tensor:
    """Return the loss of each place, (b · n,); both sides are unit vectors, (b · n, c), of so many images."""
    query, key = query.float(), key.float().detach()
    positive = (query * key).sum(dim=1, keepdim=True)
    mine, others = query.view(images, -1, query.shape[1]), key.view(images, -1, key.shape[1])
    negative = mine @ others.transpose(1, 2)
    same = torch.eye(negative.shape[1], dtype=torch.bool, device=negative.device)
    negative = negative.masked_fill(same, -10.0).flatten(0, 1)
    logits = torch.cat([positive, negative], dim=1) / temperature
    return functional.cross_entropy(logits, torch.zeros_like(logits[:, 0], dtype=torch.long), reduction="none")
