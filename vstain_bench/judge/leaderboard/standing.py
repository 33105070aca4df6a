"""Where one model stands on each metric of its section: number, interval, place, the ranks that chance leaves open."""

from dataclasses import dataclass

from vstain_bench.judge.leaderboard.board import Entrant, Head, Place, Section
from vstain_bench.present.leaderboard.grid import told_ranks
from vstain_bench.present.numbers import decimals_of, model_title
from vstain_bench.results.table import Row


@dataclass(frozen=True)
class Standing:
    """One metric of one model, as its page shows it.

    ``low``, ``high`` and ``rank`` are places on a line from the first rank (0) to the last (100).
    """

    head: Head
    value: str
    spread: str
    interval: str
    place: str
    ranks: str
    of: int
    low: float
    high: float
    rank: float
    best: str
    unbeaten: str
    reason: str
    by_label: tuple[str, ...]


def standings(section: Section, entrant: Entrant) -> list[Standing]:
    """Return one line per metric, those that rank first."""
    lines = [_standing(section, entrant, head) for head in section.heads]
    return sorted(lines, key=lambda line: (not line.place, line.value == "–"))


def _standing(section: Section, entrant: Entrant, head: Head) -> Standing:
    rows = section.metric_rows(head.metric)
    digits, row, place = decimals_of(rows, head.better), entrant.find(head.metric), entrant.places.get(head.metric)
    low, high, rank = _line(place)
    return Standing(
        head=head,
        value=_told(row, digits),
        spread=f"{row.sd:.{digits}f}" if row is not None and row.sd is not None else "",
        interval=_interval(row, digits),
        place=f"{place.place}{'=' if place.shared else ''}" if place else "",
        ranks=told_ranks(place) if place else "",
        of=place.of if place else 0,
        low=low,
        high=high,
        rank=rank,
        best=_best(section, head, digits),
        unbeaten=", ".join(model_title(each) for each in row.unbeaten) if row is not None else "",
        reason=_reason(row, head),
        by_label=tuple(
            _told(entrant.find(head.metric, label), decimals_of(section.metric_rows(head.metric, label), head.better))
            for label in section.inputs.labels
        ),
    )


def _told(row: Row | None, digits: int) -> str:
    return "–" if row is None or row.value is None else f"{row.value:.{digits}f}"


def _interval(row: Row | None, digits: int) -> str:
    if row is None or row.low is None or row.high is None:
        return ""
    return f"[{row.low:.{digits}f}, {row.high:.{digits}f}]"


def _reason(row: Row | None, head: Head) -> str:
    if row is None:
        return "not scored"
    return f"{row.status}: {row.reason}" if row.value is None else head.unranked


def _line(place: Place | None) -> tuple[float, float, float]:
    if place is None or place.of < 2:
        return 0.0, 0.0, 0.0
    low, high, rank = (round(100 * (number - 1) / (place.of - 1), 2) for number in (place.low, place.high, place.rank))
    return low, high, rank


def _best(section: Section, head: Head, digits: int) -> str:
    """Return the best number of the section's models, or nothing where a target is best."""
    found = (entrant.find(head.metric) for entrant in section.entrants)
    values = [row.value for row in found if row is not None and row.value is not None]
    if not values or head.better == "target":
        return ""
    return f"{(max if head.better == 'higher' else min)(values):.{digits}f}"
