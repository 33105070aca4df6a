"""Metrics that forgive displacement, on one pair of 1024 px: ``python benchmarks/speed/robust.py [THREADS]``.

CW-SSIM stands beside the same index over plenoptic's complex steerable pyramid (MIT), where that package is installed;
it is no dependency. stain_fidelity sees synthetic tissue of 0.25 µm per pixel. ST-LPIPS and DISTS have random weights,
which take as long as the published ones, and stand beside LPIPS. Each line is the best of several calls on as many
threads as given (default 2), after one that warms up.
"""

import importlib.util
import sys
import time
from collections.abc import Callable

import torch

from vstain_bench.metrics import build, complex_wavelet, dists, lpips
from vstain_bench.networks.perceptual import SCALE, SHIFT, PerceptualNetwork, per_channel
from vstain_bench.networks.shift_tolerant import ShiftTolerantGraph
from vstain_bench.networks.smooth_pooling import L2Pooling
from vstain_bench.networks.structure_texture import CHANNELS, StructureTextureNetwork
from vstain_bench.networks.torchvision_schema import prepare_torchvision
from vstain_bench.phantom import phantom_tile
from vstain_bench.types import Batch, Images, View

SIDE, MPP, REPEATS = 1024, 0.25, 5
CPU = torch.device("cpu")


def tile(seed: int) -> Images:
    """Return a random image, shape (1, 3, SIDE, SIDE)."""
    return torch.rand(1, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(seed))


def best(work: Callable[[], object]) -> float:
    """Return the shortest of several calls in milliseconds, after one call that warms up."""
    times = []
    for _ in range(REPEATS + 1):
        began = time.perf_counter()
        work()
        times.append(1000 * (time.perf_counter() - began))
    return min(times[1:])


def by_plenoptic(generated: Images, real: Images, kind: torch.dtype) -> Callable[[], float]:
    """Return the index of our defaults over the coefficients of plenoptic's pyramid."""
    from plenoptic.process import SteerablePyramidFreq

    pyramid = SteerablePyramidFreq((SIDE, SIDE), height=4, order=7, is_complex=True).to(kind)
    weights = complex_wavelet.place_weights((SIDE // 8, SIDE // 8), 7, "gaussian", CPU)
    luma = torch.tensor(complex_wavelet.LUMA, dtype=kind).view(3, 1, 1)

    def work() -> float:
        one, other = (pyramid((luma * each[0].to(kind)).sum(dim=0)[None, None])[3][0, 0] for each in (generated, real))
        maps = one * other.conj(), one.abs().square() + other.abs().square()
        product = [complex_wavelet.window_means(each, 7) for each in (maps[0].real, maps[0].imag)]
        index = 2 * torch.hypot(*product) / complex_wavelet.window_means(maps[1], 7)
        return float((index * weights).sum(dim=(1, 2)).mean())

    return work


def random_lpips(*, shift_tolerant: bool) -> PerceptualNetwork:
    """Return AlexNet as LPIPS or ST-LPIPS has it, with random values."""
    from lpips.pretrained_networks import alexnet

    trunk = ShiftTolerantGraph("alex").net if shift_tolerant else alexnet(pretrained=False)
    heads = tuple(torch.rand(width) for width in (64, 192, 384, 256, 256))
    trunk = trunk.to(memory_format=torch.channels_last)
    return PerceptualNetwork(trunk, heads, per_channel(SHIFT, CPU), per_channel(SCALE, CPU))


def random_dists() -> StructureTextureNetwork:
    """Return VGG-16 as DISTS has it, with random values."""
    from lpips.pretrained_networks import vgg16

    trunk = vgg16(pretrained=False).to(memory_format=torch.channels_last)
    for part in trunk.children():
        for name, layer in part.named_children():
            if isinstance(layer, torch.nn.MaxPool2d):
                part.add_module(name, L2Pooling())
    weights = torch.split(torch.rand(sum(CHANNELS)), list(CHANNELS))
    return StructureTextureNetwork(trunk, weights, weights, per_channel((0.5,) * 3, CPU), per_channel((0.2,) * 3, CPU))


def wavelet_lines(generated: Images, real: Images) -> list[tuple[str, Callable[[], object]]]:
    """Return the lines of CW-SSIM: a first model, a further one against the same real tile, the library."""
    known = View(("tile",), "real", real)

    def ours(side: View) -> object:
        return build("cw_ssim").observe(Batch({"generated": View(("tile",), "model", generated), "real": side}))

    lines = [
        ("cw_ssim", lambda: ours(View(("tile",), "real", real))),
        ("cw_ssim, next model", lambda: ours(known)),
    ]
    if importlib.util.find_spec("plenoptic"):
        lines += [
            (f"the same over plenoptic's pyramid, {str(kind)[6:]}", by_plenoptic(generated, real, kind))
            for kind in (torch.float64, torch.float32)
        ]
    return lines


def fidelity_lines() -> list[tuple[str, Callable[[], object]]]:
    """Return the lines of stain_fidelity on synthetic tissue: a first model, a further one on the same real tile."""
    both = [phantom_tile(seed=seed, size=SIDE, mpp=MPP).real for seed in (0, 1)]
    generated, real = (torch.from_numpy(picture).permute(2, 0, 1)[None].contiguous() for picture in both)
    metric = build("stain_fidelity")

    def ours(side: View) -> object:
        return metric.observe(Batch({"generated": View(("tile",), "model", generated, (MPP,)), "real": side}))

    known = View(("tile",), "real", real, (MPP,))
    return [
        ("stain_fidelity", lambda: ours(View(("tile",), "real", real, (MPP,)))),
        ("stain_fidelity, next model", lambda: ours(known)),
    ]


def network_lines(generated: Images, real: Images) -> list[tuple[str, Callable[[], object]]]:
    """Return the lines of the networks."""

    def by_lpips(network: PerceptualNetwork) -> object:
        definition = lpips.Definition("alex")
        return lpips.distance(network, *(definition.directions(network, each[0]) for each in (generated, real)))

    def by_dists(network: StructureTextureNetwork, prepare: Callable[[Images], Images]) -> object:
        return dists.distance(network, *(dists.describe(network, prepare(each[0])) for each in (generated, real)))

    plain, tolerant, texture = random_lpips(shift_tolerant=False), random_lpips(shift_tolerant=True), random_dists()
    return [
        ("lpips", lambda: by_lpips(plain)),
        ("st_lpips", lambda: by_lpips(tolerant)),
        ("dists", lambda: by_dists(texture, dists.to_reference_size)),
        ('dists(input_size="native")', lambda: by_dists(texture, lambda image: image)),
    ]


def main() -> None:
    """Print one line per metric."""
    prepare_torchvision()
    torch.set_num_threads(int(sys.argv[1]) if len(sys.argv) > 1 else 2)
    generated, real = tile(0), tile(1)
    for name, work in [*fidelity_lines(), *wavelet_lines(generated, real), *network_lines(generated, real)]:
        print(f"{name:<50}{best(work):9.0f} ms")


if __name__ == "__main__":
    with torch.inference_mode():
        main()
