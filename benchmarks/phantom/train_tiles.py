"""Writes 64 pairs of 128 px of eight synthetic patients, H&E and IHC aligned: ``train_tiles.py FOLDER``."""

import sys
from pathlib import Path

from vstain_bench.phantom import write_phantom

write_phantom(Path(sys.argv[1]), groups=8, tiles_per_group=8, size=128, seed=0, models={})
