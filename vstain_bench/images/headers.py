"""What a file says about itself before any pixel is decoded, and what of that a policy refuses."""

import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO, Literal, NoReturn

from PIL import ExifTags, Image

from vstain_bench.base.text import printable
from vstain_bench.errors import DecodeError, VstainError
from vstain_bench.images.policy import DecodePolicy

Colour = Literal["rgb", "gray", "palette", "cmyk", "ycck", "lab"]
Alpha = Literal["none", "straight", "premultiplied", "unknown"]

PLAIN = "one intact 8-bit RGB image"
METADATA_LIMIT = 16 * 2**20
"""Bytes of text, EXIF and colour profile in one file, unpacked; a tile has kilobytes."""
_EXIF_FAULTS = (ArithmeticError, LookupError, OSError, SyntaxError, TypeError, UserWarning, ValueError, struct.error)

# Pillow warns of damaged EXIF and goes on with what it has read.
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.TiffImagePlugin")

_FOREIGN = (
    (0, b"\x89PNG", "a PNG signature with changed bytes, as after a text-mode transfer"),
    (0, b"GIF8", "a GIF file"),
    (8, b"WEBP", "a WebP file"),
    (0, b"BM", "a BMP file"),
    (0, b"%PDF", "a PDF file"),
    (0, b"%!PS", "a PostScript (EPS) file"),
    (0, b"\xc5\xd0\xd3\xc6", "a PostScript (EPS) file"),
    (128, b"DICM", "a DICOM file"),
    (4, b"ftyp", "a HEIC, AVIF or MP4 file"),
    (4, b"jP  ", "a JPEG 2000 file"),
    (0, b"\xff\x4f\xff\x51", "a JPEG 2000 file"),
    (4, b"JXL ", "a JPEG XL file"),
    (0, b"\xff\x0a", "a JPEG XL file"),
    (0, b"8BPS", "a Photoshop file"),
    (0, b"PK\x03\x04", "a ZIP archive"),
    (0, b"\x1f\x8b", "a gzip archive"),
    (0, b"\x93NUMPY", "a NumPy array"),
    (0, b"\x89HDF", "an HDF5 file"),
    (0, b"\x00\x05\x16\x07", "an AppleDouble file (what macOS keeps beside a file)"),
)


@dataclass(frozen=True)
class Content:
    """The bytes of one file, on disk or in memory, and the name it has in messages."""

    where: str
    file: BinaryIO
    size: int

    def read(self, offset: int, size: int) -> bytes:
        """Return ``size`` bytes from ``offset``, fewer at the end of the file."""
        if offset >= self.size:  # a 64-bit offset of a damaged file may be more than a seek takes
            return b""
        self.file.seek(offset)
        return self.file.read(size)

    def refuse(self, found: str, *, expected: str = PLAIN, next_step: str = "") -> NoReturn:
        """Raise the ``DecodeError`` of this file."""
        raise DecodeError(where=self.where, found=found, expected=expected, next_step=next_step)

    def damaged(self, found: str) -> NoReturn:
        """Raise the ``DecodeError`` for a file whose bytes contradict themselves."""
        self.refuse(found, expected="an intact file", next_step="Copy or export it again; it is damaged.")

    def truncated(self, found: str) -> NoReturn:
        """Raise the ``DecodeError`` for a file that ends too early."""
        self.refuse(found, expected="a complete file", next_step="Copy or export it again; it is truncated.")

    @contextmanager
    def foreign_code(
        self, task: str, *, next_step: str = "Copy or export it again; it is damaged or truncated."
    ) -> Iterator[None]:
        """Turn whatever a decoding library raises into this file's ``DecodeError``.

        Fuzzed files make Pillow, tifffile and imagecodecs raise OSError, SyntaxError, TypeError, ZeroDivisionError,
        IndexError, MemoryError and classes of their own: only the base class covers them. Own faults pass unchanged.
        """
        try:
            yield
        except VstainError:
            raise
        except Exception as fault:
            reason = printable(f"{type(fault).__name__}: {fault}")[:300]
            raise DecodeError(
                where=self.where,
                found=f"{task} failed ({reason})",
                expected="an intact file",
                next_step=next_step,
            ) from fault


@dataclass(frozen=True, kw_only=True)
class Header:
    """What a file's header says.

    Attributes:
        format: ``png``, ``jpeg`` or ``tiff``, by content.
        width: Columns as stored, before any orientation is applied.
        height: Rows as stored.
        colour: What the samples mean.
        channels: Samples per pixel as stored, alpha included.
        bits: Bits per sample.
        lossy: The compression loses information.
        floating: The samples are floating-point numbers.
        inverted: Grey with 0 as white.
        alpha: Whether there is an alpha channel (or a transparent colour), and how colours relate to it.
        orientation: EXIF orientation, 1 (upright) to 8.
        icc: The embedded colour profile.
        pages: Images in the file.
        page: The one that is meant.
        fault: A decoder's warning that the policy lets through.
        trailing: Bytes after the end of the image.
        notes: Remarks for the user.
    """

    format: str
    width: int
    height: int
    colour: Colour
    channels: int
    bits: int
    lossy: bool
    floating: bool = False
    inverted: bool = False
    alpha: Alpha = "none"
    orientation: int = 1
    icc: bytes | None = None
    pages: int = 1
    page: int = 0
    fault: str = ""
    trailing: int = 0
    notes: tuple[str, ...] = ()


def check(content: Content, header: Header, policy: DecodePolicy, *, icc_differs: bool) -> None:
    """Raise one ``DecodeError`` that names everything the policy refuses in this header, and the options for it."""
    if header.page >= header.pages:
        content.refuse(
            f"{header.pages} page(s), and page {header.page} (counted from 0) was asked for",
            expected="a page that exists",
        )
    pixels = header.width * header.height
    if pixels > policy.max_pixels:
        content.refuse(
            f"{header.width} × {header.height} = {pixels} pixels",
            expected=f"at most {policy.max_pixels} pixels in a tile",
            next_step=f"Cut it into tiles, or pass --decode max_pixels={pixels}.",
        )
    faults = list(_refused(header, policy, icc_differs))
    if faults:
        found, options, others = zip(*faults, strict=True)
        alternatives = "; ".join(filter(None, others))
        content.refuse(
            " and ".join(found),
            next_step=f"Pass --decode {','.join(options)}" + (f" (or {alternatives})." if alternatives else "."),
        )


def _refused(header: Header, policy: DecodePolicy, icc_differs: bool) -> Iterator[tuple[str, str, str]]:
    """Yield what is found, the option that accepts it, and other options."""
    if header.floating and policy.float_range == "refuse":
        yield f"{header.bits}-bit floating-point samples", "float_range=unit", "float_range=byte for [0, 255]"
    if not header.floating and header.bits != 8 and header.colour != "palette" and policy.depth == "refuse":
        yield f"{header.bits} bits per sample", "depth=scale16", ""
    if header.colour == "gray" and policy.gray == "refuse":
        yield "bilevel" if header.bits == 1 else "greyscale", "gray=replicate", ""
    if header.colour in ("palette", "cmyk", "ycck", "lab") and policy.color == "refuse":
        names = {"palette": "a colour palette", "cmyk": "CMYK", "ycck": "YCCK (CMYK)", "lab": "Lab colours"}
        yield names[header.colour], "color=convert", ""
    if header.alpha == "unknown" and policy.alpha != "drop":
        yield "an extra channel of unstated meaning", "alpha=drop", ""
    if header.orientation != 1 and policy.exif == "refuse":
        yield f"EXIF orientation {header.orientation} (turned or mirrored)", "exif=apply", "exif=ignore"
    if icc_differs and policy.icc == "refuse":
        yield "a colour profile other than sRGB", "icc=convert", "icc=warn, icc=ignore"
    if icc_differs and policy.icc == "convert" and (header.bits > 8 or header.inverted):
        yield "a colour profile, which only 8-bit samples can be converted by", "icc=ignore", ""


def explain_unknown(content: Content, head: bytes) -> NoReturn:
    """Raise the ``DecodeError`` for a file that starts with ``head`` and is neither PNG, JPEG nor TIFF."""
    text = head.decode("utf-8", "replace").lstrip("\ufeff \t\r\n")
    if text.startswith("version https://git-lfs"):
        content.refuse("a Git LFS pointer", expected="the image itself", next_step="Run git lfs pull.")
    if not head.strip(b"\0"):
        content.damaged("only zero bytes at its start, as after an interrupted copy")
    known = [name for offset, magic, name in _FOREIGN if head[offset:].startswith(magic)]
    if known or "<svg" in text:
        found = known[0] if known else "an SVG file"
    elif "\0" not in text and text.count("\ufffd") <= len(text) // 10:
        cause = "; a failed download?" if text.startswith(("<", "{")) else ""
        found = f"text that starts with '{printable(text[:40])}'{cause}"
    else:
        found = f"bytes of no known image format ({head[:8].hex(' ')} ...)"
    content.refuse(
        found,
        expected="a PNG, JPEG or TIFF image",
        next_step="Save it as 8-bit RGB PNG, or take it out of the folder.",
    )


def orientation_of(image: Image.Image) -> tuple[int, tuple[str, ...]]:
    """Return the orientation that Pillow finds in EXIF, XMP or a PNG's text, and notes on what is not applied."""
    notes = tuple(
        f"text '{printable(key)}' ({printable(value)[:40]}) is not applied"
        for key, value in image.info.items()
        if str(key).lower().endswith("orientation")
    )
    try:
        # The method of a PNG would decode it in search of more.
        return valid_orientation(Image.Image.getexif(image).get(ExifTags.Base.Orientation)), notes
    except _EXIF_FAULTS as fault:
        return 1, (*notes, f"EXIF that cannot be read ({type(fault).__name__}) is taken as upright")


def valid_orientation(value: object) -> int:
    """Return an orientation of 1 to 8; any other value means nothing and counts as upright."""
    return value if isinstance(value, int) and 1 <= value <= 8 else 1
