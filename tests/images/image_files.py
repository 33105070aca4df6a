"""Image files made by hand, byte by byte where no library writes what is wanted."""

import io
import struct
import zlib

import numpy as np
import tifffile
from PIL import Image

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
CODES = (np.arange(72, dtype=np.uint8) * 3).reshape(4, 6, 3)
"""A small image in which every sample differs."""
SRGB_D50 = ((0.43607, 0.22249, 0.01392), (0.38515, 0.71687, 0.09708), (0.14307, 0.06061, 0.71410))
"""XYZ of red, green and blue of sRGB, adapted to D50, as in its ICC profile."""


def chunk(kind: bytes, body: bytes = b"") -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(
    values: np.ndarray = CODES,
    *,
    colour_type: int = 2,
    bits: int = 8,
    before: bytes = b"",
    after: bytes = b"",
    size: tuple[int, int] | None = None,
) -> bytes:
    """Return a PNG; ``values`` has shape (h, w) or (h, w, c), packed already where bits < 8."""
    big_endian = values.astype(">u2") if bits == 16 else values.astype(np.uint8)
    rows = b"".join(b"\0" + row.tobytes() for row in big_endian)
    width, height = size or (values.shape[1], values.shape[0])
    header = struct.pack(">IIBBBBB", width, height, bits, colour_type, 0, 0, 0)
    data = chunk(b"IDAT", zlib.compress(rows))
    return PNG_SIGNATURE + chunk(b"IHDR", header) + before + data + after + chunk(b"IEND")


def with_checksums(data: bytes) -> bytes:
    """Return a damaged PNG with the checksums of its chunks made right, so that the damage gets further."""
    parts, start = [data[:8]], 8
    while start + 12 <= len(data):
        length = int.from_bytes(data[start : start + 4], "big")
        body = data[start + 8 : start + 8 + length]
        parts.append(chunk(data[start + 4 : start + 8], body))
        start += 12 + length
    return b"".join(parts)


def jpeg(values: np.ndarray, mode: str | None = None, **options: object) -> bytes:
    stream = io.BytesIO()
    image = Image.fromarray(values) if mode is None else Image.frombytes(mode, values.shape[1::-1], values.tobytes())
    image.save(stream, format="JPEG", quality=95, **options)
    return stream.getvalue()


def grey_patch(mode: str = "RGB", code: int = 120) -> np.ndarray:
    channels = {"L": (), "RGB": (3,), "CMYK": (4,)}[mode]
    return np.full((16, 16, *channels), code, np.uint8)


def tiff(values: np.ndarray, **options: object) -> bytes:
    stream = io.BytesIO()
    options = {"photometric": "rgb", "metadata": None} | options
    tifffile.imwrite(stream, values, **options)
    return stream.getvalue()


def pyramid() -> bytes:
    """Return a TIFF with a reduced level behind its page, as slide scanners write them."""
    stream = io.BytesIO()
    with tifffile.TiffWriter(stream) as writer:
        writer.write(np.tile(CODES, (8, 8, 1)), subifds=1, photometric="rgb", metadata=None)
        writer.write(np.tile(CODES, (4, 4, 1)), subfiletype=1, photometric="rgb", metadata=None)
    return stream.getvalue()


def set_tag(data: bytes, tag: int, value: int) -> bytes:
    """Return a little-endian TIFF with every value of one tag of its first page replaced."""
    (start,) = struct.unpack_from("<I", data, 4)
    (tags,) = struct.unpack_from("<H", data, start)
    for entry in range(start + 2, start + 2 + 12 * tags, 12):
        found, kind, count, place = struct.unpack_from("<HHII", data, entry)
        if found == tag:
            values = struct.pack(f"<{count}{'H' if kind == 3 else 'I'}", *[value] * count)
            place = place if len(values) > 4 else entry + 8
            return data[:place] + values + data[place + len(values) :]
    raise AssertionError(f"no tag {tag}")


def exif(orientation: int) -> bytes:
    """Return an EXIF block with nothing but an orientation."""
    return b"II*\0" + struct.pack("<IHHHIII", 8, 1, 0x0112, 3, 1, orientation, 0)


def icc_profile(order: tuple[int, int, int] = (0, 1, 2), gamma: float | None = None) -> bytes:
    """Return a display profile with sRGB's primaries in the given order, and its curve or a gamma."""
    if gamma is None:
        steps = np.linspace(0, 1, 1024)
        curve = np.where(steps <= 0.04045, steps / 12.92, ((steps + 0.055) / 1.055) ** 2.4)
        table = np.rint(curve * 65535).astype(">u2").tobytes()
        curve_tag = b"curv\0\0\0\0" + struct.pack(">I", 1024) + table
    else:
        curve_tag = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256))
    name = b"Test profile\0"
    bodies = {b"desc": b"desc\0\0\0\0" + struct.pack(">I", len(name)) + name + b"\0" * 78}
    bodies[b"wtpt"] = _xyz((0.9642, 1.0, 0.8249))
    for channel, source in zip(b"rgb", order, strict=True):
        bodies[bytes([channel]) + b"XYZ"] = _xyz(SRGB_D50[source])
        bodies[bytes([channel]) + b"TRC"] = curve_tag
    table, data, offset = struct.pack(">I", len(bodies)), b"", 128 + 4 + 12 * len(bodies)
    for tag, body in bodies.items():
        body += b"\0" * (-len(body) % 4)
        table += tag + struct.pack(">II", offset + len(data), len(body))
        data += body
    size = offset + len(data)
    illuminant = struct.pack(">3i", 63190, 65536, 54061)
    head = struct.pack(">I4sI4s4s4s12s4s", size, b"\0" * 4, 0x02100000, b"mntr", b"RGB ", b"XYZ ", b"\0" * 12, b"acsp")
    return (head + b"\0" * 28 + illuminant).ljust(128, b"\0") + table + data


def _xyz(values: tuple[float, float, float]) -> bytes:
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(value * 65536) for value in values))


def icc_chunk(profile: bytes) -> bytes:
    return chunk(b"iCCP", b"p\0\0" + zlib.compress(profile))
