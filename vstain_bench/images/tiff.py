"""TIFF files: structure (TIFF 6.0, BigTIFF), and their samples, by tifffile and imagecodecs.

tifffile fills what is missing with zeros and steps over broken page links; so links, offsets and counts are checked
here, and a whole-slide image or a stack is refused by what it holds, before anything is decoded.
"""

import contextlib
import logging
import math
from collections.abc import Collection

import numpy as np
import tifffile
from jaxtyping import UInt

from vstain_bench.errors import MachineError
from vstain_bench.images.colour import Samples
from vstain_bench.images.headers import Alpha, Colour, Content, Header, valid_orientation
from vstain_bench.images.jpeg import refuse_damaged, warning_of
from vstain_bench.images.policy import DecodePolicy

SIGNATURES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
PAGE_LIMIT = 65_536
SMALL_STACK = 64
"""Pages that are looked at one by one for reduced levels."""

_PHOTOMETRIC: dict[int, tuple[Colour, int]] = {
    0: ("gray", 1),
    1: ("gray", 1),
    2: ("rgb", 3),
    3: ("palette", 1),
    5: ("cmyk", 4),
    6: ("rgb", 3),
    8: ("lab", 3),
    9: ("lab", 3),
}
"""PhotometricInterpretation: meaning and channels without extras; YCbCr (6) comes out of a JPEG codec as RGB."""
_DEPTHS: dict[Colour, Collection[int]] = {
    "gray": (1, 2, 4, *range(8, 17)),
    "palette": (1, 2, 4, 8),
    "rgb": range(8, 17),
    "cmyk": range(8, 17),
    "lab": (8,),
}
"""Bits of unsigned samples; any other number is that of a damaged tag and would be read as noise."""
_WHITE_IS_ZERO, _YCBCR, _ICCLAB = 0, 6, 9
_UNSIGNED, _FLOAT, _UNCOMPRESSED = 1, 3, 1
_OLD_JPEG = 6
_JPEG = frozenset((_OLD_JPEG, 7, 33007))
_LOSSY = _JPEG | {33003, 33004, 33005, 34712, 34887, 34892, 34927, 34934, 50001, 50002, 52546, 22610}
"""Compressions that usually lose information: JPEG, JPEG 2000, LERC, JPEG XR, WebP, JPEG XL."""
_SERIES_FAULTS = (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)
_VENDORS = ("svs", "ndpi", "scn", "bif", "philips", "vsi", "ventana", "qpi")

# tifffile logs every oddity of a file; what matters is raised here instead.
logging.getLogger("tifffile").addHandler(logging.NullHandler())


def read_header(content: Content, policy: DecodePolicy) -> Header:
    """Return the header of the policy's page, or of the only one.

    Raises:
        DecodeError: a pyramid, a stack, more channels than a colour has, or offsets outside the file.
        MachineError: no codec for its compression on this machine.
    """
    page = policy.page or 0
    with content.foreign_code("reading the TIFF structure"):
        tiff = _open(content)
        pages = _count_pages(content, tiff)
        ifd = _page(content, tiff, page)
        _refuse_pyramid(content, tiff, pages)
        if pages == 1 or policy.page is None:
            _refuse_stack(content, tiff, pages)
        colour, alpha = _meaning(content, ifd)
        icc = ifd.tags.valueof(34675)
        is_small = int(ifd.imagewidth) * int(ifd.imagelength) <= policy.max_pixels
        if is_small:
            _check_segments(content, ifd, policy.max_pixels)
        header = Header(
            format="tiff",
            width=int(ifd.imagewidth),
            height=int(ifd.imagelength),
            colour=colour,
            channels=int(ifd.samplesperpixel),
            bits=int(ifd.bitspersample),
            lossy=int(ifd.compression) in _LOSSY,
            floating=int(ifd.sampleformat) == _FLOAT,
            inverted=int(ifd.photometric) == _WHITE_IS_ZERO,
            alpha=alpha,
            orientation=valid_orientation(ifd.tags.valueof(274)),
            fault=_jpeg_warning(content, ifd) if is_small and policy.jpeg == "lenient" else "",
            icc=icc if isinstance(icc, bytes) else None,
            pages=pages,
            page=page,
        )
        _require_codec(content, ifd)
    return header


def decode(content: Content, header: Header) -> Samples:
    """Return the samples of the header's page, shape (h, w, c): unsigned integers or floating-point numbers."""
    with content.foreign_code("decoding the TIFF data"):
        ifd = _page(content, _open(content), header.page)
        if not header.fault and (warning := _jpeg_warning(content, ifd)):
            refuse_damaged(content, warning)
        values = np.asarray(ifd.asarray(maxworkers=1)).reshape(header.height, header.width, header.channels)
        if header.floating:
            return Samples(values, header.colour, peak=None)
        values = values.astype(np.uint8) if values.dtype == np.bool_ else values
        if header.colour == "palette":
            return _look_up(content, ifd, header, values)
        if int(ifd.photometric) == _ICCLAB:  # a* and b* are offset by 128 here, and signed in CIELAB
            values = values ^ np.array([0, 128, 128], dtype=np.uint8)
        peak = 2**header.bits - 1
    return Samples(values, header.colour, peak=peak)


def _jpeg_warning(content: Content, ifd: tifffile.TiffPage) -> str:
    """Return libjpeg's first warning of JPEG strips or tiles: tifffile's decoder passes none on."""
    colours: dict[int, Colour] = {1: "gray", 3: "rgb", 4: "cmyk"}  # whatever they mean, by their number
    colour = colours.get(int(ifd.samplesperpixel))
    if int(ifd.compression) not in _JPEG or colour is None:
        return ""
    segments = (content.read(*place) for place in zip(ifd.dataoffsets, ifd.databytecounts, strict=True))
    tables = ifd.jpegtables  # a stream of its own, whose end and the other's start are left out
    streams = (tables[:-2] + segment[2:] if tables else segment for segment in segments)
    return next(filter(None, (warning_of(stream, colour) for stream in streams)), "")


def _open(content: Content) -> tifffile.TiffFile:
    """Return the file; neither its name nor other files it refers to play a part."""
    content.file.seek(0)  # offsets count from where tifffile finds the file
    return tifffile.TiffFile(content.file, _multifile=False, is_ndpi=False)


def _page(content: Content, tiff: tifffile.TiffFile, number: int) -> tifffile.TiffPage:
    if number >= len(tiff.pages):
        content.refuse(
            f"{len(tiff.pages)} page(s), and page {number} (counted from 0) was asked for",
            expected="a page that exists",
        )
    ifd = tiff.pages[number]
    if not isinstance(ifd, tifffile.TiffPage):
        content.refuse("a TIFF page without tags of its own")
    return ifd


def _look_up(content: Content, ifd: tifffile.TiffPage, header: Header, values: UInt[np.ndarray, "h w c"]) -> Samples:
    """Return 8-bit RGB by the colour map, whose 16-bit entries hold 8-bit colours in their high byte, as libtiff."""
    colour_map = np.asarray(ifd.tags.valueof(320)).reshape(3, 2**header.bits)
    colours = (colour_map >> 8).astype(np.uint8)[:, values[..., 0]].transpose(1, 2, 0)
    if header.alpha != "none":
        content.refuse("a palette image with an alpha channel")
    return Samples(colours, "rgb", peak=255)


def _count_pages(content: Content, tiff: tifffile.TiffFile) -> int:
    """Return the number of pages; tifffile ends the list at a link that leads nowhere, or back, without a word."""
    with contextlib.suppress(IndexError):
        tiff.pages[PAGE_LIMIT]
        content.damaged("a TIFF whose pages run in a circle or without end")
    pages = len(tiff.pages)
    link = content.read(tiff.pages.next_page_offset or 0, tiff.tiff.offsetsize)
    if not pages or len(link) < tiff.tiff.offsetsize or any(link):
        content.truncated(f"page {pages} of the TIFF starts outside of its {content.size} bytes, or at another page")
    return pages


def _refuse_pyramid(content: Content, tiff: tifffile.TiffFile, pages: int) -> None:
    first = tiff.pages.first
    levels = len(first.subifds or ())
    if pages <= SMALL_STACK:
        levels += sum(bool(getattr(tiff.pages[index], "is_reduced", False)) for index in range(1, pages))
    vendors = [name for name in _VENDORS if pages > 1 and getattr(first, f"is_{name}", False)]
    if levels or vendors:
        maker = f" ({vendors[0].upper()})" if vendors else ""
        content.refuse(
            f"a whole-slide image or pyramid{maker}: {pages} page(s), {levels} reduced level(s), the first of "
            f"{first.imagewidth} × {first.imagelength} px",
            expected="one tile",
            next_step="Cut it into tiles first.",
        )


def _refuse_stack(content: Content, tiff: tifffile.TiffFile, pages: int) -> None:
    """Refuse several images in one file, whether they are pages or planes behind one page (ImageJ, MetaMorph)."""
    first, described = tiff.pages.first, ""
    with contextlib.suppress(*_SERIES_FAULTS):
        series = tiff.series[0]
        if pages == 1 and math.prod(series.shape) == math.prod(first.shape):
            return
        described = f" (axes {series.axes}, shape {' × '.join(map(str, series.shape))})"
    if pages > 1:
        content.refuse(f"{pages} pages{described}", next_step="Pass --decode page=0 (or another page).")
    if described:
        content.refuse(f"a stack of images{described}", next_step="Save one plane of it.")


def _meaning(content: Content, ifd: tifffile.TiffPage) -> tuple[Colour, Alpha]:
    """Return what the channels mean; anything a plain colour image does not have is refused with what was found."""
    photometric, channels = int(ifd.photometric), int(ifd.samplesperpixel)
    name = getattr(ifd.photometric, "name", str(photometric))
    if photometric not in _PHOTOMETRIC or (photometric == _YCBCR and int(ifd.compression) not in _JPEG):
        content.refuse(f"{name} colours with compression {_name(ifd.compression)}", next_step="Save it as RGB.")
    colour, needed = _PHOTOMETRIC[photometric]
    layout = f"{channels} channel(s) of {name}, axes {ifd.axes}, shape {' × '.join(map(str, ifd.shape))}"
    if not needed <= channels <= needed + 1 or int(ifd.imagedepth) != 1:
        content.refuse(layout, next_step="Save its three colour channels as RGB.")
    if channels > 1 and int(ifd.planarconfig) != 1:
        content.refuse(f"planes instead of pixels ({layout})", next_step="Save it with interleaved channels.")
    form, bits = ifd.sampleformat, ifd.bitspersample
    if not isinstance(bits, int) or ifd.dtype is None or int(form) not in (_UNSIGNED, _FLOAT):
        content.refuse(f"samples of {bits} bits as {_name(form)}", next_step="Save it with 8 bits.")
    depths = (8,) if int(ifd.compression) in _JPEG else _DEPTHS[colour]
    if int(form) == _UNSIGNED and bits not in depths:
        content.refuse(f"{colour} samples of {bits} bits", next_step="Save it with 8 bits.")
    if colour == "palette" and np.size(ifd.tags.valueof(320)) != 3 << bits:
        content.damaged(f"{bits}-bit samples with a palette of {np.size(ifd.tags.valueof(320))} values")
    if channels == needed:
        return colour, "none"
    kinds: dict[int, Alpha] = {1: "premultiplied", 2: "straight"}
    extra = [int(kind) for kind in ifd.extrasamples]
    return colour, kinds.get(extra[0], "unknown") if len(extra) == 1 else "unknown"


def _check_segments(content: Content, ifd: tifffile.TiffPage, max_pixels: int) -> None:
    """Refuse strips or tiles that are missing, lie outside the file, stop early (JPEG) or exceed the image by far."""
    height, width = int(ifd.imagelength), int(ifd.imagewidth)
    if height < 1 or width < 1:
        content.damaged(f"a TIFF of {width} × {height} pixels")
    rows, columns = (int(ifd.tilelength), int(ifd.tilewidth)) if ifd.is_tiled else (int(ifd.rowsperstrip), width)
    if rows < 1 or columns < 1:
        content.damaged("strips or tiles of no size")
    down, across = math.ceil(height / rows), math.ceil(width / columns)
    if down * rows * across * columns > max(max_pixels, 2**26):
        content.refuse(f"tiles of {columns} × {rows} pixels in an image of {width} × {height}")
    offsets, counts = ifd.dataoffsets, ifd.databytecounts
    if len(offsets) != down * across or len(counts) != down * across:
        content.damaged(
            f"{len(offsets)} strips or tiles with {len(counts)} lengths where the image needs {down * across}"
        )
    stored_rows = down * rows * across if ifd.is_tiled else height
    needed = stored_rows * math.ceil(columns * int(ifd.samplesperpixel) * int(ifd.bitspersample) / 8)
    if int(ifd.compression) == _UNCOMPRESSED and sum(counts) < needed:
        content.truncated(f"strips or tiles of {sum(counts)} bytes in all where the image needs {needed}")
    for index, (start, count) in enumerate(zip(offsets, counts, strict=True)):
        if start < 8 or count < 1 or start + count > content.size:
            content.truncated(f"strip or tile {index} at byte {start} of length {count} in a file of {content.size}")
        if int(ifd.compression) in _JPEG and not content.read(start, count).rstrip(b"\0").endswith(b"\xff\xd9"):
            if int(ifd.compression) == _OLD_JPEG:
                content.refuse("old-style JPEG compression (6), withdrawn in 1995", next_step="Save it as PNG.")
            content.truncated(f"strip or tile {index} lacks its JPEG end-of-image marker")


def _require_codec(content: Content, ifd: tifffile.TiffPage) -> None:
    """Try the codecs on no data: one that this build of imagecodecs lacks is found all the same, and fails here."""
    codecs = tifffile.TIFF
    for kind, known, value in (
        ("compression", codecs.DECOMPRESSORS, ifd.compression),
        ("predictor", codecs.UNPREDICTORS, ifd.predictor),
    ):
        if value not in known:
            content.refuse(f"a TIFF of unknown {kind} {_name(value)}", next_step="Save it as PNG.")
        try:
            known[value](b"")
        except ImportError:
            raise MachineError(
                where=content.where,
                found=f"no codec on this machine for {kind} {_name(value)}",
                next_step="Install a build of imagecodecs that has it, or save the file as PNG.",
            ) from None
        except Exception:  # whatever a codec says to no data, it is there
            continue


def _name(value: object) -> str:
    return str(getattr(value, "name", value))
