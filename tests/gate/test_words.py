"""How numbers are told: as many digits as tell them apart, shares as shares, the distance from any target."""

import pytest

from tests.gate.cases import MINE, accepted, define, put, several
from vstain_bench.judge.gate.judge import Context, judge
from vstain_bench.judge.gate.tolerances import NO_FILE, parse_tolerance
from vstain_bench.present.sentences.gate import listed, significant, size_of
from vstain_bench.present.sentences.gate import values as shown

TOLD = [
    ((0.5, 0.49), ("0.5000", "0.4900")),
    ((0.5, 0.500002), ("0.5000000", "0.5000020")),
    ((20.0, 19.999), ("20.0000", "19.9990")),
    ((0.0, 0.1), ("0.000", "0.1000")),
    ((389012.5, 389013.5), ("389012.5", "389013.5")),
    ((1e-7, 2e-7), ("1e-07", "2e-07")),
    ((-0.02, 0.02), ("-0.02000", "0.02000")),
    ((1.0, 1.0), ("1.000", "1.000")),
]


@pytest.mark.parametrize(("values", "told"), TOLD)
def test_values_are_told_apart(values: tuple[float, float], told: tuple[str, str]) -> None:
    assert shown(*values) == told


def test_neighbouring_numbers_are_told_apart() -> None:
    one, two = shown(0.1, 0.1 + 2e-17 + 1e-16)
    assert one != two


def test_sizes_are_in_the_terms_of_the_tolerance() -> None:
    assert size_of(40.0, 1.2, parse_tolerance("2%", "")) == "3.00%"
    assert size_of(40.0, 1.2, parse_tolerance("0.5", "")) == "1.20"
    assert size_of(40.0, 1.2, parse_tolerance("0.01 + 1%", "")) == "1.20"
    assert size_of(0.0, 1.2, parse_tolerance("2%", "")) == "1.20"
    assert significant(0.0) == "0.000"


def test_a_long_list_is_cut() -> None:
    assert listed(["a", "b", "c", "d"], "metrics") == "a, b, c, d"
    assert listed(["a", "b", "c", "d", "e"], "metrics") == "a, b, c and 2 more metrics"


DISTANCES = [
    # from 1.2 in the baseline
    (1.0, 1.3, "worse"),
    (1.0, 0.7, "worse"),
    (1.0, 1.1, "better"),
    (1.0, 0.9, "better"),
    (1.0, 0.8, "within"),
    (0.0, 0.9, "better"),
]


@pytest.mark.parametrize(("target", "value", "kind"), DISTANCES)
def test_the_distance_from_any_target_counts(target: float, value: float, kind: str) -> None:
    old = put(MINE, "dab_od_bias", value=1.2)(accepted())
    new = several(define("dab_od_bias", perfect=target), put(MINE, "dab_od_bias", value=value))(accepted())
    findings = judge(Context(new, old, NO_FILE))
    (found,) = [each for each in findings if each.metric == "dab_od_bias"]
    assert found.kind == kind
    assert accepted().metric("dab_od_bias").better == "target"
