"""PNG files (W3C PNG, third edition): two libraries share their chunks.

libpng (imagecodecs) gets those that make pixels: it verifies checksums and refuses data that stop early. Pillow gets
the others, also those behind the image data: it reads text, EXIF and profile, and unpacks no bomb. The walk over the
chunks sees what neither reports: a file that ends early, an animation, bytes after the end.
"""

import io
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import imagecodecs
import numpy as np
from PIL import PngImagePlugin

from vstain_bench.images.colour import Samples
from vstain_bench.images.headers import METADATA_LIMIT, Colour, Content, Header, orientation_of
from vstain_bench.images.policy import DecodePolicy

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_START = SIGNATURE + b"\0\0\0\rIHDR"
_NO_DATA, _END = (b"\0\0\0\0" + kind + zlib.crc32(kind).to_bytes(4, "big") for kind in (b"IDAT", b"IEND"))
_COLOURS: dict[int, tuple[Colour, int]] = {
    0: ("gray", 1),
    2: ("rgb", 3),
    3: ("palette", 1),
    4: ("gray", 2),
    6: ("rgb", 4),
}
"""Colour type: meaning and channels (table 12 of the standard)."""
_CRITICAL = frozenset((b"IHDR", b"PLTE", b"IDAT", b"IEND"))
_PIXELS = _CRITICAL | {b"tRNS"}
_SRGB = b"\x01\x0d"
"""cICP of BT.709 primaries and sRGB's curve."""
_ANIMATION = frozenset((b"acTL", b"fcTL", b"fdAT"))

# A profile or a text may be larger than Pillow's 1 MiB once it is unpacked, but not without limit.
PngImagePlugin.MAX_TEXT_CHUNK = METADATA_LIMIT


@dataclass(frozen=True)
class _Chunk:
    """One chunk: its type, where it starts, and its length with type and checksum."""

    kind: bytes
    start: int
    size: int


def read_header(content: Content, policy: DecodePolicy) -> Header:
    """Return the header after a walk over all chunks up to IEND; no image data is read.

    Raises:
        DecodeError: truncated, damaged, animated, or with more metadata than any tile has.
    """
    chunks = list(_chunks(content))
    kinds = [chunk.kind for chunk in chunks]
    if _ANIMATION & set(kinds):
        content.refuse("an animated PNG", next_step="Save one frame of it as PNG.")
    unknown = [kind for kind in kinds if not kind[0] & 0x20 and kind not in _CRITICAL]
    if unknown or b"IDAT" not in kinds:
        content.damaged(f"an unknown critical chunk '{unknown[0].decode()}'" if unknown else "no image data")
    if content.read(chunks[-1].start, chunks[-1].size) != _END:
        content.damaged("a wrong checksum in chunk 'IEND'")
    others = [chunk for chunk in chunks[:-1] if chunk.kind != b"IDAT"]
    if sum(chunk.size for chunk in others) > METADATA_LIMIT:
        content.refuse(
            f"more than {METADATA_LIMIT >> 20} MiB of text, EXIF or colour profile",
            next_step="Export it again, without metadata.",
        )
    with content.foreign_code("reading the PNG header", next_step="Copy or export it again, without metadata."):
        parts = (content.read(chunk.start, chunk.size) for chunk in others)
        image = PngImagePlugin.PngImageFile(io.BytesIO(b"".join((SIGNATURE, *parts, _NO_DATA))))
        orientation, notes = orientation_of(image)
    bits, code = content.read(24, 2)
    colour, channels = _COLOURS[code]
    cicp = [content.read(chunk.start + 8, 4) for chunk in others if chunk.kind == b"cICP"]
    is_transparent = b"tRNS" in kinds[: kinds.index(b"IDAT")]
    return Header(
        format="png",
        width=image.width,
        height=image.height,
        colour=colour,
        channels=channels,
        bits=bits,
        lossy=False,
        alpha="straight" if is_transparent or channels in (2, 4) else "none",
        orientation=orientation,
        # Pillow has None for a profile that cannot be unpacked
        icc=(image.info["icc_profile"] or b"unreadable") if "icc_profile" in image.info else None,
        page=policy.page or 0,
        trailing=content.size - chunks[-1].start - chunks[-1].size,
        notes=(
            *notes,
            *(f"colour space by cICP chunk ({body.hex(' ')}) is not applied" for body in cicp if body[:2] != _SRGB),
        ),
    )


def decode(content: Content, header: Header) -> Samples:
    """Return the samples, shape (h, w, c): uint8, or uint16 for 16 bits; fewer bits and palettes are expanded."""
    data = b"".join(content.read(chunk.start, chunk.size) for chunk in _chunks(content) if chunk.kind in _PIXELS)
    with content.foreign_code("decoding the PNG data"):
        values = np.asarray(imagecodecs.png_decode(SIGNATURE + data)).reshape(header.height, header.width, -1)
    colour: Colour = "gray" if header.colour == "gray" else "rgb"
    if values.shape[2] != (1 if colour == "gray" else 3) + (header.alpha != "none"):
        content.damaged("a transparent colour that cannot be read")
    return Samples(values, colour, peak=np.iinfo(values.dtype).max)


def _chunks(content: Content) -> Iterator[_Chunk]:
    """Yield every chunk; the first one is IHDR, the last one IEND."""
    if content.read(0, len(_START)) != _START:
        content.damaged("a PNG that does not begin with its header")
    start, kind = len(SIGNATURE), b""
    while kind != b"IEND":
        head = content.read(start, 8)
        if len(head) < 8:
            content.truncated(f"the PNG ends after {content.size} bytes without its IEND chunk")
        kind, size = head[4:], int.from_bytes(head[:4], "big") + 12
        if not kind.isalpha():
            content.damaged(f"no PNG chunk at byte {start}")
        if start + size > content.size:
            content.truncated(
                f"the PNG ends after {content.size} bytes, inside a '{kind.decode()}' chunk that needs {start + size}"
            )
        yield _Chunk(kind, start, size)
        start += size
