"""Arrays that pass between rooms, by their shape; those on a device are in ``types``."""

import numpy as np
from jaxtyping import Float

RowArray = Float[np.ndarray, "n k"]
"""The rows of many tiles, in the order of their ids."""
Values = Float[np.ndarray, " n"]
"""One number per tile, float64."""
Pixels = Float[np.ndarray, "h w 3"]
"""One decoded image: RGB, float32, [0, 1]."""
