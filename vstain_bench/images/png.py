"""PNG files: header and chunk structure (W3C PNG, third edition), and their samples.

The chunks are read here because Pillow hides what matters: it reports 16-bit RGB as 8-bit, skips checksums of image
data, and unpacks text and profiles of any size. Pillow is then given nothing but the chunks that hold pixels.
"""

import io
import string
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import imagecodecs
import numpy as np
from PIL.PngImagePlugin import PngImageFile

from vstain_bench.images.colour import Samples
from vstain_bench.images.headers import METADATA_LIMIT, Colour, Content, Header, exif_orientation
from vstain_bench.images.policy import DecodePolicy

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_COLOURS: dict[int, tuple[Colour, int, tuple[int, ...]]] = {
    0: ("gray", 1, (1, 2, 4, 8, 16)),
    2: ("rgb", 3, (8, 16)),
    3: ("palette", 1, (1, 2, 4, 8)),
    4: ("gray", 2, (8, 16)),
    6: ("rgb", 4, (8, 16)),
}
"""Colour type: meaning, channels, allowed bit depths (table 12 of the standard)."""
_DEFLATE_RATIO = 1032
"""No deflate stream unpacks to more times its length (zlib's technical details)."""
_CRITICAL = frozenset((b"IHDR", b"PLTE", b"IDAT", b"IEND"))
_LETTERS = frozenset(string.ascii_letters.encode())


@dataclass(frozen=True)
class _Chunk:
    """One chunk: where it starts, its type, and the length of its body."""

    start: int
    kind: bytes
    length: int

    @property
    def end(self) -> int:
        return self.start + self.length + 12


def read_header(content: Content, policy: DecodePolicy) -> Header:
    """Return the header after a walk over all chunks up to IEND; no image data is read.

    Raises:
        DecodeError: truncated, damaged, animated, or with more metadata than any tile has.
    """
    width, height, bits, colour, channels = _image_header(content)
    chunks = list(_chunks(content))
    kinds = [chunk.kind for chunk in chunks]
    if {b"acTL", b"fcTL", b"fdAT"} & set(kinds):
        content.refuse("an animated PNG", next_step="Save one frame of it as PNG.")
    unknown = [kind for kind in kinds if not kind[0] & 0x20 and kind not in _CRITICAL]
    if unknown:
        content.damaged(f"an unknown critical chunk '{unknown[0].decode()}'")
    if b"IDAT" not in kinds or (colour == "palette" and b"PLTE" not in kinds):
        content.damaged("no image data" if b"IDAT" not in kinds else "a palette image without its palette")
    packed = sum(chunk.length for chunk in chunks if chunk.kind == b"IDAT")
    needed = width * height * channels * bits // 8
    if width * height <= policy.max_pixels and needed > packed * _DEFLATE_RATIO:
        content.truncated(f"{packed} bytes of image data, which cannot hold {width} × {height} pixels")
    has_transparent_colour = b"tRNS" in kinds[: kinds.index(b"IDAT")]
    orientation, icc, notes = _metadata(content, chunks)
    if content.size > chunks[-1].end:
        notes.append(f"{content.size - chunks[-1].end} bytes after the end of the image are ignored")
    return Header(
        format="png",
        width=width,
        height=height,
        colour=colour,
        channels=channels,
        bits=bits,
        lossy=False,
        alpha="straight" if has_transparent_colour or channels in (2, 4) else "none",
        orientation=orientation,
        icc=icc,
        page=policy.page or 0,
        spans=_pixel_spans(chunks, kinds.index(b"IDAT")),
        notes=tuple(notes),
    )


def decode(content: Content, header: Header) -> Samples:
    """Return the samples, shape (h, w, c): uint8, or uint16 for 16 bits; all checksums are verified first."""
    data = content.read(0, content.size)
    view = memoryview(data)
    for chunk in _chunks(content):
        checksum = int.from_bytes(view[chunk.end - 4 : chunk.end], "big")
        if zlib.crc32(view[chunk.start + 4 : chunk.end - 4]) != checksum:
            content.damaged(f"a wrong checksum in chunk '{chunk.kind.decode()}'")
    with content.foreign_code("decoding the PNG data"):
        if header.bits == 16:
            return _decode_16_bit(content, header, header.pixel_bytes(data))
        image = PngImageFile(io.BytesIO(header.pixel_bytes(data)))
        image.load()
        if header.alpha != "none" and image.mode not in ("LA", "RGBA"):
            values = np.asarray(image.convert("RGBA"))
        else:
            values = np.asarray(image.convert({"1": "L", "P": "RGB"}[image.mode]) if image.mode in "1P" else image)
    values = values.reshape(header.height, header.width, -1)
    return Samples(values, "gray" if values.shape[2] < 3 else "rgb", header.alpha, peak=255)


def _decode_16_bit(content: Content, header: Header, data: bytes) -> Samples:
    """Return 16-bit samples: Pillow would cut colours to 8 bits."""
    values = np.asarray(imagecodecs.png_decode(data)).reshape(header.height, header.width, -1)
    alpha_missing = header.alpha != "none" and values.shape[2] not in (2, 4)
    if values.dtype != np.uint16 or alpha_missing:
        content.refuse("a transparent colour at 16 bits", next_step="Save it with an alpha channel, or without.")
    return Samples(values, header.colour, header.alpha, peak=65535)


def _image_header(content: Content) -> tuple[int, int, int, Colour, int]:
    """Return width, height, bits, colour and channels of the IHDR chunk."""
    head = content.read(8, 25)
    if len(head) < 25:
        content.truncated(f"a PNG of {content.size} bytes, too short for its header")
    length, kind, width, height, bits, code, compression, row_filter, interlace = struct.unpack(">I4sIIBBBBB4x", head)
    colour, channels, depths = _COLOURS.get(code, ("rgb", 3, ()))
    known = bits in depths and compression == 0 and row_filter == 0 and interlace in (0, 1)
    if length != 13 or kind != b"IHDR" or not known or not 0 < width < 2**31 or not 0 < height < 2**31:
        content.damaged("a PNG header with impossible values")
    if zlib.crc32(head[4:21]) != int.from_bytes(head[21:], "big"):
        content.damaged("a wrong checksum in chunk 'IHDR'")
    return width, height, bits, colour, channels


def _chunks(content: Content) -> Iterator[_Chunk]:
    """Yield every chunk; the last one is IEND."""
    start, kind = len(SIGNATURE), b""
    while kind != b"IEND":
        head = content.read(start, 8)
        if len(head) < 8:
            content.truncated(f"the PNG ends after {content.size} bytes without its IEND chunk")
        length, kind = int.from_bytes(head[:4], "big"), head[4:]
        if not _LETTERS.issuperset(kind):
            content.damaged(f"no PNG chunk at byte {start}")
        chunk = _Chunk(start, kind, length)
        if chunk.end > content.size:
            content.truncated(
                f"the PNG ends after {content.size} bytes, inside a '{kind.decode()}' chunk that needs {chunk.end}"
            )
        yield chunk
        start = chunk.end


def _pixel_spans(chunks: list[_Chunk], first_data: int) -> tuple[tuple[int, int], ...]:
    """Return the byte ranges of the signature and of the chunks that make pixels, neighbours joined."""
    spans = [(0, len(SIGNATURE))]
    for index, chunk in enumerate(chunks):
        if chunk.kind in (b"IHDR", b"IDAT", b"IEND") or (chunk.kind in (b"PLTE", b"tRNS") and index < first_data):
            if spans[-1][1] == chunk.start:
                spans[-1] = (spans[-1][0], chunk.end)
            else:
                spans.append((chunk.start, chunk.end))
    return tuple(spans)


def _metadata(content: Content, chunks: list[_Chunk]) -> tuple[int, bytes | None, list[str]]:
    """Return orientation, colour profile and notes; metadata of a size that no tile has is refused."""
    orientation, icc, notes, total = 1, None, list[str](), 0
    for chunk in chunks:
        if chunk.kind in _CRITICAL:
            continue
        unpacked = _unpacked(content, chunk)
        total += max(chunk.length, len(unpacked))
        if total > METADATA_LIMIT:
            content.refuse(
                f"more than {METADATA_LIMIT >> 20} MiB of text, EXIF or colour profile, "
                f"reached in chunk '{chunk.kind.decode()}'",
                next_step="Save it again without metadata.",
            )
        if chunk.kind == b"eXIf":
            orientation = exif_orientation(unpacked.removeprefix(b"Exif\0\0"))
        elif chunk.kind == b"iCCP":
            icc = unpacked
        elif chunk.kind == b"cICP" and unpacked[:2] != b"\x01\x0d":  # BT.709 primaries, sRGB curve
            notes.append(f"colour space by cICP chunk ({unpacked.hex(' ')}) is not applied")
    return orientation, icc, notes


def _unpacked(content: Content, chunk: _Chunk) -> bytes:
    """Return the body of a metadata chunk that is needed or may hide its size; packed ones up to just past the limit.

    Text is unpacked only to see that it is no bomb; plain text is not read at all.
    """
    if chunk.length > METADATA_LIMIT or chunk.kind not in (b"iCCP", b"zTXt", b"iTXt", b"eXIf", b"cICP"):
        return b""
    body = content.read(chunk.start + 8, chunk.length)
    if chunk.kind in (b"eXIf", b"cICP"):
        return body
    rest = body.partition(b"\0")[2]  # after the keyword: the compression method, then the stream
    packed = rest[1:]
    if chunk.kind == b"iTXt":  # after the keyword: flag, method, language, translated keyword
        if rest[:1] != b"\1":
            return b""
        packed = rest[2:].split(b"\0", 2)[-1]
    try:
        return zlib.decompressobj().decompress(packed, METADATA_LIMIT + 1)
    except zlib.error:
        return b"unreadable"
