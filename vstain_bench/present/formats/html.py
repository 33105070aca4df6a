"""One page that works offline: a subject's own, or its sections one after the other."""

from vstain_bench.present.formats.definition import Format, register
from vstain_bench.present.pages.frame import render_page
from vstain_bench.present.sheet import Document


def render(document: Document) -> str:
    """Return the whole page; the same document gives the same bytes."""
    if document.page is not None:
        return document.page()
    return render_page("document.html.j2", {"document": document})


register(Format("html", "one page that works offline", "html", render))
