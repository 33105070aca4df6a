"""A verdict as workflow commands: GitHub shows them as annotations of the run and the pull request.

Grammar: ``::error title=TITLE::MESSAGE`` with ``%``, line ends and, in properties, ``:`` and ``,`` as percent codes
(actions/toolkit, packages/core/src/command.ts). GitHub shows ten of each level per step, and drops the rest in silence.
"""

from collections.abc import Iterator

from vstain_bench.base.text import printable
from vstain_bench.present.formats.definition import Format, reading, register
from vstain_bench.present.sentences.gate import TITLES, fold, headline, notes_of, sentence
from vstain_bench.results.verdict import Verdict

MOST = 10
"""Annotations of one level that GitHub shows per step."""
_DATA = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A"})
_PROPERTY = _DATA | str.maketrans({":": "%3A", ",": "%2C"})


def command(level: str, title: str, message: str) -> str:
    """Return one workflow command; whatever title and message hold is shown as text."""
    shown = printable(title).translate(_PROPERTY)
    return f"::{level} title={shown}::{printable(message).translate(_DATA)}"


def render(verdict: Verdict) -> str:
    """Return an error per failing finding (those of one cause together), and the outcome; at most ten of each level."""
    errors = list(_errors(verdict))
    if len(errors) > MOST:
        rest = len(errors) - MOST + 1
        errors[MOST - 1 :] = [("more", f"{rest} more findings: see the job's summary or the JUnit output.")]
    lines = [command("error", f"gate {verdict.name}: {title}", text) for title, text in errors]
    lines.append(command("notice", f"gate {verdict.name}", " ".join([headline(verdict), *notes_of(verdict)])))
    return "\n".join(lines) + "\n"


def _errors(verdict: Verdict) -> Iterator[tuple[str, str]]:
    yield from ((TITLES[each.kind], sentence(each)) for each in verdict.of("worse"))
    yield from ((TITLES[each.kind], each.text) for each in fold(verdict.of("missing", "incomparable", "undefined")))
    if not verdict.passed and not verdict.failing:
        yield "nothing compared", headline(verdict)


register(Format("github", "annotations of a GitHub workflow", "txt", reading(Verdict, render), (Verdict,)))
