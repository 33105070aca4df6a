"""CIELAB of sRGB pictures and back (IEC 61966-2-1, white D65, 2° observer).

Not scikit-image's: there white is not the sum of the primaries, so that a grey has a* and b* of up to 0.005.
"""

import numpy as np

from vstain_bench.arrays import Pixels
from vstain_bench.phantom.noise import Array

_TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
_WHITE = _TO_XYZ.sum(axis=1)
_KNEE = 6 / 29


def to_lab(picture: Pixels) -> Array:
    """Return L*, a*, b* in float64, shape (h, w, 3)."""
    value = picture.astype(np.float64)
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    ratio = linear @ (_TO_XYZ / _WHITE[:, None]).T
    root = np.where(ratio > _KNEE**3, np.cbrt(ratio), ratio / (3 * _KNEE**2) + 4 / 29)
    first, second, third = root[..., 0], root[..., 1], root[..., 2]
    lab: Array = np.stack([116 * second - 16, 500 * (first - second), 200 * (second - third)], axis=-1)
    return lab


def from_lab(lab: Array) -> Pixels:
    """Return sRGB, clipped to [0, 1], float32."""
    second = (lab[..., 0] + 16) / 116
    root = np.stack([second + lab[..., 1] / 500, second, second - lab[..., 2] / 200], axis=-1)
    ratio = np.where(root > _KNEE, root**3, 3 * _KNEE**2 * (root - 4 / 29))
    linear = np.clip((ratio * _WHITE) @ np.linalg.inv(_TO_XYZ).T, 0, 1)
    value = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    picture: Pixels = value.astype(np.float32)
    return picture
