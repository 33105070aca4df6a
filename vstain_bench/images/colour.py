"""From decoded samples to float32 RGB in [0, 1]: depth, range, alpha, grey, palette, CMYK, Lab and colour profiles."""

import functools
import hashlib
import io
from dataclasses import dataclass

import numpy as np
from jaxtyping import Shaped
from PIL import Image, ImageCms

from vstain_bench.arrays import Pixels
from vstain_bench.base.text import printable
from vstain_bench.images.headers import Alpha, Colour, Content, Header
from vstain_bench.images.policy import DecodePolicy

SRGB_TOLERANCE = 2
"""A profile counts as sRGB when it moves no colour of a grid by more 8-bit codes: small profiles round their curves."""
_PROFILE_FAULTS = (OSError, ValueError, ImageCms.PyCMSError)
_PROFILE_SPACES = {"rgb": b"RGB ", "gray": b"GRAY", "cmyk": b"CMYK", "ycck": b"CMYK"}
_PILLOW_MODES = {b"RGB ": "RGB", b"GRAY": "L", b"CMYK": "CMYK"}


@dataclass(frozen=True)
class Samples:
    """Decoded numbers before they mean anything.

    Attributes:
        values: Shape (h, w, c); an alpha channel is the last.
        colour: What the other channels mean; a palette has been looked up already.
        peak: The code of full intensity, or None for floating-point samples.
    """

    values: Shaped[np.ndarray, "h w c"]
    colour: Colour
    peak: int | None


def to_rgb(content: Content, header: Header, samples: Samples, policy: DecodePolicy) -> tuple[Pixels, tuple[str, ...]]:
    """Return pixels, shape (h, w, 3), float32 in [0, 1], and notes on what was done.

    Raises:
        DecodeError: values that are not finite or out of range, an alpha channel that is not opaque where the policy
            refuses it, or a profile that cannot be applied.
    """
    values, alpha = samples.values, None
    if header.alpha != "none":
        values, alpha = values[..., :-1], values[..., -1:]
    icc = header.icc if header.icc is not None and policy.icc == "convert" and profile_differs(header) else None
    if samples.colour == "lab":
        values, colour = _lab_to_rgb(content, values), "rgb"
    elif icc is not None:
        values, colour = _apply_profile(content, header, icc, values, samples), "rgb"
    else:
        colour = samples.colour
    scaled = _scale(content, values, samples.peak, policy)
    if header.inverted and colour == "gray":
        scaled = 1 - scaled
    if colour in ("cmyk", "ycck"):
        scaled = (1 - scaled[..., :3]) * (1 - scaled[..., 3:])
    elif colour == "gray":
        scaled = np.repeat(scaled, 3, axis=2)
    if alpha is None:
        return scaled, ()
    return _over_background(content, scaled, _scale(content, alpha, samples.peak, policy), header.alpha, policy)


def profile_digest(icc: bytes) -> str:
    """Return a short name for a profile by its content."""
    return hashlib.sha256(icc).hexdigest()[:12]


def profile_differs(header: Header) -> bool:
    """Whether the file has a colour profile, and it is not sRGB."""
    return header.icc is not None and not _is_srgb(header.icc)


@functools.lru_cache(maxsize=64)
def profile_name(icc: bytes) -> str:
    """Return the description inside a profile, or ``unreadable``."""
    try:
        return printable(ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(icc))).strip())
    except _PROFILE_FAULTS:
        return "unreadable"


@functools.lru_cache(maxsize=64)
def _is_srgb(icc: bytes) -> bool:
    if icc[16:20] != b"RGB ":
        return False
    steps = np.arange(0, 256, 51, dtype=np.uint8)
    grid = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(1, -1, 3)
    try:
        mapped = _to_srgb(ImageCms.ImageCmsProfile(io.BytesIO(icc)), grid, "RGB")
    except _PROFILE_FAULTS:
        return False
    return bool(np.abs(mapped.astype(int) - grid.astype(int)).max() <= SRGB_TOLERANCE)


def _to_srgb(
    profile: ImageCms.ImageCmsProfile, values: Shaped[np.ndarray, "h w c"], mode: str
) -> Shaped[np.ndarray, "h w 3"]:
    """Return 8-bit values mapped from a profile to sRGB, relative colorimetric, by LittleCMS."""
    transform = ImageCms.buildTransform(
        profile,
        ImageCms.createProfile("sRGB"),
        mode,
        "RGB",
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
    )
    height, width = values.shape[:2]
    image = Image.frombytes(mode, (width, height), np.ascontiguousarray(values).tobytes())
    return np.asarray(transform.apply(image))


def _apply_profile(
    content: Content, header: Header, icc: bytes, values: Shaped[np.ndarray, "h w c"], samples: Samples
) -> Shaped[np.ndarray, "h w 3"]:
    space = icc[16:20]
    advice = "Pass --decode icc=ignore to take the codes as sRGB."
    if space == b"RGB " and samples.colour == "gray":
        values = np.repeat(values, 3, axis=2)
    elif space != _PROFILE_SPACES[samples.colour]:
        content.refuse(
            f"samples of kind {samples.colour} with a profile for '{printable(space.decode('latin-1')).strip()}'",
            expected="a profile that fits the image",
            next_step=advice,
        )
    if samples.peak != 255 or header.inverted:
        content.refuse("a colour profile on samples that are not 8-bit", next_step=advice)
    with content.foreign_code(f"applying the colour profile {profile_digest(icc)}"):
        return _to_srgb(ImageCms.ImageCmsProfile(io.BytesIO(icc)), values, _PILLOW_MODES[space])


def _lab_to_rgb(content: Content, values: Shaped[np.ndarray, "h w 3"]) -> Shaped[np.ndarray, "h w 3"]:
    """Return sRGB codes for 8-bit CIE L*a*b* (D50); L* fills the byte, a* and b* are signed (TIFF 6.0, section 23)."""
    with content.foreign_code("converting Lab"):
        return _to_srgb(ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")), values, "LAB")


def _scale(
    content: Content, values: Shaped[np.ndarray, "h w c"], peak: int | None, policy: DecodePolicy
) -> Shaped[np.ndarray, "h w c"]:
    """Return values as float32 in [0, 1]; a code k becomes the float32 nearest to k / peak."""
    if peak is not None:
        if values.max(initial=0) > peak:
            content.damaged(f"a sample of {values.max()} where the largest code is {peak}")
        scaled: Shaped[np.ndarray, "h w c"] = np.divide(values, np.float32(peak), dtype=np.float32)
        return scaled
    finite = np.isfinite(values)
    if not finite.all():
        row, column, _ = np.argwhere(~finite)[0]
        content.refuse(
            f"NaN or infinite values ({(~finite).sum()} of {finite.size}, first at x={column}, y={row})",
            expected="finite values",
            next_step="Repair whatever wrote it.",
        )
    limit = 1 if policy.float_range == "unit" else 255
    low, high = float(values.min()), float(values.max())
    if low < 0 or high > limit:
        content.refuse(
            f"values from {low:g} to {high:g}",
            expected=f"values in [0, {limit}], as --decode float_range={policy.float_range} says",
            next_step="Rescale it, or clip it knowingly, before scoring.",
        )
    return (values / limit).astype(np.float32)


def _over_background(
    content: Content,
    pixels: Pixels,
    alpha: Shaped[np.ndarray, "h w 1"],
    kind: Alpha,
    policy: DecodePolicy,
) -> tuple[Pixels, tuple[str, ...]]:
    """Return pixels without their alpha channel, laid over the policy's background."""
    if policy.alpha == "drop":
        return np.ascontiguousarray(pixels), ("alpha channel dropped",)
    clear = alpha[..., 0] < 1
    if not clear.any():
        return np.ascontiguousarray(pixels), ("alpha channel is fully opaque, dropped",)
    if policy.alpha == "refuse":
        row, column = np.argwhere(clear)[0]
        content.refuse(
            f"an alpha channel that is not opaque ({clear.sum()} of {clear.size} pixels, first at x={column}, y={row})",
            next_step="Pass --decode alpha=white (or alpha=black; alpha=drop ignores the channel).",
        )
    background = np.float32(1 if policy.alpha == "white" else 0)
    covered = pixels if kind == "premultiplied" else pixels * alpha
    mixed = np.clip(covered + background * (1 - alpha), 0, 1)
    return mixed, (f"alpha channel laid over {policy.alpha}",)
