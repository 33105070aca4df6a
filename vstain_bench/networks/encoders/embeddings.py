"""Features computed elsewhere: ``embeddings:DIR``, for those who have UNI, CONCH or Virchow embeddings at hand.

DIR holds ``real.npz``, one ``<model>.npz`` for each model under test, and ``source.npz`` where a metric compares with
the H&E. In each, the keys are tile ids and the values one-dimensional arrays, all of one length; nothing is unpickled.
Controls and perturbed images have no embeddings: distances are undefined for them.
"""

import zipfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch

from vstain_bench.errors import InputError, Undefined, UsageError
from vstain_bench.networks.encoders.definition import ENCODERS
from vstain_bench.networks.weights import digest
from vstain_bench.types import Encoder, Rows, View

Vectors = dict[str, np.ndarray[tuple[int], np.dtype[np.float32]]]


def _refused(path: Path, found: str, expected: str = "") -> InputError:
    return InputError(where=f"embeddings {path}", found=found, expected=expected)


@lru_cache(maxsize=16)
def _vectors(path: Path, content: str) -> Vectors:
    """Read one file; ``content`` is its digest, so that a changed file is read anew."""
    del content
    contract = "an .npz file: tile ids as keys, one-dimensional arrays of numbers of one length as values"
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {key: archive[key] for key in archive.files}
    except (OSError, ValueError, zipfile.BadZipFile, EOFError, AttributeError) as fault:
        raise _refused(path, f"it cannot be read ({type(fault).__name__}: {fault})", contract) from fault
    shapes = {array.shape for array in arrays.values()}
    if len(shapes) != 1 or len(next(iter(shapes))) != 1:
        raise _refused(path, f"arrays of shapes {', '.join(map(str, sorted(shapes)[:5])) or 'none'}", contract)
    for key, array in arrays.items():
        if array.dtype.kind not in "fiu" or not np.isfinite(array).all():
            raise _refused(path, f"tile '{key}' has values that are no finite numbers ({array.dtype})", contract)
    return {key: array.astype(np.float32) for key, array in arrays.items()}


@dataclass(frozen=True)
class EmbeddingsEncoder(Encoder):
    """The stored embedding of each tile."""

    folder: Path

    @property
    def signature(self) -> str:
        """The content of ``real.npz``: models are comparable when they were measured against the same one."""
        return f"embeddings-{digest(self.folder / 'real.npz')[:12]}"

    def files(self) -> tuple[Path, ...]:
        """Return every file of embeddings."""
        return tuple(sorted(self.folder.glob("*.npz")))

    def encode(self, view: View) -> Rows:
        """Return the embedding of each tile, shape (b, k), float32, on the device of the images.

        Raises:
            Undefined: The view is a control's.
            InputError: The file is missing or broken, or lacks some of the tiles.
        """
        path = self.folder / f"{view.owner}.npz"
        if view.owner.startswith("control:"):
            raise Undefined(f"no embeddings for {view.owner}")
        if not path.is_file():
            known = ", ".join(sorted(each.stem for each in self.folder.glob("*.npz")))
            raise _refused(path, "no such file", f"embeddings of '{view.owner}' (there are {known})")
        vectors = _vectors(path, digest(path))
        missing = [tile for tile in view.ids if tile not in vectors]
        if missing:
            names = ", ".join(f"'{tile}'" for tile in missing[:10])
            raise _refused(
                path, f"{len(missing)} of {len(view.ids)} tiles are missing: {names}", "every tile's id as a key"
            )
        return torch.from_numpy(np.stack([vectors[tile] for tile in view.ids])).to(view.images.device)


@ENCODERS.register("embeddings")
def embeddings(argument: str) -> Encoder:
    """Return the encoder of a folder of embeddings."""
    folder = Path(argument).expanduser()
    if not argument or not (folder / "real.npz").is_file():
        raise (InputError if argument else UsageError)(
            where=f"encoder 'embeddings:{argument}'",
            found="no folder is named" if not argument else f"no file {folder / 'real.npz'}",
            expected="embeddings:DIR with real.npz and one .npz file per model",
        )
    return EmbeddingsEncoder(folder)
