"""How figures for print look, and their files: the same figure gives the same bytes.

No date is written, and identifiers in SVG depend on their content. Names are text: nothing in them is taken for
mathematics.
"""

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MUTED, INK, RULE = "#6d635b", "#231d19", "#e5ded5"
FORMATS = ("png", "svg", "pdf")
DOTS_PER_INCH = 300
MM_PER_INCH = 25.4
_METADATA: dict[str, dict[str, str | None]] = {
    "png": {"Software": None},
    "svg": {"Date": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}
_STYLE: Any = {
    "text.parse_math": False, "svg.hashsalt": "vstain-bench", "svg.fonttype": "path", "font.family": "DejaVu Sans",
    "font.size": 8.0, "axes.spines.top": False, "axes.spines.right": False, "axes.edgecolor": MUTED,
    "axes.labelcolor": INK, "xtick.color": MUTED, "ytick.color": MUTED, "pdf.fonttype": 42,
}  # fmt: skip


@contextmanager
def styled() -> Iterator[None]:
    """Draw and save in the house style: every figure is made and encoded within."""
    import matplotlib as mpl

    with mpl.rc_context(_STYLE), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from", category=UserWarning)
        yield


def encode(figure: "Figure", extension: str, *, dpi: int = DOTS_PER_INCH, tight: bool = True) -> bytes:
    """Return a figure as the bytes of a file; ``extension`` is one of ``FORMATS``, ``tight`` cuts its margins off."""
    content = io.BytesIO()
    box = "tight" if tight else None
    figure.savefig(content, format=extension, dpi=dpi, metadata=_METADATA[extension], bbox_inches=box)
    return content.getvalue()
