"""Arrays that pass between rooms, by their shape; those on a device are in ``types``."""

import numpy as np
from jaxtyping import Float

RowArray = Float[np.ndarray, "n k"]
"""The rows of many tiles, in the order of their ids."""
OtherRows = Float[np.ndarray, "m k"]
"""Those of another set, which may hold another number of tiles."""
Values = Float[np.ndarray, " n"]
"""One number per tile, float64."""
PerPatient = Float[np.ndarray, " patients"]
"""One number per patient, in the order of their names."""
LeftOut = Float[np.ndarray, " blocks"]
"""A score without each block of tiles in turn."""
Pixels = Float[np.ndarray, "h w 3"]
"""One decoded image: RGB, float32, [0, 1]."""
OtherPixels = Float[np.ndarray, "other_h other_w 3"]
"""The same of another size."""
