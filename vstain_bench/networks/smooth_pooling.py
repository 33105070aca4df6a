"""Pooling that keeps every second place of a signal without aliasing: what makes a network forgive displacement.

Both kinds smooth with the binomial filter [1, 2, 1] / 4 along height and width before they drop places: ``BlurPooling``
the signal itself (Zhang, ICML 2019), ``L2Pooling`` its square, so that it gives a local root mean square (Hénaff and
Simoncelli, ICLR 2016; the Hann window of five taps without its zeros is the same filter).
"""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

BINOMIAL: Float[Tensor, "3 3"] = torch.outer(torch.tensor([0.25, 0.5, 0.25]), torch.tensor([0.25, 0.5, 0.25]))
Signal = Float[Tensor, "b c h w"]
Halved = Float[Tensor, "b c half_h half_w"]


def smooth_and_halve(signal: Signal, *, zeros: int = 0) -> Halved:
    """Return every second place of each smoothed channel, with so many zeros around the signal."""
    channels = signal.shape[1]
    kernel = BINOMIAL.to(signal).expand(channels, 1, 3, 3)
    return functional.conv2d(signal, kernel, stride=2, padding=zeros, groups=channels)


class BlurPooling(torch.nn.Module):
    """Smoothed signal at every second place, two places of reflection (the edge not repeated) around it."""

    def forward(self, signal: Signal) -> Halved:
        """Return the pooled signal; a side of n places becomes ceil((n + 2) / 2)."""
        padded = functional.pad(signal, (2, 2, 2, 2), mode="reflect")
        return smooth_and_halve(padded.contiguous(memory_format=torch.channels_last))


class L2Pooling(torch.nn.Module):
    """Root of the smoothed square at every second place, a zero around it, 1e-12 added under the root."""

    def forward(self, signal: Signal) -> Halved:
        """Return the pooled signal; a side of n places becomes ceil(n / 2)."""
        return (smooth_and_halve(signal.square(), zeros=1) + 1e-12).sqrt()
