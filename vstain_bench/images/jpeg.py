"""JPEG files: Pillow reads their headers, libjpeg-turbo (simplejpeg) their samples.

A decoder fills what damaged data lack with grey, and goes on after a warning that nobody sees. Here each warning of
libjpeg refuses the file, unless the policy's ``jpeg=lenient`` lets it through: then Pillow decodes it, and the warning
is kept. What no decoder can see, since the format has no checksum: a few bytes lost or changed within a scan, after
which the codes fall into step again with as many blocks as before.
"""

import io
import re
from typing import NoReturn

import numpy as np
import simplejpeg
from jaxtyping import UInt8
from PIL.JpegImagePlugin import JpegImageFile

from vstain_bench.base.text import printable
from vstain_bench.images.colour import Samples
from vstain_bench.images.headers import Colour, Content, Header, orientation_of
from vstain_bench.images.policy import DecodePolicy

SIGNATURE = b"\xff\xd8\xff"
SCAN_LIMIT = 256
"""Scans in one file; a progressive image has about ten, and each one costs a pass over all coefficients."""

_END_OF_IMAGE = b"\xff\xd9"
_SCAN_OR_END = re.compile(rb"\xff[\xd9\xda]")
_ARITHMETIC = re.compile(rb"\xff[\xc9\xca]")
"""Frames that may spend less than one bit on a block of 8 × 8 samples; a Huffman code has at least one."""
_SPACES = {"gray": "GRAY", "rgb": "RGB", "cmyk": "CMYK", "ycck": "CMYK"}


def read_header(content: Content, policy: DecodePolicy) -> Header:
    """Return what stands before the first scan; the rest of the file is searched for its end.

    Raises:
        DecodeError: truncated, damaged, of more than 8 bits, or of two or more than four channels.
    """
    data = content.read(0, content.size)
    stream = io.BytesIO(data)
    with content.foreign_code("reading the JPEG header", next_step="Copy it again, or save it as 8-bit RGB PNG."):
        image = JpegImageFile(stream)
        orientation, notes = orientation_of(image)
    if not image.tile:
        content.damaged("a JPEG without image data")
    start, end, scans = stream.tell(), 0, 1
    for marker in _SCAN_OR_END.finditer(data, start):
        if marker.group() == _END_OF_IMAGE:
            end = marker.start()
            break
        scans += 1
    if not end:
        content.truncated(f"the JPEG ends after {content.size} bytes without its end-of-image marker")
    if scans > SCAN_LIMIT:
        content.refuse(f"{scans} scans in one JPEG", expected=f"at most {SCAN_LIMIT}", next_step="Save it as PNG.")
    blocks = 0 if _ARITHMETIC.search(data, 0, start) else (image.width // 8) * (image.height // 8)
    if image.width * image.height <= policy.max_pixels and blocks > 8 * (end - start):
        content.truncated(f"{end - start} bytes of image data, which cannot hold {image.width} × {image.height} pixels")
    icc = sorted(part[12:] for _, part in image.applist if part.startswith(b"ICC_PROFILE\0"))
    colours: dict[int, Colour] = {
        1: "gray",
        3: "rgb",
        4: "ycck" if image.info.get("adobe_transform") == 2 else "cmyk",
    }
    colour = colours[image.layers]
    is_tried = policy.jpeg == "lenient" and image.width * image.height <= policy.max_pixels
    return Header(
        format="jpeg",
        width=image.width,
        height=image.height,
        colour=colour,
        channels=image.layers,
        bits=8,
        lossy=True,
        orientation=orientation,
        icc=b"".join(part[2:] for part in icc) or None,
        page=policy.page or 0,
        fault=warning_of(data, colour) if is_tried else "",
        trailing=len(data[end + 2 :].strip(b"\0")),
        notes=notes,
    )


def decode(content: Content, header: Header) -> Samples:
    """Return the samples, shape (h, w, c), uint8; CMYK in the usual sense, 255 is full ink.

    Raises:
        DecodeError: an error of libjpeg, or a warning that the header does not hold already.
    """
    data = content.read(0, content.size)
    with content.foreign_code("decoding the JPEG data"):
        if header.fault:
            image = JpegImageFile(io.BytesIO(data))
            image.load()
            values = np.asarray(image).reshape(header.height, header.width, header.channels)
        else:
            try:
                values = _without_warning(data, header.colour)
            except ValueError as warning:
                refuse_damaged(content, printable(warning))
    return Samples(values, header.colour, peak=255)


def _without_warning(data: bytes, colour: Colour) -> UInt8[np.ndarray, "h w c"]:
    """Return the samples, or raise ``ValueError`` with libjpeg's first warning or error."""
    values: UInt8[np.ndarray, "h w c"] = simplejpeg.decode_jpeg(
        data, _SPACES[colour], fastdct=False, fastupsample=False, strict=True
    )
    return 255 - values if colour in ("cmyk", "ycck") else values  # inks are stored inverted, as Adobe does


def warning_of(data: bytes, colour: Colour) -> str:
    """Return libjpeg's first warning or error, or an empty text."""
    try:
        _without_warning(data, colour)
    except ValueError as warning:
        return printable(warning)
    return ""


def refuse_damaged(content: Content, warning: str) -> NoReturn:
    """Raise the ``DecodeError`` for data that libjpeg warns of."""
    content.refuse(
        f"damaged JPEG data (libjpeg: {warning})",
        expected="an intact file",
        next_step="Copy or export it again. --decode jpeg=lenient reads a file in spite of warnings.",
    )
