"""What every HTML page of this package has in common: one file, no network, names as text, known style and script.

Templates are Jinja's, with autoescape; every value that one prints passes ``printable`` first (controls and direction
marks become visible codes), unless it is markup that this package made. The page's content security policy allows its
one style sheet and its one script by their hashes: a template writes ``{{ style_hash }}`` and ``{{ script_hash }}``
into it.
"""

import base64
import hashlib
import importlib.resources
import re
from collections.abc import Callable, Mapping, Sequence

from markupsafe import Markup

from vstain_bench.base.text import printable

PAGES = "vstain_bench.present.pages"


_PATH = re.compile(r"(?<![\w.:/~])~?/(?:[^\s/'\",;:()\[\]]+/){2,}[^\s/'\",;:()\[\]]*[^\s/'\",;:()\[\].]")


def shorten_paths(text: str) -> str:
    """Return text in which each absolute path is reduced to its last two parts."""
    return _PATH.sub(lambda found: "…/" + "/".join(found.group().rstrip("/").split("/")[-2:]), text)


def asset(name: str, package: str = PAGES) -> str:
    """Return a template, style sheet or script that ships with a package, or else with the reports."""
    own = importlib.resources.files(package).joinpath(name)
    found = own if own.is_file() else importlib.resources.files(PAGES).joinpath(name)
    return found.read_text(encoding="utf-8")


def source_hash(text: str) -> str:
    """Return the CSP source expression of an inline script or style sheet."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode('ascii')}'"


def render_page(
    template: str,
    context: Mapping[str, object],
    *,
    package: str = PAGES,
    styles: Sequence[str] = (),
    scripts: Sequence[str] = ("report.js",),
    filters: Mapping[str, Callable[..., object]] | None = None,
) -> str:
    """Return a whole page.

    Args:
        template: The template's file in ``package``.
        context: What it reads, besides ``style``, ``script``, ``style_hash`` and ``script_hash``.
        package: Where the template and further styles lie.
        styles: Style sheets of ``package`` after the one that all pages share.
        scripts: Scripts of ``package`` or of the reports, joined; none for a page without one.
        filters: Further filters by name.
    """
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    environment = Environment(
        loader=FunctionLoader(lambda name: asset(name, package)),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_text,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"short": shorten_paths, **(filters or {})}
    style = "\n".join([asset("report.css"), *(asset(name, package) for name in styles)])
    script = "\n".join(asset(name, package) for name in scripts)
    return environment.get_template(template).render(
        dict(context)
        | {
            "style": Markup(style),
            "script": Markup(script),
            "style_hash": Markup(source_hash(style)),
            "script_hash": Markup(source_hash(script)),
        }
    )


def _text(value: object) -> object:
    return printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value
