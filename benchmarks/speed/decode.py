"""Headers inspected and tiles decoded per second of processor time: ``python benchmarks/speed/decode.py``.

1024 px RGB tiles; best of five repeats; Pillow's own conversion to float32 beside ours.
"""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from vstain_bench.images.reader import DecodePolicy, encode_png, inspect_image, read_image
from vstain_bench.phantom import phantom_tile
from vstain_bench.words import ImageFile

CALLS = 10


def rate(work: Callable[[], object]) -> float:
    """Return calls per second of processor time, of the best of five repeats."""
    times = []
    for _ in range(5):
        began = time.process_time()
        for _ in range(CALLS):
            work()
        times.append(time.process_time() - began)
    return CALLS / min(times)


def main() -> None:
    """Print one line per kind of work."""
    with tempfile.TemporaryDirectory() as folder:
        png, jpeg = Path(folder) / "tile.png", Path(folder) / "tile.jpg"
        encode_png(png, phantom_tile(seed=0, size=1024).real)
        Image.open(png).save(jpeg, quality=95)
        policy = DecodePolicy()
        for path in (png, jpeg):
            name, size = path.suffix[1:], path.stat().st_size / 1e6
            plain = rate(lambda path=path: np.asarray(Image.open(path).convert("RGB"), dtype=np.float32) / 255)  # type: ignore[misc]
            ours = rate(lambda path=path: read_image(ImageFile(path), policy))  # type: ignore[misc]
            headers = rate(lambda path=path: inspect_image(path, policy))  # type: ignore[misc]
            print(f"{name:<6}{size:5.1f} MB   headers {headers:7.0f}/s   decode {ours:6.1f}/s   Pillow {plain:6.1f}/s")


if __name__ == "__main__":
    main()
