"""The one place where a file becomes float32 RGB in [0, 1].

Decoders guess: alpha is dropped, 16 bits are clipped, orientation is applied by one library and not by another, half
an image comes back grey. A guess changes every metric and none of them shows it. So a file that is anything but one
intact 8-bit RGB image is refused with what was found, and each conversion is an option of ``DecodePolicy`` that its
user states.

``inspect_image`` reads headers and structure only; ``read_image`` decodes, and gives the digest of the bytes that it
decoded.
"""

import hashlib
import io
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from vstain_bench.arrays import OtherPixels, Pixels
from vstain_bench.base.files import replacing
from vstain_bench.base.text import printable
from vstain_bench.errors import DecodeError, InputError, MachineError
from vstain_bench.images import jpeg, png, tiff
from vstain_bench.images.colour import Samples, profile_differs, profile_digest, profile_name, to_rgb
from vstain_bench.images.headers import METADATA_LIMIT, Content, Header, check, explain_unknown
from vstain_bench.images.policy import DecodePolicy
from vstain_bench.words import ImageFile

__all__ = [
    "DecodePolicy",
    "Decoded",
    "ImageInfo",
    "encode_codes",
    "encode_png",
    "inspect_image",
    "read_image",
]


PNG_LEVEL = 3
"""zlib level of written files: on tiles a third of the time of level 6 for 6 % more bytes."""


READ_AHEAD = 65_536
"""Bytes per read of a header: one read for several of libpng's 8 KiB chunks, one for each of Pillow's 64 KiB."""


@dataclass(frozen=True)
class ImageFormat:
    """One file format: how it is recognised, and the functions that read it."""

    name: str
    signatures: tuple[bytes, ...]
    extensions: tuple[str, ...]
    read_header: Callable[[Content, DecodePolicy], Header]
    decode: Callable[[Content, Header], Samples]


_FORMATS = (
    ImageFormat("png", (png.SIGNATURE,), (".png",), png.read_header, png.decode),
    ImageFormat("jpeg", (jpeg.SIGNATURE,), (".jpg", ".jpeg", ".jpe", ".jfif"), jpeg.read_header, jpeg.decode),
    ImageFormat("tiff", tiff.SIGNATURES, (".tif", ".tiff"), tiff.read_header, tiff.decode),
)


@dataclass(frozen=True)
class ImageInfo:
    """What is known of one file.

    Attributes:
        format: ``png``, ``jpeg`` or ``tiff``, by content.
        width: Columns of the pixels that ``read_image`` gives for the whole file, so after ``exif=apply``.
        height: Rows of them.
        lossy: The compression loses information.
        icc: Digest of the colour profile, or None where there is none or it is sRGB.
        bytes: Size of the file.
        fault: What a decoder warned of where the policy lets that through.
        notes: Remarks for the user: what was tolerated, ignored or converted.
    """

    format: str
    width: int
    height: int
    lossy: bool
    icc: str | None
    bytes: int
    fault: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Decoded:
    """One decoded image.

    Attributes:
        pixels: Shape (h, w, 3), float32 in [0, 1], C-contiguous, writeable.
        sha256: Digest of the file's bytes, the same that were decoded.
        info: What is known of the file.
    """

    pixels: Pixels
    sha256: str
    info: ImageInfo


def inspect_image(path: Path, policy: DecodePolicy | None = None) -> ImageInfo:
    """Return what a file's header and structure say, without decoding it.

    Raises:
        DecodeError: not a regular file, not PNG, JPEG or TIFF, truncated, or refused by the policy.
        MachineError: no permission to read it, or no codec for it.
    """
    policy = policy or DecodePolicy()
    where = printable(path)
    with _read_faults(where):
        size = _size_of_file(path, where)
        with path.open("rb", buffering=READ_AHEAD) as file:
            content = Content(where, file, size)
            image_format, header = _read_header(content, policy)
    return _info(path, image_format, header, size, policy)


def read_image(file: ImageFile, policy: DecodePolicy | None = None) -> Decoded:
    """Return the pixels of a file, or of one half of it, with the digest of the whole file.

    An 8-bit code k becomes the float32 nearest to k / 255. The file is read once.

    Raises:
        DecodeError: as ``inspect_image``, or damaged image data, values that are not finite, an alpha channel that is
            not opaque, an odd width where a half is wanted.
        MachineError: no permission to read it, or no codec for it.
    """
    policy = policy or DecodePolicy()
    where = printable(file)
    with _read_faults(where):
        size = _size_of_file(file.path, where)
        if size > 16 * policy.max_pixels + METADATA_LIMIT:
            raise DecodeError(
                where=where, found=f"{size} bytes", expected="one tile", next_step="Cut it into tiles first."
            )
        data = file.path.read_bytes()
    content = Content(where, io.BytesIO(data), len(data))
    image_format, header = _read_header(content, policy)
    pixels, notes = to_rgb(content, header, image_format.decode(content, header), policy)
    if policy.exif == "apply":
        pixels = _turn_upright(pixels, header.orientation)
    pixels = np.require(_crop(content, pixels, file), np.float32, ["C", "W", "O"])
    info = _info(file.path, image_format, header, len(data), policy, notes)
    return Decoded(pixels, hashlib.sha256(data).hexdigest(), info)


def encode_png(path: Path, pixels: np.ndarray) -> None:
    """Write pixels, shape (h, w, 3) in [0, 1], as an 8-bit RGB PNG; the file is either absent or complete.

    Values are rounded to the nearest code, so that what ``read_image`` gave comes back unchanged.

    Raises:
        InputError: another shape, or values that are not finite or outside [0, 1].
        MachineError: the file cannot be written.
    """
    where = printable(path)
    if pixels.ndim != 3 or pixels.shape[2] != 3 or not pixels.size:
        raise InputError(where=where, found=f"pixels of shape {pixels.shape}", expected="shape (height, width, 3)")
    low, high = float(pixels.min()), float(pixels.max())
    if not (low >= 0 and high <= 1):
        raise InputError(
            where=where,
            found=f"values from {low:g} to {high:g}",
            expected="finite values in [0, 1]",
            next_step="Convert the network's range before writing.",
        )
    encode_codes(path, np.rint(pixels * np.float32(255)).astype(np.uint8))


def encode_codes(path: Path, codes: UInt8[np.ndarray, "h w 3"], *, jpeg_quality: int | None = None) -> str:
    """Write 8-bit codes as RGB PNG, or as JPEG of that quality; return the SHA-256 of the file.

    The file is either absent or complete. JPEG is written as Pillow does by default: colour at half the resolution.

    Raises:
        MachineError: the file cannot be written.
    """
    encoded = io.BytesIO()
    if jpeg_quality is None:
        Image.fromarray(codes).save(encoded, format="PNG", compress_level=PNG_LEVEL)
    else:
        Image.fromarray(codes).save(encoded, format="JPEG", quality=jpeg_quality)
    with replacing(path) as part:
        part.write_bytes(encoded.getbuffer())
    return hashlib.sha256(encoded.getbuffer()).hexdigest()


@contextmanager
def _read_faults(where: str) -> Iterator[None]:
    """Tell why a file cannot be opened or read."""
    try:
        yield
    except (FileNotFoundError, NotADirectoryError):
        raise DecodeError(where=where, found="no such file", expected="an image file") from None
    except OSError as fault:
        raise MachineError(
            where=where,
            found=f"it cannot be read: {fault.strerror or fault}",
            next_step="Check its permissions and the disk.",
        ) from fault


def _size_of_file(path: Path, where: str) -> int:
    """Return the size in bytes of a regular file; opening a FIFO or a device could wait for ever."""
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        kinds = {stat.S_IFDIR: "a folder", stat.S_IFIFO: "a FIFO", stat.S_IFSOCK: "a socket"}
        raise DecodeError(
            where=where,
            found=kinds.get(stat.S_IFMT(status.st_mode), "a device"),
            expected="a regular file",
            next_step="Take it out of the folder.",
        )
    if status.st_size == 0:
        raise DecodeError(
            where=where, found="an empty file (0 bytes)", expected="an image file", next_step="Copy or export it again."
        )
    return status.st_size


def _read_header(content: Content, policy: DecodePolicy) -> tuple[ImageFormat, Header]:
    """Return the format by content and the header, after everything that the policy refuses in it was refused."""
    head = content.read(0, 512)
    for image_format in _FORMATS:
        if head.startswith(image_format.signatures):
            break
    else:
        explain_unknown(content, head)
    if image_format.name not in policy.formats:
        content.refuse(
            f"a {image_format.name.upper()} file",
            expected=f"one of the formats {', '.join(policy.formats)}",
            next_step=f"Pass --decode formats={'+'.join((*policy.formats, image_format.name))}.",
        )
    header = image_format.read_header(content, policy)
    check(content, header, policy, icc_differs=profile_differs(header))
    return image_format, header


def _info(
    path: Path, image_format: ImageFormat, header: Header, size: int, policy: DecodePolicy, notes: tuple[str, ...] = ()
) -> ImageInfo:
    turned = policy.exif == "apply" and header.orientation >= 5
    icc = profile_digest(header.icc) if header.icc is not None and profile_differs(header) else None
    remarks = list(header.notes)
    if header.trailing:
        remarks.append(f"{header.trailing} bytes after the end of the image are ignored")
    if path.suffix.lower() not in image_format.extensions:
        remarks.append(
            f"{image_format.name.upper()} data in a file named {printable(path.suffix) or 'without extension'}"
        )
    if header.icc is not None and icc is not None and policy.icc != "ignore":
        done = "converted to sRGB" if policy.icc == "convert" else "not applied"
        remarks.append(f"colour profile '{profile_name(header.icc)}' ({icc}) is {done}")
    if header.orientation != 1:
        done = "applied" if policy.exif == "apply" else "ignored"
        remarks.append(f"EXIF orientation {header.orientation} is {done}")
    return ImageInfo(
        format=header.format,
        width=header.height if turned else header.width,
        height=header.width if turned else header.height,
        lossy=header.lossy,
        icc=icc,
        bytes=size,
        fault=header.fault,
        notes=(*remarks, *notes),
    )


def _turn_upright(pixels: Pixels, orientation: int) -> OtherPixels:
    """Return pixels as they are meant to be seen (CIPA DC-008, tag 0112h): 5 to 8 exchange rows and columns."""
    if orientation >= 5:
        pixels = pixels.transpose(1, 0, 2)
    flip_rows, flip_columns = orientation in (3, 4, 7, 8), orientation in (2, 3, 6, 7)
    return pixels[:: -1 if flip_rows else 1, :: -1 if flip_columns else 1]


def _crop(content: Content, pixels: Pixels, file: ImageFile) -> OtherPixels:
    """Return the half of a side-by-side pair that is meant, or all of it."""
    if file.half == "whole":
        return pixels
    width = pixels.shape[1]
    if width % 2:
        content.refuse(f"a width of {width} px", expected="an even width, two tiles side by side")
    return pixels[:, : width // 2] if file.half == "left" else pixels[:, width // 2 :]
