"""A metric of a finished table is built again from its record, or refused by the parameter that differs."""

from collections.abc import Callable

import pytest

from vstain_bench.errors import UsageError
from vstain_bench.metrics import build, record_of, restore

RESTORED = [
    (lambda params: params.pop("pad"), "no parameter 'pad'; expected valid"),
    (lambda params: params.update(pad="reflect"), "parameter 'pad' is reflect; expected valid"),
    (lambda params: params.update(gamma=2), "parameter 'gamma' is 2; expected none of that name"),
    (lambda params: params.update(sigma="wide"), "expected a float such as 1.5"),
]


@pytest.mark.parametrize(("damage", "words"), RESTORED, ids=[words[:20] for _, words in RESTORED])
def test_a_table_of_another_definition_is_refused(damage: Callable[[dict[str, object]], object], words: str) -> None:
    params: dict[str, object] = dict(record_of(build("ssim", {"sigma": 2.0})).params)
    damage(params)
    with pytest.raises(UsageError, match=words):
        restore("ssim", params)


def test_a_distance_over_a_file_is_restored_without_the_file() -> None:
    again = restore("fd", {"encoder": "timm-uni-0123456789ab"}, "fd_uni")
    assert again.signature == "fd_uni|cmp:generated-real|encoder:timm-uni-0123456789ab|v:1"
    assert again.rows == "features:timm-uni-0123456789ab:generated-real"


def test_slides_are_part_of_what_is_restored() -> None:
    params = {"background": "slide", "vectors": "h-dab", "slides": "0123456789ab"}
    assert "|slides:0123456789ab|" in restore("dab_ccc", params).signature
