"""JPEG files: segments (ITU-T T.81 annex B), and their samples.

The segments are walked to the end-of-image marker, because a decoder fills what a truncated file lacks with grey, and
Pillow reports that only where the bytes run out before the marker. One cut remains invisible in the format itself:
coded data that stop early and are followed by a well-formed end.
"""

import io
import re

import numpy as np
from PIL.JpegImagePlugin import JpegImageFile

from vstain_bench.io.colour import Samples
from vstain_bench.io.headers import METADATA_LIMIT, Colour, Content, Header, exif_orientation
from vstain_bench.io.policy import DecodePolicy

SIGNATURE = b"\xff\xd8\xff"
SCAN_LIMIT = 256
"""Scans in one file; a progressive image has about ten, and each one costs a pass over all coefficients."""

_START_OF_SCAN, _END_OF_IMAGE = 0xDA, 0xD9
_BARE = frozenset((0x01, 0xD8, *range(0xD0, 0xD8)))
"""Markers without a length: TEM, SOI, RST0 to RST7."""
_FRAMES = frozenset((0xC0, 0xC1, 0xC2, 0xC9, 0xCA))
"""Baseline, extended and progressive frames, Huffman or arithmetic."""
_ARITHMETIC = frozenset((0xC9, 0xCA))
"""Frames that may spend less than one bit on a block of 8 × 8 samples; a Huffman code has at least one."""
_OTHER_FRAMES = frozenset((0xC3, 0xC5, 0xC6, 0xC7, 0xCB, 0xCD, 0xCE, 0xCF))
"""Lossless and hierarchical frames."""
_NEXT_MARKER = re.compile(rb"\xff+([^\x00\xff])")
_NOT_CODED = re.compile(rb"\xff[^\x00\xd0-\xd7]")
"""What cannot stand in coded data; a literal first byte keeps the search fast."""


def read_header(content: Content, policy: DecodePolicy) -> Header:
    """Return the header after a walk over all segments up to the end-of-image marker.

    Raises:
        DecodeError: truncated, damaged, of a process other than 8-bit DCT, or with more metadata than any tile has.
    """
    data = content.read(0, content.size)
    frame, icc_parts, spans = b"", [], [(0, 2)]
    orientation, adobe, metadata, scans, coded, marker_of_frame = 1, None, 0, 0, 0, 0
    marker, start, end = _segment(content, data, 2)
    while marker != _END_OF_IMAGE:
        body, keep = data[start + 4 : end], True
        if marker in _FRAMES and not frame:
            frame, marker_of_frame = body, marker
        elif marker in _FRAMES or marker in _OTHER_FRAMES:
            content.refuse("a JPEG of a lossless, hierarchical or repeated frame")
        elif marker == _START_OF_SCAN:
            scans += 1
            scan_start, end = end, _end_of_scan(content, data, end)
            coded += end - scan_start
        elif 0xE0 <= marker <= 0xEF or marker == 0xFE:
            keep = body.startswith((b"JFIF\0", b"Adobe"))
            metadata += len(body)
            if marker == 0xE1 and body.startswith(b"Exif\0"):
                orientation = exif_orientation(body[6:])
            elif marker == 0xE2 and body.startswith(b"ICC_PROFILE\0"):
                icc_parts.append((body[12:13], body[14:]))
            elif marker == 0xEE and body.startswith(b"Adobe") and len(body) > 11:
                adobe = body[11]
        if keep:
            spans.append((start, end))
        if metadata > METADATA_LIMIT or scans > SCAN_LIMIT:
            content.refuse(
                f"more than {METADATA_LIMIT >> 20} MiB of metadata or {SCAN_LIMIT} scans in one JPEG",
                next_step="Save it again without metadata.",
            )
        marker, start, end = _segment(content, data, end)
    if not frame or not scans:
        content.damaged("a JPEG without image data")
    width, height, channels, colour = _frame(content, frame, adobe)
    huffman = marker_of_frame not in _ARITHMETIC
    if huffman and width * height <= policy.max_pixels and (width // 8) * (height // 8) > 8 * coded:
        content.truncated(f"{coded} bytes of image data, which cannot hold {width} × {height} pixels")
    trailing = len(data[end:].strip(b"\0"))
    return Header(
        format="jpeg",
        width=width,
        height=height,
        colour=colour,
        channels=channels,
        bits=8,
        lossy=True,
        orientation=orientation,
        icc=b"".join(part for _, part in sorted(icc_parts)) or None,
        page=policy.page or 0,
        spans=(*spans, (start, end)),
        notes=(f"{trailing} bytes after the end of the image are ignored",) if trailing else (),
    )


def decode(content: Content, header: Header) -> Samples:
    """Return the samples, shape (h, w, c), uint8; CMYK in the usual sense, 255 is full ink."""
    with content.foreign_code("decoding the JPEG data"):
        image = JpegImageFile(io.BytesIO(header.pixel_bytes(content.read(0, content.size))))
        image.load()
        values = np.asarray(image).reshape(header.height, header.width, header.channels)
    return Samples(values, header.colour, header.alpha, peak=255)


def _segment(content: Content, data: bytes, position: int) -> tuple[int, int, int]:
    """Return marker, start and end of the next segment; stray bytes before it are skipped as decoders do."""
    found = _NEXT_MARKER.search(data, position)
    if found is None:
        content.truncated(f"the JPEG ends after {content.size} bytes without its end-of-image marker")
    marker, end = found.group(1)[0], found.end()
    if marker in _BARE or marker == _END_OF_IMAGE:
        return marker, end - 2, end
    length = int.from_bytes(data[end : end + 2], "big")
    if end + max(length, 2) > len(data):
        content.truncated(f"the JPEG ends after {content.size} bytes, inside a segment")
    if length < 2:
        content.damaged("a JPEG segment of impossible length")
    return marker, end - 2, end + length


def _end_of_scan(content: Content, data: bytes, position: int) -> int:
    """Return where the marker after a scan starts; stuffed bytes and restart markers belong to the scan."""
    for found in _NOT_CODED.finditer(data, position):
        marker = _NEXT_MARKER.match(data, found.start())
        if marker is not None and marker.group(1)[0] not in _BARE:
            return found.start()
    content.truncated(f"the JPEG ends after {content.size} bytes without its end-of-image marker")


def _frame(content: Content, frame: bytes, adobe: int | None) -> tuple[int, int, int, Colour]:
    """Return width, height, channels and colour of a frame header."""
    if len(frame) < 6:
        content.damaged("a JPEG frame header that is too short")
    precision, channels = frame[0], frame[5]
    height, width = int.from_bytes(frame[1:3], "big"), int.from_bytes(frame[3:5], "big")
    if precision != 8:
        content.refuse(f"a JPEG with {precision} bits per sample", next_step="Save it as PNG.")
    if not width or not height:
        content.damaged(f"a JPEG of {width} × {height} pixels")
    colours: dict[int, Colour] = {1: "gray", 3: "rgb", 4: "ycck" if adobe == 2 else "cmyk"}
    if channels not in colours:
        content.refuse(f"a JPEG with {channels} channels")
    return width, height, channels, colours[channels]
