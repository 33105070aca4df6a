"""CSS loss: how far the generated IHC is from the contrast and structure of its H&E.

    css = mean over channels and pixels of (2 cov + c) / (var_generated + var_source + c),  c = (0.03 L)²
    L_css = mean over images of −log((css + 1) / 2 + 1e-8)

with Gaussian windows of 11×11, sigma 1.5, edges reflected without repeating them; L is the range of the values. Range
[0, 18.4]; 0 where the generated image is the H&E up to a local shift of brightness. Computed in float32 whatever the
precision of the networks: in bfloat16 the difference of second moments cancels.

Source: the CSSP2P paper (section 2), whose formula is a mean of the contrast-structure map; the window, the logarithm
and c from its code 9032585 ``src/criterion/image_loss.py:12-164``.

Variant ``released``: that code compares the generated image in [0, 1] with the H&E still normalised by ImageNet's mean
and deviation, and takes for L the greater of the two ranges in the batch; a copy of the H&E then costs about 0.2.
``paper`` compares both on [0, 1] with L = 1, as the CSS metric does.
"""

import torch
from torch import Tensor

from vstain_adapters.shared.imagenet import normalise
from vstain_adapters.shared.losses.filters import gaussian, smooth
from vstain_adapters.shared.settings import Variant


def contrast_structure(generated: Tensor, source: Tensor, *, value_range: Tensor | float) -> Tensor:
    """Return the mean contrast-structure similarity of each image, (b,); both sides are (b, 3, h, w), float32."""
    constant = (0.03 * value_range) ** 2
    # both sides less a number of their own: the moments do not change, and their differences cancel less
    generated = generated - generated.mean(dim=(2, 3), keepdim=True).detach()
    source = source - source.mean(dim=(2, 3), keepdim=True)
    products = torch.cat([generated, source, generated * generated, source * source, generated * source])
    means = smooth(products, gaussian(11, 1.5), padding="reflect").chunk(5)
    variances = (means[2] - means[0] ** 2).clamp(min=0) + (means[3] - means[1] ** 2).clamp(min=0)
    covariance = means[4] - means[0] * means[1]
    return ((2 * covariance + constant) / (variances + constant)).mean(dim=(1, 2, 3))


def css_loss(generated: Tensor, source: Tensor, *, variant: Variant) -> Tensor:
    """Return the loss of a batch as one number; both sides are (b, 3, h, w) in [0, 1], at least 6 px wide."""
    with torch.autocast(generated.device.type, enabled=False):
        generated, source = generated.float(), source.float()
        value_range: Tensor | float = 1.0
        if variant == "released":
            source = normalise(source)
            value_range = torch.maximum(generated.max() - generated.min(), source.max() - source.min())
        similarity = contrast_structure(generated, source, value_range=value_range)
        return -torch.log((similarity + 1) / 2 + 1e-8).mean()
