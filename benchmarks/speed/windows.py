"""SSIM, MS-SSIM and CSS of one 1024 px tile beside the libraries: ``python benchmarks/speed/windows.py [THREADS]``.

Each line is the best of several repeats in turn, on as many threads as given (default 2).
"""

import sys
import time
from collections.abc import Callable

import numpy as np
import pytorch_msssim
import torch
from skimage.metrics import structural_similarity

from vstain_bench.metrics import build
from vstain_bench.networks.torchvision_schema import prepare_torchvision
from vstain_bench.types import Batch, View

SIDE, REPEATS = 1024, 5


def tile(seed: int) -> torch.Tensor:
    """Return a smooth random image of 8-bit codes, shape (1, 3, SIDE, SIDE)."""
    random = np.random.default_rng(seed)
    coarse = torch.from_numpy(random.random((1, 3, SIDE // 8, SIDE // 8), dtype=np.float32))
    return torch.nn.functional.interpolate(coarse, size=(SIDE, SIDE), mode="bicubic").clamp(0, 1).mul(255).round() / 255


def best(work: Callable[[], object]) -> float:
    """Return the shortest of several calls in milliseconds, after one call that warms up."""
    times = []
    for _ in range(REPEATS + 1):
        began = time.perf_counter()
        work()
        times.append(1000 * (time.perf_counter() - began))
    return min(times[1:])


def main() -> None:
    """Print one line per call, and its ratio to ours."""
    prepare_torchvision()  # before torchmetrics imports torchvision
    from torchmetrics.functional import image as torchmetrics

    torch.set_num_threads(int(sys.argv[1]) if len(sys.argv) > 1 else 2)
    generated, real, source = tile(0), tile(1), tile(2)
    codes = [np.rint(image[0].permute(1, 2, 0).numpy() * 255).astype(np.uint8) for image in (generated, real)]

    def ours(*names: str) -> object:
        views = {"generated": generated, "real": real, "source": source}
        batch = Batch({side: View(("tile",), side, images) for side, images in views.items()})  # type: ignore[misc]
        return [build(name).observe(batch) for name in names]

    wang = {"channel_axis": -1, "gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    lines: list[tuple[str, str, Callable[[], object]]] = [
        ("ssim", "vstain-bench", lambda: ours("ssim")),
        ("ssim", "pytorch-msssim", lambda: pytorch_msssim.ssim(generated, real, data_range=1.0)),
        (
            "ssim",
            "torchmetrics",
            lambda: torchmetrics.structural_similarity_index_measure(generated, real, data_range=(0.0, 1.0)),
        ),
        ("ssim", "scikit-image", lambda: structural_similarity(*codes, data_range=255, **wang)),
        ("ms_ssim", "vstain-bench", lambda: ours("ms_ssim")),
        ("ms_ssim", "pytorch-msssim", lambda: pytorch_msssim.ms_ssim(generated, real, data_range=1.0)),
        (
            "ms_ssim",
            "torchmetrics",
            lambda: torchmetrics.multiscale_structural_similarity_index_measure(generated, real, data_range=(0.0, 1.0)),
        ),
        ("ssim + ms_ssim + css", "vstain-bench", lambda: ours("ssim", "ms_ssim", "css")),
    ]
    reference: dict[str, float] = {}
    for metric, library, work in lines:
        taken = best(work)
        reference.setdefault(metric, taken)
        print(f"{metric:<22}{library:<16}{taken:8.1f} ms   {taken / reference[metric]:5.1f} ×")


if __name__ == "__main__":
    with torch.inference_mode():
        main()
