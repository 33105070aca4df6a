"""What decoding gives: exact codes, the pixels of every option worked out by hand, and writing them back."""

import hashlib
import io
import stat
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from PIL import Image, ImageCms, ImageOps
from PIL import ImageFile as PillowFile

from tests.images.image_files import (
    CODES,
    chunk,
    exif,
    grey_patch,
    icc_chunk,
    icc_profile,
    jpeg,
    png,
    tiff,
)
from vstain_bench.errors import DecodeError, InputError, MachineError
from vstain_bench.images.reader import DecodePolicy, encode_png, inspect_image, read_image
from vstain_bench.words import ImageFile

EXACT = CODES / 255  # float64; pixels are its nearest float32
RAMP16 = np.arange(72, dtype=np.uint16).reshape(4, 6, 3) * 900
FIFTH = np.full((4, 6, 1), 51, np.uint8)  # an alpha of 51 / 255 = 1 / 5
OPAQUE = np.full((4, 6, 1), 255, np.uint8)
GREY3 = np.repeat(CODES[..., :1], 3, axis=2) / 255
PALETTE = np.array([[10, 20, 30], [40, 50, 60]])
PALETTE_CHUNK = chunk(b"PLTE", PALETTE.astype(np.uint8).tobytes())
INDICES = np.array([[0, 1, 1], [1, 0, 0]])
TIFF_PALETTE = np.zeros((3, 256), np.uint16)
TIFF_PALETTE[:, :2] = PALETTE.T * 257
INKS = np.array([[[0, 51, 102, 0], [0, 51, 102, 51]]], np.uint8)
# (1 - ink)(1 - black): 1, 0.8, 0.6, and these times 0.8
INKS_AS_RGB = np.array([[[1, 0.8, 0.6], [0.8, 0.64, 0.48]]])
SWAPPED = icc_chunk(icc_profile((2, 1, 0)))
TURNED = {2: EXACT[:, ::-1], 3: EXACT[::-1, ::-1], 4: EXACT[::-1], 5: EXACT.transpose(1, 0, 2)} | {
    6: np.rot90(EXACT, -1),  # to be turned clockwise
    7: np.rot90(EXACT, -1)[:, ::-1][::-1, ::-1],
    8: np.rot90(EXACT),
}


def rgba(alpha: np.ndarray) -> np.ndarray:
    return np.concatenate([CODES, alpha], axis=2)


@dataclass(frozen=True)
class Accepted:
    """One file: how it is made, the pixels that are right, and words of the note, if there is one."""

    id: str
    data: bytes
    pixels: np.ndarray
    policy: str = ""
    note: str = ""
    name: str = "tile.png"
    tolerance: float = 1e-7  # float32 rounding of float64 arithmetic


CODE = 1 / 255
ACCEPTED = [
    Accepted("png", png(), EXACT),
    Accepted("tiff", tiff(CODES), EXACT, name="a.tif"),
    *(
        Accepted(f"tiff {codec}", tiff(CODES, compression=codec), EXACT, name="a.tiff")
        for codec in ("lzw", "deflate", "packbits", "zstd", "lzma", "png")
    ),
    Accepted("tiff tiles", tiff(CODES, tile=(16, 16)), EXACT, name="a.tif"),
    Accepted("tiff predictor", tiff(CODES, compression="lzw", predictor=2), EXACT, name="a.tif"),
    Accepted("tiff big-endian", tiff(CODES, byteorder=">"), EXACT, name="a.tif"),
    Accepted("bigtiff", tiff(CODES, bigtiff=True), EXACT, name="a.tif"),
    Accepted("tiff jpeg", tiff(grey_patch(), compression="jpeg"), grey_patch() / 255, name="a.tif", tolerance=CODE),
    Accepted("jpeg", jpeg(grey_patch()), grey_patch() / 255, name="a.jpg", tolerance=CODE),
    Accepted("jpeg progressive", jpeg(grey_patch(), progressive=True), grey_patch() / 255, name="a.jpg",
             tolerance=CODE),
    Accepted("jpeg restarts", jpeg(grey_patch(), restart_marker_blocks=1), grey_patch() / 255, name="a.jpg",
             tolerance=CODE),
    # Tolerated with a note
    Accepted("jpeg named png", jpeg(grey_patch()), grey_patch() / 255, note="JPEG data in a file named .png",
             tolerance=CODE),
    Accepted("png named tif", png(), EXACT, note="PNG data in a file named .tif", name="a.tif"),
    Accepted("no extension", png(), EXACT, note="without extension", name="tile"),
    Accepted("bytes after a png", png() + b"more", EXACT, note="4 bytes after the end"),
    Accepted("bytes after a jpeg", jpeg(grey_patch()) + b"more\0\0", grey_patch() / 255, note="4 bytes after the end",
             name="a.jpg", tolerance=CODE),
    Accepted("opaque alpha", png(rgba(OPAQUE), colour_type=6), EXACT, note="fully opaque, dropped"),
    Accepted("transparent colour unused", png(before=chunk(b"tRNS", struct.pack(">3H", 1, 1, 1))), EXACT,
             note="fully opaque"),
    Accepted("srgb profile", png(before=icc_chunk(icc_profile())), EXACT, policy="icc=refuse"),
    Accepted("other profile", png(before=SWAPPED), EXACT, note="profile 'Test profile'"),
    Accepted("other profile ignored", png(before=SWAPPED), EXACT, policy="icc=ignore"),
    Accepted("unreadable profile", png(before=icc_chunk(b"junk" * 50)), EXACT, note="profile 'unreadable'"),
    Accepted("large text", png(before=chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(3 << 20)))), EXACT),
    Accepted("text", png(before=chunk(b"tEXt", b"Software\0scanner")), EXACT),
    # Options
    Accepted("alpha white", png(rgba(FIFTH), colour_type=6), EXACT / 5 + 4 / 5, "alpha=white", "laid over white"),
    Accepted("alpha black", png(rgba(FIFTH), colour_type=6), EXACT / 5, "alpha=black", "laid over black"),
    Accepted("alpha drop", png(rgba(FIFTH), colour_type=6), EXACT, "alpha=drop", "dropped"),
    Accepted("grey alpha", png(np.concatenate([CODES[..., :1], FIFTH], 2), colour_type=4), GREY3 / 5 + 4 / 5,
             "alpha=white,gray=replicate", "laid over white"),
    Accepted("tiff alpha", tiff(rgba(FIFTH), extrasamples=[2]), EXACT / 5 + 4 / 5, "alpha=white", "laid over white",
             name="a.tif"),
    Accepted("tiff alpha premultiplied", tiff(np.concatenate([CODES // 5, FIFTH], 2), extrasamples=[1]),
             (CODES // 5) / 255 + 4 / 5, "alpha=white", "laid over white", name="a.tif"),
    Accepted("unknown extra dropped", tiff(rgba(FIFTH), extrasamples=[0]), EXACT, "alpha=drop", "dropped",
             name="a.tif"),
    Accepted("grey", png(CODES[..., 0], colour_type=0), GREY3, "gray=replicate"),
    Accepted("bilevel", png(np.array([[0b10100000]]), size=(4, 1), colour_type=0, bits=1),
             np.repeat(np.array([[[1.0], [0], [1], [0]]]), 3, 2), "gray=replicate,depth=scale16"),
    Accepted("4-bit grey", png(np.array([[0x0F, 0x30]]), size=(4, 1), colour_type=0, bits=4),
             np.repeat(np.array([[[0], [15], [3], [0]]]) / 15, 3, 2), "gray=replicate,depth=scale16"),
    Accepted("4-bit transparent grey", png(np.array([[0x0F, 0x30]]), size=(4, 1), colour_type=0, bits=4,
                                           before=chunk(b"tRNS", b"\0\3")),
             np.repeat(np.array([[[0], [15], [15], [0]]]) / 15, 3, 2), "gray=replicate,depth=scale16,alpha=white",
             "laid over white"),
    Accepted("tiff grey", tiff(CODES[..., 0], photometric="minisblack"), GREY3, "gray=replicate", name="a.tif"),
    Accepted("tiff white is zero", tiff(CODES[..., 0], photometric="miniswhite"), 1 - GREY3, "gray=replicate",
             name="a.tif"),
    Accepted("tiff bilevel", tiff(CODES[..., 0] > 30, photometric="minisblack"),
             np.repeat(CODES[..., :1] > 30, 3, 2), "gray=replicate,depth=scale16", name="a.tif"),
    Accepted("16-bit", png(RAMP16, bits=16), RAMP16 / 65535, "depth=scale16"),
    Accepted("16-bit tiff", tiff(RAMP16), RAMP16 / 65535, "depth=scale16", name="a.tif"),
    Accepted("16-bit grey", png(RAMP16[..., 0], colour_type=0, bits=16), np.repeat(RAMP16[..., :1], 3, 2) / 65535,
             "depth=scale16,gray=replicate"),
    Accepted("16-bit transparent colour", png(RAMP16, bits=16, before=chunk(b"tRNS", struct.pack(">3H", 0, 900, 1800))),
             np.where(np.arange(24).reshape(4, 6, 1) == 0, 1, RAMP16 / 65535), "depth=scale16,alpha=white",
             "laid over white"),
    Accepted("palette", png(INDICES, colour_type=3, before=PALETTE_CHUNK), PALETTE[INDICES] / 255, "color=convert"),
    Accepted("palette with alpha", png(INDICES, colour_type=3, before=PALETTE_CHUNK + chunk(b"tRNS", bytes([0]))),
             np.where(INDICES[..., None] == 0, 255, PALETTE[INDICES]) / 255, "color=convert,alpha=white", "over white"),
    Accepted("tiff palette", tiff(INDICES.astype(np.uint8), photometric="palette", colormap=TIFF_PALETTE),
             PALETTE[INDICES] / 255, "color=convert", name="a.tif"),
    Accepted("cmyk tiff", tiff(INKS, photometric="separated"), INKS_AS_RGB, "color=convert", name="a.tif"),
    Accepted("cmyk jpeg", jpeg(grey_patch("CMYK", 51), mode="CMYK"), np.full((16, 16, 3), 0.64), "color=convert",
             name="a.jpg", tolerance=2 * CODE),
    # L* of 100, 0 and 53.4 (sRGB grey 0.5: linear 0.2140, so L* = 116 * 0.2140 ** (1 / 3) - 16 = 53.4)
    Accepted("lab tiff", tiff(np.array([[[255, 0, 0], [0, 0, 0], [136, 0, 0]]], np.uint8), photometric="cielab"),
             np.array([[[1.0] * 3, [0.0] * 3, [0.5] * 3]]), "color=convert", name="a.tif", tolerance=2 * CODE),
    # Red in L*a*b* under D50: 54.3, 80.8, 69.9
    Accepted("lab red", tiff(np.array([[[138, 81, 70]]], np.uint8), photometric="cielab"), np.array([[[1.0, 0, 0]]]),
             "color=convert", name="a.tif", tolerance=6 * CODE),
    Accepted("profile converted", png(before=SWAPPED), EXACT[..., ::-1], "icc=convert", "converted to sRGB",
             tolerance=CODE),
    # A linear code of 0.5 is 0.735 in sRGB: 1.055 * 0.5 ** (1 / 2.4) - 0.055
    Accepted("linear profile converted", png(np.full((2, 2, 3), 128), before=icc_chunk(icc_profile(gamma=1.0))),
             np.full((2, 2, 3), 1.055 * (128 / 255) ** (1 / 2.4) - 0.055), "icc=convert", "converted",
             tolerance=CODE),
    Accepted("page", tiff(np.stack([CODES, 255 - CODES])), 1 - EXACT, "page=1", name="a.tif"),
    Accepted("float unit", tiff(EXACT.astype(np.float32)), EXACT, "float_range=unit", name="a.tif"),
    Accepted("float byte", tiff(CODES.astype(np.float32)), EXACT, "float_range=byte", name="a.tif"),
    Accepted("double", tiff(EXACT), EXACT, "float_range=unit", name="a.tif"),
    Accepted("half precision", tiff((CODES / 256).astype(np.float16)), CODES / 256, "float_range=unit", name="a.tif"),
    Accepted("orientation ignored", png(before=chunk(b"eXIf", exif(6))), EXACT, "exif=ignore", "6 is ignored"),
    Accepted("orientation meaningless", png(before=chunk(b"eXIf", exif(9))), EXACT),
    Accepted("orientation in text", png(before=chunk(b"tEXt", b"exif:Orientation\x006")), EXACT,
             note="text 'exif:Orientation' (6) is not applied"),
    Accepted("orientation behind the pixels", png(after=chunk(b"eXIf", exif(6))), TURNED[6], "exif=apply",
             "is applied"),
    Accepted("unreadable exif", png(before=chunk(b"eXIf", b"II*\0junk")), EXACT, note="EXIF that cannot be read"),
    *(
        Accepted(f"orientation {code}", png(before=chunk(b"eXIf", exif(code))), pixels, "exif=apply", "is applied")
        for code, pixels in TURNED.items()
    ),
    Accepted("orientation of a tiff", tiff(CODES, extratags=[(274, 3, 1, 8, True)]), TURNED[8], "exif=apply",
             "8 is applied", name="a.tif"),
]  # fmt: skip


@pytest.mark.parametrize("case", ACCEPTED, ids=lambda case: case.id)
def test_pixels_are_as_worked_out_by_hand(case: Accepted, tmp_path: Path) -> None:
    path = tmp_path / case.name
    path.write_bytes(case.data)
    policy = DecodePolicy.parse(case.policy)
    decoded = read_image(ImageFile(path), policy)
    pixels, info = decoded.pixels, decoded.info
    assert pixels.shape == case.pixels.shape
    np.testing.assert_allclose(pixels, case.pixels, rtol=0, atol=case.tolerance)
    assert pixels.dtype == np.float32
    assert pixels.flags.c_contiguous
    assert pixels.flags.writeable
    assert pixels.flags.owndata
    assert decoded.sha256 == hashlib.sha256(case.data).hexdigest()
    assert len(info.notes) == (1 if case.note else 0)
    assert case.note in "".join(info.notes)
    header = inspect_image(path, policy)
    assert (header.width, header.height, header.icc, header.bytes) == (
        pixels.shape[1],
        pixels.shape[0],
        info.icc,
        len(case.data),
    )
    assert set(header.notes) <= set(info.notes)


@pytest.mark.parametrize(("name", "encode"), [("a.png", png), ("a.tif", tiff)])
def test_every_code_becomes_its_nearest_float32(name: str, encode: object, tmp_path: Path) -> None:
    codes = np.arange(256, dtype=np.uint8).reshape(16, 16)
    (tmp_path / name).write_bytes(encode(np.stack([codes, codes[::-1], codes.T], axis=2)))  # type: ignore[operator]
    pixels = read_image(ImageFile(tmp_path / name)).pixels
    nearest = np.array([k / 255 for k in range(256)], dtype=np.float64).astype(np.float32)
    assert np.array_equal(pixels[..., 0].ravel(), nearest)
    assert np.array_equal(pixels[..., 1], nearest.reshape(16, 16)[::-1])


@pytest.mark.parametrize("code", range(1, 9))
def test_orientation_agrees_with_pillow(code: int, tmp_path: Path) -> None:
    path = tmp_path / "tile.png"
    path.write_bytes(png(before=chunk(b"eXIf", exif(code))))
    with Image.open(path) as image:
        upright = np.asarray(ImageOps.exif_transpose(image))
    pixels = read_image(ImageFile(path), DecodePolicy(exif="apply")).pixels
    assert np.array_equal(np.rint(pixels * 255), upright)


@pytest.mark.parametrize(
    ("order", "gamma"), [((2, 1, 0), None), ((0, 1, 2), 1.0), ((1, 2, 0), 1.8)], ids=["swapped", "linear", "both"]
)
def test_conversion_is_that_of_littlecms(order: tuple[int, int, int], gamma: float | None, tmp_path: Path) -> None:
    """Through two bindings: Pillow's, code for code, and imagecodecs', which has its own sRGB."""
    codes = np.random.default_rng(1).integers(0, 256, (24, 32, 3), dtype=np.uint8)
    icc = icc_profile(order, gamma)
    image = Image.fromarray(codes)
    to_srgb = ImageCms.buildTransform(
        ImageCms.getOpenProfile(io.BytesIO(icc)),
        ImageCms.createProfile("sRGB"),
        "RGB",
        "RGB",
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
    )
    right = np.asarray(ImageCms.applyTransform(image, to_srgb)).astype(int)
    other = imagecodecs.cms_transform(
        codes, icc, imagecodecs.cms_profile("srgb"), colorspace="rgb", outcolorspace="rgb"
    )
    assert np.abs(right - codes).max() > 50  # the premise: it matters
    assert np.abs(right - other).max() <= 1
    for name, data in (("a.png", png(codes, before=icc_chunk(icc))), ("a.tif", tiff(codes, iccprofile=icc))):
        (tmp_path / name).write_bytes(data)
        pixels = read_image(ImageFile(tmp_path / name), DecodePolicy(icc="convert")).pixels
        assert np.array_equal(np.rint(pixels * 255), right)


def test_info_describes_the_file(tmp_path: Path) -> None:
    path = tmp_path / "tile.tif"
    path.write_bytes(tiff(np.stack([rgba(OPAQUE)] * 2), extrasamples=[2], compression="lzw"))
    info = inspect_image(path, DecodePolicy(page=0))
    assert (info.format, info.width, info.height, info.lossy, info.icc) == ("tiff", 6, 4, False, None)
    path.write_bytes(jpeg(grey_patch()))
    info = inspect_image(path)
    assert (info.format, info.lossy) == ("jpeg", True)


def test_halves_are_the_columns_of_the_whole(tmp_path: Path) -> None:
    path = tmp_path / "pair.png"
    path.write_bytes(png())
    whole, left, right = (read_image(ImageFile(path, half)) for half in ("whole", "left", "right"))
    assert left.pixels.shape == right.pixels.shape == (4, 3, 3)
    assert np.array_equal(np.concatenate([left.pixels, right.pixels], axis=1), whole.pixels)
    assert left.pixels.flags.c_contiguous
    assert left.sha256 == right.sha256 == whole.sha256


def test_truncated_images_stay_refused_when_a_library_tells_pillow_to_accept_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PillowFile, "LOAD_TRUNCATED_IMAGES", True)
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    whole = png(noise)
    start = whole.index(b"IDAT") - 4
    body = whole[start + 8 : -16][:6000]
    path = tmp_path / "tile.png"
    path.write_bytes(whole[:start] + chunk(b"IDAT", body) + chunk(b"IEND"))
    with Image.open(path) as image:
        assert np.asarray(image)[-1].max() == 0  # the premise: Pillow fills the rest with black
    with pytest.raises(DecodeError, match="decoding the PNG data failed"):
        read_image(ImageFile(path))


def test_written_pixels_come_back_unchanged(tmp_path: Path) -> None:
    path = tmp_path / "out.png"
    pixels = EXACT.astype(np.float32)
    encode_png(path, pixels)
    assert np.array_equal(read_image(ImageFile(path)).pixels, pixels)
    encode_png(path, np.full((1, 1, 3), 100.6 / 255, np.float32))  # replaced, and rounded rather than cut
    assert read_image(ImageFile(path)).pixels[0, 0, 0] == np.float32(101 / 255)
    assert [entry.name for entry in tmp_path.iterdir()] == ["out.png"]
    (tmp_path / "plain").touch()
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE((tmp_path / "plain").stat().st_mode)


@pytest.mark.parametrize(
    ("pixels", "words"),
    [
        (np.full((2, 2, 3), 1.001), "values from 1.001"),
        (np.full((2, 2, 3), -0.1), "values from -0.1"),  # a network's [-1, 1]
        (np.full((2, 2, 3), np.nan), "values from nan"),
        (np.zeros((3, 2, 2)), r"shape \(3, 2, 2\)"),  # channels first
        (np.zeros((2, 2)), r"shape \(2, 2\)"),
    ],
)
def test_pixels_that_are_none_are_not_written(pixels: np.ndarray, words: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=words):
        encode_png(tmp_path / "out.png", pixels)
    assert not list(tmp_path.iterdir())


def test_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "out.png"
    encode_png(path, np.zeros((2, 2, 3), np.float32))
    before = path.read_bytes()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(MachineError, match="No space left on device"):
        encode_png(path, np.ones((2, 2, 3), np.float32))
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["out.png"]
    with pytest.raises(MachineError, match="No such file or directory"):
        encode_png(tmp_path / "absent" / "out.png", np.ones((2, 2, 3), np.float32))
