"""The formats that a leaderboard is printed in; the site is another matter (``site.py``)."""

from collections.abc import Callable

from vstain_bench.leaderboard import terminal, text
from vstain_bench.leaderboard.board import Leaderboard
from vstain_bench.registry import Registry

FORMATS: Registry[Callable[[Leaderboard], str]] = Registry("format")
FORMATS.register("terminal")(terminal.render)
FORMATS.register("md")(text.render_markdown)
FORMATS.register("latex")(text.render_latex)
FORMATS.register("json")(Leaderboard.to_json)
