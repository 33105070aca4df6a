"""Instance norm without parameters, with the gradient that it should have.

PyTorch (measured in 2.13.0) computes a wrong gradient on a CPU when there is one image and the gradient that arrives
lies in memory with the channels last: it reads that memory as if they came first (relative error 1.4; two images are
exact, and so is the forward pass). A residual sum hands such gradients on from convolutions laid out channels last.
``tests/models/test_instance_norm.py`` notices when a fixed PyTorch arrives; this module can then go.
"""

import torch
from torch import Tensor, nn


class InstanceNorm(nn.InstanceNorm2d):
    """``InstanceNorm2d`` whose gradient is brought into the order that its backward pass reads."""

    def forward(self, features: Tensor) -> Tensor:
        """Return (b, c, h, w), each channel of each image with mean 0 and deviation 1."""
        normed = super().forward(features)
        alone = normed.device.type == "cpu" and len(normed) == 1
        if alone and normed.requires_grad and not torch.compiler.is_compiling():  # compiled code has its own formula
            normed.register_hook(Tensor.contiguous)  # type: ignore[no-untyped-call]  # torch lacks it
        return normed
