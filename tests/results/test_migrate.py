"""Tables of schema 1.0 read as today's; what contradicts itself is refused."""

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from vstain_bench.errors import UsageError
from vstain_bench.results.migrate import parse_signature
from vstain_bench.results.table import read_table

Content = dict[str, Any]

SSIM = "ssim|cmp:generated-real|win:gaussian11|sigma:1.5|v:1"
UNI = "fd_uni|cmp:generated-real|encoder:timm-uni-0123456789ab|v:2"
OLD: Content = {
    "schema_version": "1.0",
    "protocol": {"name": "custom", "signatures": [UNI, SSIM]},
    "inputs": {
        "tiles": 2, "groups": None, "labels": {}, "mpp": [], "sizes": ["64×64"], "has_source": True, "skipped": 0,
        "partial": False, "digest": "ab" * 32,
    },
    "controls": {"tiles": 0, "seed": 0},
    "models": ["mine"],
    "warnings": [],
    "rows": [
        {
            "model": "mine", "metric": "ssim", "signature": SSIM, "condition": "clean", "label": None, "value": 0.5,
            "unit": "", "better": "higher", "tiles": 2,
        },
        {
            "model": "mine", "metric": "fd_uni", "signature": UNI, "label": None, "value": 3.0, "unit": "px",
            "better": "lower", "tiles": 2,
        },
    ],
}  # fmt: skip


def test_a_table_of_schema_1_0_says_what_its_rows_said() -> None:
    table = read_table(json.dumps(OLD), "old")
    assert table.schema_version == "1.1"
    assert table.metric_names() == ["fd_uni", "ssim"], "the order of the protocol"
    ssim, uni = table.metric("ssim"), table.metric(table.rows[1])
    assert (ssim.signature, ssim.better, ssim.unit, ssim.version) == (SSIM, "higher", "", 1)
    assert ssim.params == {"win": "gaussian11", "sigma": 1.5}
    assert ssim.compares == ("generated", "real")
    assert (uni.definition, uni.better, uni.unit, uni.version) == ("fd", "lower", "px", 2)
    for record in table.metrics:
        unsaid = (record.summary, record.range, record.perfect, record.family, record.citation, record.interval)
        assert set(unsaid) == {None}
    assert [row.value for row in table.rows] == [0.5, 3.0]
    assert read_table(table.to_json(), "new") == table, "it is written as today's, and read again"


WRONG: list[tuple[Callable[[Content], object], str]] = [
    (lambda c: c.update(schema_version="0.9"), "schema_version '0.9', expected '1.1' or '1.0'"),
    (lambda c: c.pop("rows"), "it lacks 'rows' or 'protocol'"),
    (lambda c: c["rows"][0].pop("signature"), "rows.0 has no signature"),
    (lambda c: c["rows"][0].update(condition="blurred"), "rows.0 has condition 'blurred', expected 'clean'"),
    (lambda c: c["rows"].append(c["rows"][0] | {"better": "lower"}), "rows.2 says of 'ssim'"),
    (lambda c: c["protocol"].update(signatures=[UNI]), f"signature '{SSIM}', expected one of protocol.signatures"),
    (lambda c: c["rows"][0].update(metric="psnr"), f"'{SSIM}' is no signature of 'psnr'"),
    (lambda c: c["rows"][0].update(better="more"), "'higher', 'lower' or 'target'"),
]


@pytest.mark.parametrize(("damage", "words"), WRONG, ids=[words[:40] for _, words in WRONG])
def test_an_old_table_that_contradicts_itself_is_refused(damage: Callable[[Content], object], words: str) -> None:
    content = copy.deepcopy(OLD)
    damage(content)
    with pytest.raises(UsageError) as fault:
        read_table(json.dumps(content), "old")
    assert words in str(fault.value)


def test_values_keep_their_colons_and_bars() -> None:
    assert parse_signature("fd|cmp:a-b|encoder:timm:vit|large|v:1") == {
        "cmp": "a-b", "encoder": "timm:vit|large", "v": "1",
    }  # fmt: skip
