"""Every bad file is refused with its name, what was found and what to do."""

import os
import socket
import struct
import time
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from tests.images.image_files import (
    CODES,
    PNG_SIGNATURE,
    chunk,
    exif,
    grey_patch,
    icc_chunk,
    icc_profile,
    jpeg,
    png,
    pyramid,
    set_tag,
    tiff,
)
from vstain_bench.base.text import printable
from vstain_bench.errors import DecodeError, MachineError, VstainError
from vstain_bench.images.reader import DecodePolicy, inspect_image, read_image
from vstain_bench.words import ImageFile

RAMP16 = np.arange(72, dtype=np.uint16).reshape(4, 6, 3) * 900
ALPHA = np.full((4, 6, 1), 51, np.uint8)  # 51 / 255 is one fifth


def write(tmp_path: Path, data: bytes, name: str = "tile.png") -> Path:
    path = tmp_path / name
    path.write_bytes(data)
    return path


def cut(data: bytes, part: float) -> bytes:
    return data[: int(len(data) * part)]


def without_last_image_data() -> bytes:
    """A PNG whose structure is right and whose pixels stop half way."""
    rows = b"".join(b"\0" + row.tobytes() for row in CODES)
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 6, 4, 8, 2, 0, 0, 0))
    return PNG_SIGNATURE + header + chunk(b"IDAT", zlib.compress(rows)[:20]) + chunk(b"IEND")


def flipped(data: bytes, position: int) -> bytes:
    position %= len(data)
    return data[:position] + bytes([data[position] ^ 1]) + data[position + 1 :]


def float_tiff(value: float, **options: object) -> bytes:
    values = CODES.astype(np.float32) / 255
    values[2, 3, 1] = value
    return tiff(values, **options)


def with_link(target: int) -> bytes:
    """A TIFF of one page that says where the next one is."""
    data = tiff(CODES)
    place = 8 + 2 + 12 * int.from_bytes(data[8:10], "little")
    return data[:place] + struct.pack("<I", target) + data[place + 4 :]


JPEG = jpeg(grey_patch())
APNG = chunk(b"acTL", struct.pack(">II", 2, 0))
PALETTE = chunk(b"PLTE", bytes([10, 20, 30, 40, 50, 60]))
MANY = np.stack([CODES, CODES, 255 - CODES])


XMP = b'<x:xmpmeta><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'
TURNED_BY_TEXT = {
    "XMP": chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + XMP),
    "packed XMP": chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(XMP)),
    "a raw profile": chunk(
        b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(b"\nexif\n26\n" + exif(6).hex().encode())
    ),
}


@dataclass(frozen=True)
class Refused:
    """One bad file: how it is made, words of the message, and whether its header shows the fault."""

    id: str
    data: bytes
    words: tuple[str, ...]
    name: str = "tile.png"
    policy: str = ""
    header: bool = True
    error: type[VstainError] = DecodeError


TIFFS = {
    "rgb": tiff(CODES),
    "lzw": tiff(CODES, compression="lzw"),
    "jpeg": tiff(CODES, compression="jpeg"),
    "grey": tiff(CODES[..., 0], photometric="minisblack"),
    "palette": tiff(CODES[..., 0], photometric="palette", colormap=np.zeros((3, 256), np.uint16)),
    "cmyk": tiff(grey_patch("CMYK"), photometric="separated"),
    "lab": tiff(CODES, photometric="cielab"),
}
BOMB = zlib.compress(bytes(40 << 20), 9)
REFUSED = [
    Refused("empty", b"", ("0 bytes",)),
    Refused("html", b"<html><body>404</body>", ("starts with '<html>", "failed download?")),
    Refused("doctype", b"\n<!DOCTYPE html>", ("<!DOCTYPE html>", "failed download?")),
    Refused("latin-1 page", "<p>404: the page was not found, ihre Größe".encode("latin-1"), ("starts with '<p>404",)),
    Refused("text", b"tile,real\n1,2\n", ("text that starts with 'tile,real\\x0a",)),
    Refused("git lfs", b"version https://git-lfs.github.com/spec/v1\noid", ("Git LFS pointer", "git lfs pull")),
    Refused("zeros", bytes(4096), ("zero bytes",)),
    Refused("noise", bytes(range(200, 256)), ("no known image format", "c8 c9 ca")),
    Refused("eps", b"%!PS-Adobe-3.0 EPSF-3.0", ("PostScript",)),
    Refused("pdf", b"%PDF-1.7", ("PDF",)),
    Refused("svg", b'<?xml version="1.0"?><svg/>', ("SVG",)),
    Refused("gif", b"GIF89a" + bytes(20), ("GIF",)),
    Refused("webp", b"RIFF\x10\0\0\0WEBPVP8 ", ("WebP",)),
    Refused("bmp", b"BM" + bytes(60), ("BMP",)),
    Refused("heic", b"\0\0\0\x18ftypheic", ("HEIC",)),
    Refused("dicom", bytes(128) + b"DICM", ("DICOM",)),
    Refused("text-mode transfer", png().replace(b"\r\n", b"\n"), ("text-mode transfer",)),
    Refused("format not accepted", tiff(CODES), ("TIFF", "formats=png+jpeg+tiff"), policy="formats=png+jpeg"),
    # Truncated and damaged
    Refused("png half", cut(png(), 0.5), ("ends after", "truncated")),
    Refused("png header only", png()[:20], ("ends after 20 bytes, inside a 'IHDR' chunk",)),
    Refused("png without IEND", png()[:-12], ("without its IEND chunk",)),
    Refused("png pixels stop", without_last_image_data(), ("decoding the PNG data failed",), header=False),
    Refused("png checksum of data", flipped(png(), 60), ("IDAT: incorrect data check",), header=False),
    Refused("png checksum of header", flipped(png(), 19), ("bad header checksum in b'IHDR'",)),
    Refused("png checksum of text", flipped(png(after=chunk(b"tEXt", b"a\0b")), -13), ("checksum in b'tEXt'",)),
    Refused("png checksum of end", flipped(png(), -1), ("wrong checksum in chunk 'IEND'",)),
    Refused("png impossible header", png(bits=3), ("reading the PNG header failed",)),
    Refused("png without header", PNG_SIGNATURE + png()[33:], ("does not begin with its header",)),
    Refused("png unknown critical chunk", png(before=chunk(b"ABCD")), ("critical chunk 'ABCD'",)),
    Refused("png transparent colour of nine bytes", png(before=chunk(b"tRNS", bytes(9))), ("transparent colour",),
            header=False),
    Refused("png without data", PNG_SIGNATURE + png()[8:33] + chunk(b"IEND"), ("no image data",)),
    Refused("jpeg without last bytes", JPEG[:-2], ("end-of-image marker",)),
    Refused("jpeg half", cut(JPEG, 0.5), ("Truncated File Read",)),
    Refused("jpeg half, then zeros", cut(JPEG, 0.5) + bytes(500), ("without image data",)),
    Refused("jpeg header only", JPEG[:100], ("Truncated File Read",)),
    Refused("jpeg without scan", JPEG[:20] + b"\xff\xd9", ("reading the JPEG header failed",)),
    Refused("jpeg 12-bit", JPEG.replace(b"\xff\xc0\0\x11\x08", b"\xff\xc0\0\x11\x0c"), ("12-bit", "8-bit RGB PNG")),
    Refused("jpeg lossless frame", JPEG.replace(b"\xff\xc0", b"\xff\xc3"), ("libjpeg:",), header=False),
    Refused("tiff half", cut(tiff(np.tile(CODES, (9, 9, 1))), 0.5), ("strip or tile 0", "truncated")),
    Refused("tiff header only", tiff(CODES)[:16], ("truncated",)),
    Refused("bigtiff page link", tiff(CODES, bigtiff=True)[:8] + b"\xff" * 8, ("page 0", "truncated")),
    Refused("tiff page link outside", with_link(10**6), ("page 1 of the TIFF", "truncated")),
    Refused("tiff pages in a circle", with_link(8), ("pages run in a circle",)),
    Refused("tiff without width", set_tag(tiff(CODES), 256, 0), ("0 × 4 pixels",)),
    Refused("tiff strip outside", set_tag(tiff(CODES), 273, 10**6), ("byte 1000000",)),
    Refused("tiff strip empty", set_tag(tiff(CODES, compression="lzw"), 279, 0), ("length 0",)),
    Refused("tiff strip short", set_tag(tiff(CODES), 279, 30), ("30 bytes in all", "needs 72")),
    Refused("tiff lzw cut", set_tag(tiff(CODES, compression="lzw"), 279, 40), ("decoding",), header=False),
    Refused("tiff jpeg cut", set_tag(tiff(CODES, compression="jpeg"), 279, 300), ("end-of-image marker",)),
    Refused("tiff unknown codec", set_tag(tiff(CODES), 259, 4444), ("unknown compression 4444",)),
    Refused("tiff missing codec", set_tag(tiff(CODES), 259, 48124), ("no codec", "JETRAW"), error=MachineError),
    # Bombs
    Refused("jpeg of many scans", JPEG[:-2] + JPEG[JPEG.index(b"\xff\xda") : -2] * 256 + JPEG[-2:], ("257 scans",)),
    Refused("large header", png(size=(20000, 20000)), ("20000 × 20000 = 400000000", "max_pixels=400000000")),
    Refused("png of too little data", png(size=(9000, 9000)), ("Not enough image data",), header=False),
    Refused("jpeg of too little data", JPEG.replace(b"\0\x10\0\x10\x03", b"\x10\0\x10\0\x03"), ("cannot hold 4096 ×",)),
    Refused("large jpeg", JPEG.replace(b"\0\x10\0\x10\x03", b"\xff\xff\xff\xff\x03"), ("65535 × 65535",)),
    # Damaged tags, which would make noise
    *(
        Refused(f"{bits}-bit {kind} tiff", set_tag(data, 258, bits), words, policy="color=convert,gray=replicate")
        for kind, data in TIFFS.items()
        for bits, words in ((1, ()), (2, ()), (4, ()), (5, ()), (7, ()), (65000, ("samples of 65000 bits",)))
    ),
    Refused("5-bit rgb tiff, asked for", set_tag(TIFFS["rgb"], 258, 5), ("rgb samples of 5 bits",),
            policy="depth=scale16"),
    Refused("1-bit lab tiff, asked for", set_tag(TIFFS["lab"], 258, 1), ("lab samples of 1 bits",),
            policy="depth=scale16,color=convert"),
    Refused("9-bit jpeg tiff", set_tag(TIFFS["jpeg"], 258, 9), ("rgb samples of 9 bits",), policy="depth=scale16"),
    Refused("4-bit grey tiff", set_tag(TIFFS["grey"], 258, 4), ("4 bits per sample", "depth=scale16"),
            policy="gray=replicate"),
    Refused("code above its peak", set_tag(tiff(CODES[..., 0], photometric="minisblack", compression="png"), 258, 4),
            ("a sample of 207 where the largest code is 15",), policy="depth=scale16,gray=replicate", header=False),
    Refused("old jpeg tiff", set_tag(set_tag(tiff(CODES, compression="jpeg"), 259, 6), 279, 300),
            ("old-style JPEG compression (6)", "PNG")),
    Refused("large tiff", set_tag(tiff(CODES), 256, 10**9), ("1000000000 × 4",)),
    Refused("above own limit", png(), ("at most 23 pixels", "max_pixels=24"), policy="max_pixels=23"),
    Refused("text bomb", png(before=chunk(b"zTXt", b"k\0\0" + BOMB)),
            ("Decompressed data too large", "without metadata")),
    Refused("itxt bomb", png(after=chunk(b"iTXt", b"k\0\1\0en\0k\0" + BOMB)), ("Decompressed data too large",)),
    Refused("icc bomb", png(before=chunk(b"iCCP", b"p\0\0" + BOMB)), ("Decompressed data too large",)),
    Refused("huge exif", png(before=chunk(b"eXIf", bytes(17 << 20))), ("more than 16 MiB", "without metadata")),
    # More than one image
    Refused("animated", png(before=APNG), ("animated PNG",)),
    Refused("pages", tiff(MANY), ("3 pages", "3 × 4 × 6 × 3", "page=0"), name="a.tif"),
    Refused("page too high", tiff(MANY), ("3 page(s)", "page 3"), name="a.tif", policy="page=3"),
    Refused("page of a png", png(), ("1 page(s)", "page 1"), policy="page=1"),
    Refused("imagej stack", tiff(MANY, imagej=True, metadata={"axes": "ZYXS"}), ("3 pages", "ZYXS"), name="a.tif"),
    Refused("pyramid", pyramid(), ("whole-slide image or pyramid", "1 reduced level", "48 × 32"), name="a.tif"),
    # What a policy could accept
    Refused("16-bit grey", png(RAMP16[..., 0], colour_type=0, bits=16), ("16 bits", "depth=scale16,gray=replicate")),
    Refused("16-bit rgb", png(RAMP16, bits=16), ("16 bits per sample", "depth=scale16")),
    Refused("16-bit tiff", tiff(RAMP16), ("16 bits per sample", "depth=scale16")),
    Refused("grey", png(CODES[..., 0], colour_type=0), ("greyscale", "gray=replicate")),
    Refused("bilevel", png(np.array([[0xAA]]), size=(8, 1), colour_type=0, bits=1), ("bilevel", "gray=replicate")),
    Refused("grey jpeg", jpeg(grey_patch("L")), ("greyscale",)),
    Refused("palette", png(np.zeros((2, 2)), colour_type=3, before=PALETTE), ("palette", "color=convert")),
    Refused("cmyk jpeg", jpeg(grey_patch("CMYK"), mode="CMYK"), ("CMYK", "color=convert")),
    Refused("cmyk tiff", tiff(grey_patch("CMYK"), photometric="separated"), ("CMYK", "color=convert")),
    Refused("lab tiff", tiff(CODES, photometric="cielab"), ("Lab", "color=convert")),
    Refused(
        "alpha",
        png(np.concatenate([CODES, ALPHA], 2), colour_type=6),
        ("not opaque (24 of 24 pixels, first at x=0, y=0)", "alpha=white"),
        header=False,
    ),
    Refused(
        "transparent colour",
        png(before=chunk(b"tRNS", struct.pack(">3H", *CODES[1, 2]))),
        ("1 of 24 pixels, first at x=2, y=1",),
        header=False,
    ),
    Refused("orientation png", png(before=chunk(b"eXIf", exif(6))), ("orientation 6", "exif=apply (or exif=ignore)")),
    *(
        Refused(f"orientation in {kind}", png(after=text), ("orientation 6", "exif=apply"))
        for kind, text in TURNED_BY_TEXT.items()
    ),
    Refused("orientation in a jpeg's XMP", jpeg(grey_patch(), xmp=XMP), ("orientation 6",)),
    Refused("orientation jpeg", jpeg(grey_patch(), exif=b"Exif\0\0" + exif(3)), ("orientation 3",)),
    Refused("orientation tiff", tiff(CODES, extratags=[(274, 3, 1, 8, True)]), ("orientation 8",)),
    Refused("profile refused", png(before=icc_chunk(icc_profile((2, 1, 0)))), ("profile", "icc="), policy="icc=refuse"),
    Refused(
        "profile unreadable",
        png(before=icc_chunk(b"junk" * 50)),
        ("profile", "icc=ignore"),
        policy="icc=convert",
        header=False,
    ),
    Refused("float", float_tiff(0.5), ("32-bit floating-point", "float_range=unit", "float_range=byte")),
    Refused(
        "nan", float_tiff(np.nan), ("1 of 72, first at x=3, y=2",), policy="float_range=unit", header=False
    ),
    Refused("infinite", float_tiff(np.inf), ("NaN or infinite",), policy="float_range=byte", header=False),
    Refused("above unit", float_tiff(1.5), ("to 1.5", "[0, 1]"), policy="float_range=unit", header=False),
    Refused("below byte", float_tiff(-2), ("from -2", "[0, 255]"), policy="float_range=byte", header=False),
    Refused("five channels", tiff(np.zeros((4, 4, 5), np.uint8), photometric="minisblack", planarconfig="contig"),
            ("5 channel(s)", "axes YXS")),
    Refused("planar", tiff(np.zeros((3, 4, 6), np.uint8), planarconfig="separate"), ("planes", "axes SYX")),
    Refused("signed", tiff(CODES.astype(np.int8)), ("8 bits as INT",)),
    Refused("32-bit integers", tiff(CODES.astype(np.uint32)), ("32 bits",), policy="depth=scale16"),
    Refused("unknown extra", tiff(np.concatenate([CODES, ALPHA], 2), extrasamples=[0]), ("unstated", "alpha=drop")),
]  # fmt: skip


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.id)
def test_bad_file_is_refused_with_its_name_and_cause(case: Refused, tmp_path: Path) -> None:
    path = write(tmp_path, case.data, case.name)
    policy = DecodePolicy.parse(case.policy)
    with pytest.raises(case.error) as fault:
        read_image(ImageFile(path), policy)
    for word in (str(path), *case.words):
        assert word in str(fault.value)
    if case.header:
        with pytest.raises(case.error) as early:
            inspect_image(path, policy)
        assert str(early.value) == str(fault.value)
    else:
        assert inspect_image(path, policy).bytes == len(case.data)


def test_half_of_an_odd_width_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, png(CODES[:, :5]))
    with pytest.raises(DecodeError, match=r"\(left half\): a width of 5 px"):
        read_image(ImageFile(path, "left"))


def test_what_is_no_regular_file_is_refused_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Opening a FIFO waits for a writer: the file's kind is looked at first."""
    kinds = {"folder.png": "a folder", "fifo.png": "a FIFO", "socket.png": "a socket", "absent.png": "no such file"}
    (tmp_path / "folder.png").mkdir()
    os.mkfifo(tmp_path / "fifo.png")
    (tmp_path / "link.png").symlink_to("/dev/zero")
    with socket.socket(socket.AF_UNIX) as listener:
        monkeypatch.chdir(tmp_path)  # a socket's address is at most 107 bytes
        listener.bind("socket.png")
        start = time.perf_counter()
        for name, kind in {**kinds, "link.png": "a device"}.items():
            for attempt in (inspect_image, lambda path: read_image(ImageFile(path))):
                with pytest.raises(DecodeError, match=kind):
                    attempt(tmp_path / name)
        assert time.perf_counter() - start < 1


def test_file_without_permission_is_a_fault_of_the_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, png())

    def forbid(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", forbid)
    monkeypatch.setattr(Path, "read_bytes", forbid)
    for attempt in (inspect_image, lambda path: read_image(ImageFile(path))):
        with pytest.raises(MachineError, match=r"tile\.png: it cannot be read: Permission denied"):
            attempt(path)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (b"new\nline.png", r"new\x0aline.png"),
        (b"\x1b[31mred.png", r"\x1b[31mred.png"),  # a terminal must not obey it
        (b"[bold]<img onerror=1>.png", "[bold]<img onerror=1>.png"),  # markup is for each surface to escape
        (b"caf\xe9.png", r"caf\xe9.png"),  # Latin-1, not UTF-8
        ("\u202egnp.exe.png".encode(), r"\u202egnp.exe.png"),  # right-to-left override
        ("é染色.png".encode(), "é染色.png"),
    ],
)
def test_names_are_printable_in_messages(name: bytes, shown: str, tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(name)
    path.write_bytes(b"GIF89a")
    assert printable(path.name) == shown
    with pytest.raises(DecodeError) as fault:
        inspect_image(path)
    message = str(fault.value)
    assert f"{shown}: a GIF file" in message
    assert message.isprintable()
    assert message.encode()
    path.write_bytes(png())
    assert read_image(ImageFile(path)).pixels.shape == (4, 6, 3)


def test_refusal_of_several_things_names_all_options_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, png(RAMP16[..., 0], colour_type=0, bits=16, before=chunk(b"eXIf", exif(3))))
    with pytest.raises(DecodeError, match=r"Pass --decode depth=scale16,gray=replicate,exif=apply \(or exif=ignore\)"):
        inspect_image(path)
    options = DecodePolicy.parse("depth=scale16,gray=replicate,exif=apply")
    assert read_image(ImageFile(path), options).pixels[0, 0, 0] == pytest.approx(RAMP16[3, 5, 0] / 65535, abs=1e-7)
