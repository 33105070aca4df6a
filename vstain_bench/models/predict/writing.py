"""Images are written by threads while the network goes on; each is recorded once it is on the disk."""

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self

import numpy as np
from jaxtyping import UInt8

from vstain_bench.images.reader import encode_codes
from vstain_bench.models.predict.folder import Done, PredictionFolder

AHEAD = 4
"""Images per thread that may wait to be written: memory does not grow with the number of tiles."""


class Writer:
    """Writes images in threads and records them in order; use it as a context manager.

    Attributes:
        folder: Where they go.
        written: Called with each finished image.
    """

    def __init__(
        self, folder: PredictionFolder, *, workers: int, jpeg_quality: int | None, written: Callable[[Done], None]
    ) -> None:
        self.folder = folder
        self.written = written
        self._jpeg_quality = jpeg_quality
        self._pool = ThreadPoolExecutor(workers)
        self._most = AHEAD * workers
        self._waiting: deque[Future[Done]] = deque()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._record(down_to=0)  # what is under way is finished and kept, whatever ended the loop
        finally:
            self._pool.shutdown(wait=True, cancel_futures=True)

    def put(self, tile: str, codes: UInt8[np.ndarray, "h w 3"], source_sha256: str) -> None:
        """Hand over one image; waits while too many are under way."""
        self._waiting.append(self._pool.submit(self._write, tile, codes, source_sha256))
        self._record(down_to=self._most)

    def _write(self, tile: str, codes: UInt8[np.ndarray, "h w 3"], source_sha256: str) -> Done:
        path = self.folder.image(tile)
        path.parent.mkdir(parents=True, exist_ok=True)
        sha256 = encode_codes(path, codes, jpeg_quality=self._jpeg_quality)
        return Done(tile, path.relative_to(self.folder.path).as_posix(), source_sha256, sha256)

    def _record(self, down_to: int) -> None:
        while self._waiting and (len(self._waiting) > down_to or self._waiting[0].done()):
            done = self._waiting.popleft().result()
            self.folder.append_done(done)
            self.written(done)
