"""JPEG files: segments (ITU-T T.81 annex B), and their samples.

The segments are walked to the end-of-image marker, because a decoder fills what a truncated file lacks with grey, and
Pillow reports that only where the bytes run out before the marker. One cut remains invisible in the format itself:
coded data that stop early and are followed by a well-formed end.
"""

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from PIL.JpegImagePlugin import JpegImageFile

from vstain_bench.images.colour import Samples
from vstain_bench.images.headers import METADATA_LIMIT, Colour, Content, Header, exif_orientation
from vstain_bench.images.policy import DecodePolicy

SIGNATURE = b"\xff\xd8\xff"
SCAN_LIMIT = 256
"""Scans in one file; a progressive image has about ten, and each one costs a pass over all coefficients."""

_START_OF_SCAN, _END_OF_IMAGE, _COMMENT = 0xDA, 0xD9, 0xFE
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


@dataclass(frozen=True)
class _Segment:
    """One marker segment: its body, and where it ends with the coded data that may follow it."""

    marker: int
    start: int
    end: int
    body: bytes

    @property
    def coded(self) -> int:
        """Bytes of coded data after the body."""
        return self.end - self.start - 4 - len(self.body) if self.marker == _START_OF_SCAN else 0

    @property
    def is_metadata(self) -> bool:
        return 0xE0 <= self.marker <= 0xEF or self.marker == _COMMENT

    @property
    def is_needed(self) -> bool:
        """Whether a decoder needs it: JFIF and Adobe segments say which colours are stored."""
        return not self.is_metadata or self.body.startswith((b"JFIF\0", b"Adobe"))


def read_header(content: Content, policy: DecodePolicy) -> Header:
    """Return the header after a walk over all segments up to the end-of-image marker.

    Raises:
        DecodeError: truncated, damaged, of a process other than 8-bit DCT, or with more metadata than any tile has.
    """
    data = content.read(0, content.size)
    segments = list(_segments(content, data))
    scans = [segment for segment in segments if segment.marker == _START_OF_SCAN]
    metadata = [segment for segment in segments if segment.is_metadata]
    if len(scans) > SCAN_LIMIT or sum(len(segment.body) for segment in metadata) > METADATA_LIMIT:
        content.refuse(
            f"more than {METADATA_LIMIT >> 20} MiB of metadata or {SCAN_LIMIT} scans in one JPEG",
            next_step="Save it again without metadata.",
        )
    frames = [segment for segment in segments if segment.marker in _FRAMES | _OTHER_FRAMES]
    if not frames or not scans:
        content.damaged("a JPEG without image data")
    if len(frames) > 1 or frames[0].marker in _OTHER_FRAMES:
        content.refuse("a JPEG of a lossless, hierarchical or repeated frame", next_step="Save it as PNG.")
    orientation, icc, adobe = _metadata(metadata)
    width, height, channels, colour = _frame(content, frames[0].body, adobe)
    coded = sum(segment.coded for segment in scans)
    blocks = 0 if frames[0].marker in _ARITHMETIC else (width // 8) * (height // 8)
    if width * height <= policy.max_pixels and blocks > 8 * coded:
        content.truncated(f"{coded} bytes of image data, which cannot hold {width} × {height} pixels")
    trailing = len(data[segments[-1].end :].strip(b"\0"))
    return Header(
        format="jpeg",
        width=width,
        height=height,
        colour=colour,
        channels=channels,
        bits=8,
        lossy=True,
        orientation=orientation,
        icc=icc,
        page=policy.page or 0,
        spans=((0, 2), *((segment.start, segment.end) for segment in segments if segment.is_needed)),
        notes=(f"{trailing} bytes after the end of the image are ignored",) if trailing else (),
    )


def decode(content: Content, header: Header) -> Samples:
    """Return the samples, shape (h, w, c), uint8; CMYK in the usual sense, 255 is full ink."""
    with content.foreign_code("decoding the JPEG data"):
        image = JpegImageFile(io.BytesIO(header.pixel_bytes(content.read(0, content.size))))
        image.load()
        values = np.asarray(image).reshape(header.height, header.width, header.channels)
    return Samples(values, header.colour, header.alpha, peak=255)


def _segments(content: Content, data: bytes) -> Iterator[_Segment]:
    """Yield every segment after the start of the image; stray bytes between them are skipped, as decoders do."""
    marker, position = 0, 2
    while marker != _END_OF_IMAGE:
        found = _NEXT_MARKER.search(data, position)
        if found is None:
            content.truncated(f"the JPEG ends after {content.size} bytes without its end-of-image marker")
        marker, position = found.group(1)[0], found.end()
        start, body = position - 2, b""
        if marker not in _BARE and marker != _END_OF_IMAGE:
            length = int.from_bytes(data[position : position + 2], "big")
            if position + max(length, 2) > len(data):
                content.truncated(f"the JPEG ends after {content.size} bytes, inside a segment")
            if length < 2:
                content.damaged("a JPEG segment of impossible length")
            body = data[position + 2 : position + length]
            position += length
        if marker == _START_OF_SCAN:
            position = _end_of_scan(content, data, position)
        yield _Segment(marker, start, position, body)


def _metadata(segments: list[_Segment]) -> tuple[int, bytes | None, int | None]:
    """Return orientation, colour profile and Adobe's colour transform."""
    orientation, adobe, icc_parts = 1, None, []
    for segment in segments:
        if segment.marker == 0xE1 and segment.body.startswith(b"Exif\0"):
            orientation = exif_orientation(segment.body[6:])
        elif segment.marker == 0xE2 and segment.body.startswith(b"ICC_PROFILE\0"):
            icc_parts.append((segment.body[12:13], segment.body[14:]))
        elif segment.marker == 0xEE and segment.body.startswith(b"Adobe") and len(segment.body) > 11:
            adobe = segment.body[11]
    return orientation, b"".join(part for _, part in sorted(icc_parts)) or None, adobe


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
