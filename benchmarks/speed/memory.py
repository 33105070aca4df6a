"""Peak memory and tiles per second of a run as the number of tiles grows: ``python benchmarks/speed/memory.py``.

The same 12 phantom tiles of 256 px stand under many names. Each run is a process of its own.
"""

import os
import resource
import shutil
import sys
import tempfile
import time
from pathlib import Path

from vstain_bench.base.config import make_config
from vstain_bench.measure.run import run
from vstain_bench.phantom import write_phantom

METRICS = "ssim,ms_ssim,css,psnr,mae"
COUNTS = (50, 500)


def measure(folder: Path, tiles: int) -> tuple[float, float]:
    """Return peak resident memory in MB and tiles per second of one run."""
    phantom = write_phantom(folder / "phantom", groups=3, tiles_per_group=4, models={})
    for side, original in (("HE", phantom.source), ("IHC", phantom.real), ("model", phantom.source)):
        (folder / side).mkdir()
        files = sorted(original.iterdir())
        for number in range(tiles):
            shutil.copy(files[number % len(files)], folder / side / f"{number:05d}.png")
    config = make_config(
        {"generated": {"model": folder / "model"}, "real": folder / "IHC", "source": folder / "HE", "metrics": METRICS}
    )
    began = time.perf_counter()
    run(config, folder / "run")
    seconds = time.perf_counter() - began
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, tiles / seconds


def main() -> None:
    """Print one line per number of tiles."""
    for tiles in COUNTS:
        sys.stdout.flush()
        process = os.fork()
        if process == 0:
            with tempfile.TemporaryDirectory() as folder:
                memory, rate = measure(Path(folder), tiles)
            print(f"{tiles:6d} tiles   {memory:8.0f} MB   {rate:6.1f} tiles/s")
            sys.stdout.flush()
            os._exit(0)
        os.waitpid(process, 0)


if __name__ == "__main__":
    main()
