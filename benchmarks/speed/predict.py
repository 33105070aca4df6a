"""Images per second of ``predict`` beside a plain loop, and memory: ``python benchmarks/speed/predict.py [ROUNDS]``.

The plain loop opens a tile with Pillow, runs the generator on it and saves a PNG with Pillow's defaults, one tile after
the other. Both are timed from loading the weights to the last file; rounds alternate, the best of each counts. Weights
are random. Memory is the peak of a process of its own.
"""

import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from vstain_bench.base.registry import load_plugins
from vstain_bench.models.contract import RECIPES
from vstain_bench.models.predict.config import PredictConfig
from vstain_bench.models.predict.job import predict
from vstain_bench.phantom import write_phantom

CASES = (("identity", 1024, 24), ("asp", 256, 8), ("pyramid_pix2pix", 256, 8), ("cssp2p", 256, 8))
"""Adapter, side in px, and number of tiles."""


def weights_of(name: str, folder: Path) -> Path | None:
    """Write a generator with random weights; the identity has none."""
    if name == "identity":
        return None
    generator = RECIPES[name].blank_generator()
    path = folder / f"{name}.safetensors"
    save_file({key: value.contiguous() for key, value in generator.state_dict().items()}, path)
    return path


def plain_loop(name: str, weights: Path | None, source: Path, out: Path) -> None:
    """Stain as one would write it down at once."""
    out.mkdir()
    recipe = RECIPES[name] if weights else None
    network = None
    if recipe and weights:
        network = recipe.blank_generator()
        network.load_state_dict(load_file(weights))
        network.eval()
    for path in sorted(source.glob("*.png")):
        pixels = torch.from_numpy(np.asarray(Image.open(path).convert("RGB")).astype(np.float32) / 255)
        images = pixels.permute(2, 0, 1)[None]
        with torch.no_grad():
            made = recipe.generate(network, images) if recipe and network else images
        codes = (made[0].clamp(0, 1) * 255).round().byte().permute(1, 2, 0).numpy()
        Image.fromarray(codes).save(out / path.name)


def ours(name: str, weights: Path | None, source: Path, out: Path) -> None:
    """Stain by ``predict``."""
    predict(PredictConfig(adapter=name, weights=str(weights) if weights else None, source=source, any_stain=True), out)


Way = Callable[[str, Path | None, Path, Path], None]


def seconds(way: Way, name: str, weights: Path | None, source: Path, out: Path) -> float:
    """Return how long one way of staining a folder takes."""
    began = time.perf_counter()
    way(name, weights, source, out)
    return time.perf_counter() - began


def compare(rounds: int) -> None:
    """Print images per second of both, and their ratio."""
    for name, side, tiles in CASES:
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place)
            source = write_phantom(folder, groups=2, tiles_per_group=tiles // 2, size=side, models={}).source
            weights = weights_of(name, folder)
            times: dict[str, list[float]] = {"plain": [], "predict": []}
            for number in range(rounds):
                for label, way in (("plain", plain_loop), ("predict", ours)):
                    out = folder / f"{label}-{number}"
                    times[label].append(seconds(way, name, weights, source, out))
            plain, mine = (tiles / min(times[label]) for label in ("plain", "predict"))
            print(f"{name:<16}{side:5} px   plain {plain:6.2f}/s   predict {mine:6.2f}/s   ratio {mine / plain:.2f}")


def memory(tiles: int) -> None:
    """Print the peak memory of a process that stains so many copies of twelve tiles of 256 px."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        written = sorted(write_phantom(folder, groups=3, tiles_per_group=4, size=256, models={}).source.iterdir())
        (folder / "many").mkdir()
        for number in range(tiles):
            shutil.copy(written[number % len(written)], folder / "many" / f"{number:05d}.png")
        child = [sys.executable, __file__, "alone", str(folder / "many"), str(folder / "out")]
        print(f"{tiles:5} tiles: {subprocess.run(child, check=True, capture_output=True, text=True).stdout.strip()}")


def alone(source: Path, out: Path) -> None:
    """Stain a folder by the identity, and print the peak memory."""
    ours("identity", None, source, out)
    print(f"peak {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


if __name__ == "__main__":
    load_plugins()
    if sys.argv[1:2] == ["alone"]:
        alone(Path(sys.argv[2]), Path(sys.argv[3]))
    else:
        compare(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
        for number in (50, 1000):
            memory(number)
