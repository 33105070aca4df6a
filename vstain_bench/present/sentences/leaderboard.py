"""What a leaderboard says in sentences, the same in every format."""

from collections.abc import Iterator, Sequence

from vstain_bench.judge.leaderboard.board import Board, Leaderboard, Section
from vstain_bench.judge.leaderboard.published import Published, PublishedTable
from vstain_bench.judge.leaderboard.trust import Trust, TrustFigures
from vstain_bench.present.numbers import MARK, OUTDONE, counted, listed, patients
from vstain_bench.stats.significance import least_groups

MOST_NAMED = 4
UNCERTAIN = "?"
"""Marks a published number that is not certain."""


def first_few(names: Sequence[str], noun: str) -> str:
    """Return ``a, b and c``, or the first few and how many more."""
    if len(names) > MOST_NAMED:
        return listed([*names[: MOST_NAMED - 1], f"{len(names) - MOST_NAMED + 1} more {noun}"])
    return listed(names) or f"no {noun}"


def headline(section: Section) -> str:
    """Return who stands first on the metric that orders the rows, or why nobody does."""
    head = section.head(section.leading)
    if head is None:
        return "No number of these runs can be ordered."
    first = [
        each.title for each in section.entrants if head.metric in each.places and each.places[head.metric].place == 1
    ]
    if not first:
        return f"Ordered by {head.metric} without ranks: {head.unranked}."
    if len(first) == 1:
        return f"{first[0]} alone has the first place on {head.metric}."
    unit = "tiles" if section.inputs.groups is None else patients(section.inputs.groups)
    return f"On {head.metric} {first_few(first, 'models')} share the first place: these {unit} do not tell them apart."


def section_title(board: Board, section: Section) -> str:
    """Return how many models stand here, and over what."""
    models, runs = counted(len(section.entrants), "model"), counted(len(section.runs), "run")
    where = f"{counted(section.inputs.tiles, 'tile')}, {patients(section.inputs.groups)}"
    return f"{board.protocol}: {models} of {runs} on {where}"


def apart(section: Section) -> Iterator[str]:
    """Yield why it is not ranked with the sections before it."""
    if section.apart:
        yield f"Not ranked with the models above: {'; '.join(section.apart)}."


def section_notes(section: Section, trust: Trust | None, *, published: bool) -> Iterator[str]:
    """Yield what a reader of the numbers must know, one sentence each.

    Args:
        section: What was ranked.
        trust: The sweep whose figures stand above the numbers.
        published: Whether published rows stand below them.
    """
    yield from section.warnings
    if any(entrant.places for entrant in section.entrants):
        yield (
            "Value ± SD over tiles; place (ranks that are not excluded, for all models together at 95 %). A place is "
            "the best rank that these patients do not exclude; = marks one that is shared. Bold: neither it nor a "
            "better one is told apart from the best."
        )
        yield from _powerless(section)
    valued = {row.metric for entrant in section.entrants for row in entrant.rows if row.value is not None}
    unranked: dict[str, list[str]] = {}
    for head in section.heads:
        if head.unranked and head.metric in valued:
            unranked.setdefault(head.unranked, []).append(head.metric)
    for reason, metrics in unranked.items():
        yield f"Not ranked on {first_few(metrics, 'metrics')}: {reason}."
    left_out: dict[str, list[str]] = {}
    for head in section.heads:
        for note in head.notes:
            left_out.setdefault(note, []).append(head.metric)
    for note, metrics in left_out.items():
        yield f"No rank on {first_few(metrics, 'metrics')}: {note}."
    yield from _cell_notes(section)
    if published:
        yield "Published rows hold the printed digits in our units, over other tiles: never ranked or tested against."
    if trust is not None:
        yield trust_note(trust)


def _powerless(section: Section) -> Iterator[str]:
    """Yield that these patients could never tell so many models apart, where that is so."""
    ranked = max((place.of for entrant in section.entrants for place in entrant.places.values()), default=0)
    groups, needed = section.inputs.groups, least_groups()
    if groups is not None and groups < needed:
        yield (
            f"{patients(groups)} can never tell {ranked} models apart by values of tiles: that takes {needed} patients "
            "at least, so places are shared whatever the numbers."
        )


def _cell_notes(section: Section) -> Iterator[str]:
    if any(row.unbeaten for entrant in section.entrants for row in entrant.rows):
        yield f"{MARK} no better than a control that anyone could have; {OUTDONE} shown to be worse than one."
    gaps: dict[str, dict[str, None]] = {}
    for entrant in section.entrants:
        for row in entrant.rows:
            if row.reason and row.label is None:
                gaps.setdefault(f"{row.status}: {row.reason}".rstrip("."), {})[row.metric] = None
    for reason, metrics in gaps.items():
        yield f"{first_few(list(metrics), 'metrics')} {reason}."


def trust_note(trust: Trust) -> str:
    """Return what the rows of trust figures are."""
    return (
        "right tile first: how often the real tile, displaced so far, outranks a wrong one in place "
        f"(stress, {counted(trust.tiles, 'tile')}, {patients(trust.groups)}); 0.5 is chance."
    )


def trust_sentence(figures: TrustFigures) -> str:
    """Return what a sweep says of one metric."""
    parts = []
    for each in figures.ordering:
        if each.rate.value is not None:
            low, high = each.rate.low, each.rate.high
            ends = f" [{low:.2f}, {high:.2f}]" if low is not None and high is not None else ""
            parts.append(f"{each.rate.value:.2f} right first at {each.displacement_um:g} µm{ends}")
    if figures.half_life_um is not None:
        parts.append(f"half is lost at {figures.half_life_um:.2g} µm")
    if figures.erased_um is not None:
        parts.append(f"erasing all DAB costs as much as {figures.erased_um:.2g} µm")
    if figures.worse_if_more is not None:
        parts.append(f"{100 * figures.worse_if_more:.0f} % of steps to a larger defect make it worse")
    return f"Trust: {'; '.join(parts)}." if parts else ""


def table_title(table: PublishedTable) -> str:
    """Return the number and caption of a published table."""
    return f"{table.number}. {table.caption}"


def published_group(published: Published, table: PublishedTable) -> str:
    """Return whose numbers these are and over what: ``Published: Smith 2026, Table 2 (BCI test, 977 tiles)``."""
    tiles = f", {counted(table.tiles, 'tile')}" if table.tiles else ", number of tiles not known"
    source = published.source_of(table)
    hand = "" if source.first_hand else ", second-hand"
    return f"Published: {source.short}, {table.number} ({table.dataset} {table.split}{tiles}{hand})"


def table_facts(published: Published, table: PublishedTable) -> str:
    """Return whose table it is, where it stands, and over which tiles."""
    source = published.source_of(table)
    tiles = counted(table.tiles, "tile" if table.kind == "metrics" else "image") if table.tiles else "n not known"
    hand = "read first-hand" if source.first_hand else "second-hand"
    return f"{source.short}, {table.place}; {table.dataset} {table.split}, {tiles}; {hand}."


def table_doubts(published: Published, table: PublishedTable) -> list[str]:
    """Return the doubts about one table, as a whole and by cell."""
    marked = [f"{UNCERTAIN} marks a number that is not certain."] if any(row.doubts for row in table.row) else []
    titles = {column.key: column.title for column in published.columns_of(table)}
    cells: dict[str, list[str]] = {}
    for row in table.row:
        for key, doubt in row.doubts.items():
            cells.setdefault(doubt, []).append(f"{row.model} {titles[key]}")
    return [*table.doubts, *marked, *(f"{', '.join(named)}: {doubt}." for doubt, named in cells.items())]


def column_notes(published: Published) -> list[str]:
    """Return what each column of a data set's tables means, and what about it is not certain."""
    notes = []
    for column in published.column:
        tables = [table.number for table in published.table if column.key in table.columns]
        if not tables:
            continue
        metric = f" Our metric: {column.metric}." if column.metric else ""
        unit = f" Printed in {column.unit.removeprefix('×')}." if column.unit else ""
        spread = f" ± is {column.spread}." if column.spread != "none" else ""
        head = " / ".join(filter(None, (column.heading, column.title)))
        facts = f"{head} ({'; '.join(tables)}): {column.meaning}.{metric}{unit}{spread}"
        notes.append(" ".join([facts, *column.doubts]))
    return notes


def source_notes(published: Published) -> list[str]:
    """Return each source of a data set with how it was read."""
    return [f"{source.short}: {source.citation}. How it was read: {source.read}." for source in published.source]


def not_ranked_note(leaderboard: Leaderboard) -> str:
    """Return what published tables are beside measured ones."""
    measured = " Measured rows stand apart, above." if leaderboard.boards else ""
    return f"Published numbers, as printed: never ranked or tested against.{measured}"
