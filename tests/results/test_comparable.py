"""Which runs may stand side by side: every kind of difference is told by its name, and equal runs by nothing."""

from collections.abc import Mapping

import pytest

from tests.records import record
from vstain_bench.errors import InputError
from vstain_bench.results.comparable import (
    comparable_sets,
    compare_runs,
    control_obstacles,
    input_obstacles,
    refuse_unequal,
    row_obstacles,
    signature_obstacles,
)
from vstain_bench.results.table import Controls, Inputs, Protocol, Row, Table

SSIM = "ssim|cmp:generated-real|win:gaussian11|sigma:1.5|v:1"
FID = "fid|cmp:generated-real|encoder:inception|v:1"
INPUTS: Mapping[str, object] = {
    "tiles": 12, "groups": 3, "labels": {"0": 5, "3+": 7}, "mpp": (0.5,), "sizes": ("64×64",), "has_source": True,
    "skipped": 0, "partial": False, "digest": "ab" * 32,
}  # fmt: skip


def inputs_with(**changes: object) -> Inputs:
    return Inputs.model_validate({**INPUTS, **changes})


def row_with(**changes: object) -> Row:
    given = {"model": "m", "metric": "ssim", "value": 0.5, "tiles": 12}
    return Row.model_validate({**given, **changes})


def table_with(*rows: Row, inputs: Inputs | None = None, ssim: str = SSIM) -> Table:
    rows = rows or (row_with(),)
    signatures = {"ssim": ssim, "fid": FID, "mae": "mae|cmp:generated-real|v:1"}
    return Table(
        protocol=Protocol(name="p"),
        inputs=inputs or inputs_with(),
        controls=Controls(tiles=12, seed=0),
        models=tuple(dict.fromkeys(row.model for row in rows if not row.is_control)),
        warnings=(),
        metrics=tuple(record(signatures[name]) for name in dict.fromkeys(row.metric for row in rows)),
        rows=rows,
    )


SIGNATURES = [
    # one parameter
    (SSIM.replace("1.5", "2.0"), ["ssim: sigma is 1.5 in A and 2.0 in B"]),
    # two parameters, each told
    (
        SSIM.replace("1.5", "2.0").replace("gaussian11", "uniform7"),
        ["ssim: win is gaussian11 in A and uniform7 in B", "ssim: sigma is 1.5 in A and 2.0 in B"],
    ),
    # the sides and the version in words
    (SSIM.replace("generated-real", "generated-source"), ["ssim: the sides compared are generated-real in A and gen"]),
    (SSIM.replace("v:1", "v:2"), ["ssim: the version is 1 in A and 2 in B"]),
    # a parameter that only one of them has
    (SSIM.replace("|sigma:1.5", ""), ["ssim: sigma is 1.5 in A and absent in B"]),
    (SSIM.replace("|v:1", "|pad:valid|v:1"), ["ssim: pad is absent in A and valid in B"]),
    # the same parameters in another order or under another name are another definition
    ("other" + SSIM.removeprefix("ssim"), ["ssim: its definition is 'ssim|cmp"]),
    # equal
    (SSIM, []),
]


@pytest.mark.parametrize(("signature", "told"), SIGNATURES, ids=lambda value: str(value)[:60])
def test_a_differing_parameter_is_named(signature: str, told: list[str]) -> None:
    found = signature_obstacles({"A": record(SSIM), "B": record(signature)})
    assert len(found) == len(told)
    for obstacle, words in zip(found, told, strict=True):
        assert obstacle.text.startswith(words)
        assert (obstacle.kind, obstacle.metric) == ("signature", "ssim")


def test_every_later_run_is_compared_with_the_first() -> None:
    records = {name: record(SSIM.replace("1.5", sigma)) for name, sigma in (("A", "1.5"), ("B", "2"), ("C", "3"))}
    found = signature_obstacles(records)
    assert [each.text for each in found] == ["ssim: sigma is 1.5 in A and 2 in B", "ssim: sigma is 1.5 in A and 3 in C"]


INPUT_CASES = [
    ({}, []),
    ({"tiles": 11, "digest": "cd" * 32}, [("n", "12 tiles in A and 11 in B")]),
    (
        {"tiles": 11, "skipped": 1, "digest": "cd" * 32},
        [("n", "12 tiles in A and 11 in B (1 left out in B)")],
    ),
    ({"digest": "cd" * 32}, [("tiles", "both have 12 tiles, but not the same ones: the digest of real and source")]),
    ({"digest": "cd" * 32, "has_source": False}, [("tiles", "A was scored with the H&E and B without it")]),
    ({"labels": {"0": 6, "3+": 6}}, [("labels", "label '0' has 5 tiles in A and 6 in B"), ("labels", "label '3+'")]),
    ({"labels": {"0": 5}}, [("labels", "label '3+' has 7 tiles in A and 0 in B")]),
    ({"groups": None}, [("groups", "the number of groups is 3 in A and not known in B")]),
    ({"mpp": (0.25,)}, [("resolution", "the pixel size is 0.5 µm/px in A and 0.25 µm/px in B")]),
    ({"mpp": ()}, []),  # not known in one: metrics in µm have no value there, the others compare
    ({"partial": True}, [("partial", "only the first tiles were scored in B (--limit)")]),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "told"), INPUT_CASES, ids=lambda value: str(value)[:60])
def test_what_differs_in_the_tiles_is_said(changes: dict[str, object], told: list[tuple[str, str]]) -> None:
    found = input_obstacles({"A": inputs_with(), "B": inputs_with(**changes)})
    assert [each.kind for each in found] == [kind for kind, _ in told]
    for obstacle, (_, words) in zip(found, told, strict=True):
        assert obstacle.text.startswith(words)
        assert obstacle.metric is None
    mirrored = input_obstacles({"B": inputs_with(**changes), "A": inputs_with()})
    assert sorted(each.kind for each in mirrored) == sorted(kind for kind, _ in told)


ROW_CASES = [
    ({}, []),
    ({"value": None, "status": "undefined", "reason": "3 tiles"}, ["status"]),
    ({"value": None, "status": "unavailable", "reason": "no weights", "tiles": 0}, ["status"]),
    ({"tiles": 11}, ["n"]),
    ({"tiles": 11, "infinite": 1}, ["infinite"]),
]


@pytest.mark.parametrize(("changes", "kinds"), ROW_CASES, ids=lambda value: str(value)[:60])
def test_what_differs_in_a_row_is_said(changes: dict[str, object], kinds: list[str]) -> None:
    found = row_obstacles({"baseline": row_with(), "run": row_with(**changes)})
    assert [each.kind for each in found] == kinds
    assert all(" in run" in each.text and each.text.startswith("ssim: ") for each in found)


def test_controls_on_another_subset_do_not_compare() -> None:
    assert control_obstacles({"A": Controls(tiles=50, seed=0), "B": Controls(tiles=50, seed=0)}) == ()
    (found,) = control_obstacles({"A": Controls(tiles=50, seed=0), "B": Controls(tiles=20, seed=1)})
    assert found.text == "controls were scored on 50 tiles (seed 0) in A and on 20 (seed 1) in B"


def test_runs_share_the_metrics_that_compare() -> None:
    fid = row_with(metric="fid")
    mae = row_with(metric="mae", value=None, status="undefined", reason="a tile lacks it")
    first = table_with(row_with(), fid, row_with(metric="mae"))
    second = table_with(row_with(), fid, mae, ssim=SSIM.replace("1.5", "2.0"))
    found = compare_runs({"A": first, "B": second})
    assert found.inputs == ()
    assert found.shared == ("fid",)
    assert [each.text for each in found.obstacles] == [
        "ssim: sigma is 1.5 in A and 2.0 in B",
        "mae: no value in B (undefined: a tile lacks it)",
    ]
    assert compare_runs({"A": first, "B": second}, ["fid"]).obstacles == ()


def test_a_metric_that_one_run_lacks_is_named() -> None:
    fid = row_with(metric="fid")
    found = compare_runs({"A": table_with(row_with()), "B": table_with(row_with(), fid)})
    assert [(each.kind, each.text) for each in found.obstacles] == [("metric", "fid: it was not scored in A")]
    assert found.shared == ("ssim",)


def test_other_tiles_leave_nothing_to_share() -> None:
    found = compare_runs({"A": table_with(), "B": table_with(inputs=inputs_with(digest="cd" * 32))})
    assert found.shared == ()
    assert [each.kind for each in found.obstacles] == ["tiles"]


def test_models_of_one_run_are_told_by_model_and_run() -> None:
    rows = (row_with(model="a"), row_with(model="b", value=None, status="undefined", reason="why"))
    (found,) = compare_runs({"A": table_with(*rows)}).obstacles
    assert found.text == "ssim: no value in b of A (undefined: why)"


def test_runs_part_into_sets_within_which_a_metric_compares() -> None:
    tables = {
        "a": table_with(row_with()),
        "b": table_with(ssim=SSIM.replace("1.5", "2.0")),
        "c": table_with(row_with(value=0.9)),
        "d": table_with(row_with(), inputs=inputs_with(digest="cd" * 32)),
        "e": table_with(row_with(value=None, status="undefined", reason="-"), ssim=SSIM.replace("1.5", "2.0")),
        "f": table_with(row_with(metric="fid")),
    }
    assert comparable_sets(tables, "ssim") == (("a", "c"), ("b", "e"), ("d",))
    assert comparable_sets(tables, "fid") == (("f",),)


def test_an_unknown_pixel_size_does_not_join_two_known_ones() -> None:
    tables = {
        name: table_with(row_with(), inputs=inputs_with(mpp=mpp))
        for name, mpp in (("unknown", ()), ("half", (0.5,)), ("quarter", (0.25,)))
    }
    assert comparable_sets(tables, "ssim") == (("unknown", "half"), ("quarter",))


def test_refusing_names_every_obstacle() -> None:
    found = compare_runs({"A": table_with(), "B": table_with(ssim=SSIM.replace("1.5", "2.0"))})
    with pytest.raises(InputError, match=r"(?s)compare: these runs do not compare:\n  ssim: sigma is 1.5 in A and 2.0"):
        refuse_unequal(found.obstacles, "compare")
    refuse_unequal((), "compare")
