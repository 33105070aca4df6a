"""Write the gate's tiles, ``python tiles.py FOLDER``: eight of 176 px, four patients, a good and a displaced model."""

import sys
from pathlib import Path

from vstain_bench.phantom import SIMULATED_MODELS, write_phantom

MODELS = {name: SIMULATED_MODELS[name] for name in ("faithful", "shifted")}

if __name__ == "__main__":
    write_phantom(Path(sys.argv[1]), groups=4, tiles_per_group=2, size=176, seed=0, models=MODELS)
