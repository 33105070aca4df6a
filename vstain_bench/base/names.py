"""Names that a user writes: what is unknown is refused with the nearest that is known."""

import difflib
from collections.abc import Iterable

from vstain_bench.errors import UsageError


def nearest(word: str, words: Iterable[str]) -> str:
    """Return a sentence that proposes the known word nearest to a misspelt one, or an empty string."""
    close = difflib.get_close_matches(word, list(words), n=1, cutoff=0.5)
    return f"Did you mean '{close[0]}'?" if close else ""


def unknown(
    word: str, known: Iterable[str], *, where: str, found: str = "unknown name", expected: str = ""
) -> UsageError:
    """Return the fault of a name that is none of the known ones."""
    names = list(known)
    return UsageError(
        where=where, found=found, expected=expected or f"one of {', '.join(names)}", next_step=nearest(word, names)
    )


def require_known(
    word: str, known: Iterable[str], *, where: str, found: str = "unknown name", expected: str = ""
) -> None:
    """Refuse a name that is none of the known ones.

    Raises:
        UsageError: It is none of them.
    """
    names = list(known)
    if word not in names:
        raise unknown(word, names, where=where, found=found, expected=expected)
