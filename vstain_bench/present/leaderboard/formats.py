"""The formats that a leaderboard is printed in; the site is another matter (``site.py``)."""

from collections.abc import Callable

from vstain_bench.base.registry import Registry
from vstain_bench.judge.leaderboard.board import Leaderboard
from vstain_bench.present.leaderboard import terminal, text

FORMATS: Registry[Callable[[Leaderboard], str]] = Registry("format")
FORMATS.register("terminal")(terminal.render)
FORMATS.register("md")(text.render_markdown)
FORMATS.register("latex")(text.render_latex)
FORMATS.register("json")(Leaderboard.to_json)
