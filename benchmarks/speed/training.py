"""Steps per second of each recipe beside a plain loop: ``python benchmarks/speed/training.py [cpu|cuda] [RECIPE...]``.

The plain loop is what one would write: the same networks, losses and optimisers; a DataLoader that decodes with Pillow
and cuts with numpy in two processes; zero_grad, backward, step for one side and then for the other; losses read at
each step. Both train on the same tiles of 256 px, in batches of 4 crops of 128 px, with one thread on a CPU. They take
turns step by step, and the faster third of each one's steps counts, since a busy machine can only slow a step down. The
last ratio is of processor time of the thread that trains, which other work on the machine hardly moves.
"""

import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset

import vstain_adapters  # noqa: F401  # registers the recipes
from vstain_bench.base.config import change
from vstain_bench.models.contract import RECIPES, Moment, Pair, Recipe
from vstain_bench.models.training.config import TrainConfig
from vstain_bench.models.training.engine import lay_out, start_engine
from vstain_bench.models.training.loader import PairLoader, Portion
from vstain_bench.models.training.sampling import Sampling
from vstain_bench.models.training.step import total, train_step
from vstain_bench.models.training.tile_sets import read_tile_sets
from vstain_bench.phantom import PhantomSet, write_phantom

STEPS, WARM_UP, THREADS = 24, 4, 1
SMALL: dict[str, dict[str, object]] = {
    **{
        name: {"backbone": "resnet18", "encoder_weights": "none", "discriminator_width": 16}
        for name in ("bce", "cbce", "p2p", "cssp2p")
    },
    "pyramid_pix2pix": {"width": 16, "blocks": 4, "discriminator_width": 16},
    "asp": {"width": 16, "blocks": 6, "discriminator_width": 8},
}
"""Settings for a CPU; a GPU takes the recipes as they are."""


def _scaled(codes: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(codes, dtype=np.float32) / 255


class Plain(Dataset[tuple[np.ndarray, np.ndarray]]):
    """Random crops and flips of the pairs of two folders."""

    def __init__(self, phantom: PhantomSet, crop: int) -> None:
        self.pairs = [(phantom.source / f"{t.tile}.png", phantom.real / f"{t.tile}.png") for t in phantom.tiles]
        self.crop = crop

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        source, real = (np.asarray(Image.open(path).convert("RGB")) for path in self.pairs[index])
        top, left = (int(torch.randint(0, side - self.crop + 1, ())) for side in source.shape[:2])
        step = [1 if torch.rand(()) < 0.5 else -1 for _ in range(2)]
        one, other = (
            side[top : top + self.crop, left : left + self.crop][:: step[0], :: step[1]].transpose(2, 0, 1)
            for side in (source, real)
        )
        return _scaled(one), _scaled(other)


def plain_steps(recipe: Recipe, phantom: PhantomSet, device: torch.device) -> Iterator[None]:
    """Train by a plain loop; yield after each step."""
    models = recipe.build(device=device, seed=0)
    optimisers = recipe.optimisers(models)
    loader = DataLoader(
        Plain(phantom, recipe.crop or 0), batch_size=recipe.batch_size, shuffle=True, num_workers=2, drop_last=True,
        persistent_workers=True, pin_memory=device.type == "cuda",
    )  # fmt: skip
    moment = Moment(1, recipe.total_epochs, torch.Generator(device).manual_seed(0))
    while True:
        for batch in loader:
            pair = Pair(*(side.to(device) for side in batch))
            generated = recipe.generate(models.generator, pair.source)
            models.discriminator.requires_grad_(True)
            optimisers.discriminator.zero_grad()
            judged = total(recipe.discriminator_loss(models, pair, generated.detach()))
            judged.backward()
            optimisers.discriminator.step()
            models.discriminator.requires_grad_(False)
            optimisers.generator.zero_grad()
            made = total(recipe.generator_loss(models, pair, generated, moment))
            made.backward()
            optimisers.generator.step()
            _ = judged.item(), made.item()
            yield


def our_steps(recipe: Recipe, phantom: PhantomSet, name: str) -> Iterator[None]:
    """Train as ``vstain-bench train`` does; yield after each step."""
    config = TrainConfig(
        recipe=name, manifest=phantom.manifest, workers=2, groups="none", device=DEVICE, val_real=phantom.source,
        val_source=phantom.source, select="mae",
    )  # fmt: skip
    engine = start_engine(config)
    channels_last = engine.device.type == "cuda"
    models = lay_out(recipe.build(device=engine.device, seed=0), channels_last=channels_last)
    optimisers = recipe.optimisers(models)
    wrapped = engine.wrap(models, compiled=False)
    train = read_tile_sets(config).train
    loader = PairLoader(
        train, Sampling(recipe, len(train.tiles), 0), portion=Portion(), device=engine.device, workers=2,
        memory=10**9, channels_last=channels_last,
    )  # fmt: skip
    epoch = 0
    while True:
        epoch += 1
        for step, shares in enumerate(loader.epoch(epoch)):
            moment = Moment(1, recipe.total_epochs, torch.Generator(engine.device).manual_seed(step))
            judged, made = train_step(recipe, wrapped, optimisers, shares, moment, backward=engine.backward)
            if engine.device.type == "cpu" or step % 20 == 0:
                _ = torch.stack([*judged.values(), *made.values()]).tolist()
            yield


def timed(steps: Iterator[None]) -> tuple[float, float]:
    """Return the seconds of one step, and those of the processor."""
    began, worked = time.perf_counter(), time.thread_time()
    next(steps)
    if DEVICE == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - began, time.thread_time() - worked


def fastest(times: Sequence[tuple[float, float]], clock: int) -> float:
    """Return steps per second of the faster third, by one of the clocks."""
    kept = sorted(time[clock] for time in times)[: STEPS // 3]
    return len(kept) / sum(kept)


def main(names: list[str]) -> None:
    """Print a line for each recipe."""
    torch.set_num_threads(THREADS)
    with tempfile.TemporaryDirectory() as folder:
        phantom = write_phantom(Path(folder), groups=4, tiles_per_group=4, size=256, models={})
        for name in names:
            values = SMALL[name] if DEVICE == "cpu" else {"encoder_weights": "none"} if name in UNETS else {}
            recipe = change(RECIPES[name], {**values, "batch_size": 4, "crop": 128}, where="benchmark")
            loops = (plain_steps(recipe, phantom, torch.device(DEVICE)), our_steps(recipe, phantom, name))
            taken = [[timed(loop) for loop in loops] for _ in range(WARM_UP + STEPS)][WARM_UP:]
            wall, processor = ([fastest(kind, each) for kind in zip(*taken, strict=True)] for each in (0, 1))
            print(
                f"{name:<18}{wall[0]:7.2f} plain{wall[1]:7.2f} ours{wall[1] / wall[0]:7.2f} x"
                f"{processor[1] / processor[0]:7.2f} x",
                flush=True,
            )


UNETS = ("bce", "cbce", "p2p", "cssp2p")
DEVICE = sys.argv[1] if len(sys.argv) > 1 else "cpu"

if __name__ == "__main__":
    main(sys.argv[2:] or ["bce", "cbce", "p2p", "cssp2p", "pyramid_pix2pix", "asp"])
