"""What a user allows a decoder to do: every conversion that could change a pixel is refused unless it is asked for."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Literal, Self, get_args, get_type_hints

from vstain_bench.base.names import nearest
from vstain_bench.errors import UsageError

FORMATS = ("png", "jpeg", "tiff")


@dataclass(frozen=True)
class DecodePolicy:
    """How files that are not plain 8-bit RGB are read.

    Attributes:
        alpha: A channel that is not fully opaque: laid over ``white`` or ``black``, or its values ignored (``drop``).
        depth: Samples of more or fewer than 8 bits: ``scale16`` divides by the largest code, 65535 for 16 bits.
        gray: One channel: ``replicate`` uses it for red, green and blue.
        color: Palette, CMYK, YCCK and Lab: ``convert`` computes RGB.
        exif: An orientation other than upright: ``apply`` turns the pixels, ``ignore`` takes them as stored.
        icc: A colour profile other than sRGB: ``warn`` and ``ignore`` keep the codes (``warn`` adds a note),
            ``convert`` maps to sRGB.
        jpeg: JPEG data that libjpeg warns of (stray bytes, damaged codes): ``lenient`` takes what it makes of them, and
            the table says so.
        page: Which page of a file of several, counted from 0.
        float_range: Floating-point samples: they lie in [0, 1] (``unit``) or in [0, 255] (``byte``).
        formats: File formats that are accepted.
        max_pixels: Largest width times height that is decoded.
    """

    alpha: Literal["refuse", "white", "black", "drop"] = "refuse"
    depth: Literal["refuse", "scale16"] = "refuse"
    gray: Literal["refuse", "replicate"] = "refuse"
    color: Literal["refuse", "convert"] = "refuse"
    exif: Literal["refuse", "apply", "ignore"] = "refuse"
    icc: Literal["warn", "ignore", "convert", "refuse"] = "warn"
    jpeg: Literal["strict", "lenient"] = "strict"
    page: int | None = None
    float_range: Literal["refuse", "unit", "byte"] = "refuse"
    formats: tuple[str, ...] = FORMATS
    max_pixels: int = 256_000_000

    def __post_init__(self) -> None:
        for key, allowed in _choices().items():
            value = getattr(self, key)
            if value not in allowed:
                raise _unknown_value(key, value, f"one of {', '.join(allowed)}", nearest(str(value), list(allowed)))
        if self.page is not None and not _is_whole(self.page, at_least=0):
            raise _unknown_value("page", self.page, "a page number, counted from 0")
        if not _is_whole(self.max_pixels, at_least=1):
            raise _unknown_value("max_pixels", self.max_pixels, "a number of pixels of at least 1")
        if not isinstance(self.formats, tuple) or not self.formats or not set(self.formats) <= set(FORMATS):
            raise _unknown_value("formats", self.formats, f"one or more of {', '.join(FORMATS)}, joined by '+'")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the policy for the text of ``--decode``, e.g. ``alpha=white,gray=replicate,formats=png+tiff``.

        Raises:
            UsageError: an unknown key or value, or a key given twice.
        """
        given: dict[str, object] = {}
        for entry in filter(None, (part.strip() for part in text.split(","))):
            key, equals, value = (part.strip() for part in entry.partition("="))
            if not equals:
                raise UsageError(
                    where=f"decode policy, '{entry}'",
                    found="no '='",
                    expected=f"key=value with a key of {', '.join(_keys())}",
                )
            if key in given:
                raise UsageError(
                    where=f"decode policy, '{key}'", found="the key is given twice", expected="each key once"
                )
            given[key] = value
        return cls.from_dict(given)

    @classmethod
    def from_dict(cls, given: Mapping[str, object]) -> Self:
        """Return the policy for a table of a configuration file; numbers and lists may also be text as in ``parse``.

        Raises:
            UsageError: an unknown key or value.
        """
        values: dict[str, object] = {}
        for key, value in given.items():
            if key not in _keys():
                raise UsageError(
                    where=f"decode policy, '{key}'",
                    found="unknown key",
                    expected=f"one of {', '.join(_keys())}",
                    next_step=nearest(key, _keys()),
                )
            values[key] = _from_text(key, value)
        return cls(**values)  # type: ignore[arg-type]  # __post_init__ checks every value

    def as_dict(self) -> dict[str, object]:
        """Return the policy as a table for a configuration file; TOML has no null, so an unset page is left out."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        values["formats"] = list(self.formats)
        return {key: value for key, value in values.items() if value is not None}

    def __str__(self) -> str:
        """Return what differs from the default, as ``parse`` reads it; an empty text is the default policy."""
        default = type(self)()
        changed = [field.name for field in fields(self) if getattr(self, field.name) != getattr(default, field.name)]
        values = {key: getattr(self, key) for key in changed}
        return ",".join(f"{key}={'+'.join(value) if key == 'formats' else value}" for key, value in values.items())


def _keys() -> list[str]:
    return [field.name for field in fields(DecodePolicy)]


def _choices() -> dict[str, tuple[str, ...]]:
    hints = get_type_hints(DecodePolicy)
    return {key: get_args(hint) for key, hint in hints.items() if hint not in (int, int | None, tuple[str, ...])}


def _is_whole(value: object, at_least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= at_least


def _from_text(key: str, value: object) -> object:
    if key == "formats" and isinstance(value, str):
        return tuple(part.strip() for part in value.split("+"))
    if key == "formats" and isinstance(value, list):
        return tuple(value)
    if key in ("page", "max_pixels") and isinstance(value, str) and value.isdecimal():
        return int(value)
    return value


def _unknown_value(key: str, value: object, expected: str, next_step: str = "") -> UsageError:
    return UsageError(where=f"decode policy, '{key}'", found=repr(value), expected=expected, next_step=next_step)
