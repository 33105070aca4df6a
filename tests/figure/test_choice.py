"""The seeded rule that chooses tiles."""

import random

import pytest

from vstain_bench.errors import UsageError
from vstain_bench.present.figures.choice import Chosen, choose_tiles, named_tiles

PAIRS = {
    f"{group}{number}": {"group": group, "label": label}
    for group, label in (("a", "0"), ("b", "3+"), ("c", "3+"))
    for number in range(20)
}


def choose(pairs: dict[str, dict[str, str]] = PAIRS, **changes: object) -> tuple[Chosen, ...]:
    given: dict[str, object] = {"labels": ("0", "3+"), "per_label": 1, "seed": 0, **changes}
    return choose_tiles(pairs, **given)  # type: ignore[arg-type]  # the given are a table


def test_each_label_has_its_rows_in_the_order_given() -> None:
    rows = choose(labels=("3+", "0"), per_label=2)
    assert [row.label for row in rows] == ["3+", "3+", "0", "0"]
    assert all(PAIRS[row.tile]["label"] == row.label for row in rows)
    assert len({row.tile for row in rows}) == 4


def test_the_choice_hangs_on_seed_and_ids_alone() -> None:
    shuffled = list(PAIRS.items())
    random.Random(1).shuffle(shuffled)
    assert choose(dict(shuffled)) == choose()
    fewer = {tile: line for tile, line in PAIRS.items() if tile in {row.tile for row in choose()} or tile < "b3"}
    assert choose(fewer) == choose(), "tiles that were not chosen do not matter"
    assert len({choose(seed=seed) for seed in range(20)}) > 10


def test_rows_of_a_label_are_of_different_patients_as_far_as_there_are() -> None:
    for seed in range(10):
        two = [row.tile for row in choose(labels=("3+",), per_label=2, seed=seed)]
        assert {tile[0] for tile in two} == {"b", "c"}
        three = [row.tile for row in choose(labels=("3+",), per_label=3, seed=seed)]
        assert three[:2] == two
        assert len(set(three)) == 3


def test_without_labels_there_are_four_rows_of_different_patients() -> None:
    rows = choose(labels=())
    assert len(rows) == 4
    assert {row.label for row in rows} == {""}
    assert {row.tile[0] for row in rows[:3]} == {"a", "b", "c"}
    alone = {f"t{number}": {"group": "", "label": ""} for number in range(9)}
    assert len({row.tile for row in choose(alone, labels=())}) == 4, "a tile without a group is a group"


def test_named_tiles_keep_their_order_and_an_unknown_one_is_named() -> None:
    assert named_tiles(PAIRS, ["c3", "a1"]) == (Chosen("c3", "3+"), Chosen("a1", "0"))
    with pytest.raises(UsageError, match="not a tile of these runs"):
        named_tiles(PAIRS, ["zebra"])
