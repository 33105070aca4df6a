"""What a format is: a document as text, in the form that one reader understands."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from vstain_bench.base.registry import Registry
from vstain_bench.errors import UsageError
from vstain_bench.present.sheet import Content, Document


@dataclass(frozen=True)
class Format:
    """One format.

    Attributes:
        name: What the command line calls it.
        summary: Who reads it.
        extension: Of its files, without the dot.
        render: From a document to the text.
        reads: The kinds of content that it can show; empty for every document.
    """

    name: str
    summary: str
    extension: str
    render: Callable[[Document], str]
    reads: tuple[type[Content], ...] = ()

    def takes(self, document: Document) -> bool:
        """Return whether it can show a document."""
        return not self.reads or isinstance(document.content, self.reads)


FORMATS: Registry[Format] = Registry("format", __package__)
C = TypeVar("C", bound=Content)


def register(made: Format) -> Format:
    """Make a format known by its name."""
    return FORMATS.register(made.name)(made)


def reading(kind: type[C], show: Callable[[C], str]) -> Callable[[Document], str]:
    """Return how a document is rendered by a function of its content, for a format that reads that kind alone."""

    def rendered(document: Document) -> str:
        if not isinstance(document.content, kind):
            raise TypeError(f"{type(document.content).__name__} is no {kind.__name__}")
        return show(document.content)

    return rendered


def render(document: Document, name: str) -> str:
    """Return a document in a format.

    Raises:
        UsageError: there is no such format, or it does not show what the document holds.
    """
    chosen = FORMATS[name]
    if not chosen.takes(document):
        able = [each for each in FORMATS if FORMATS[each].takes(document)]
        raise UsageError(
            where=f"--format {name}",
            found=f"it shows {chosen.summary}, and this is no such thing",
            expected=f"one of {', '.join(able)}",
        )
    return chosen.render(document)
