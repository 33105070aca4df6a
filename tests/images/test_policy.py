"""The text and the table of a decode policy say the same, and a mistake is named with what is allowed."""

import pytest

from vstain_bench.errors import UsageError
from vstain_bench.images.policy import DecodePolicy

POLICIES = [
    ("", DecodePolicy()),
    ("alpha=white,gray=replicate", DecodePolicy(alpha="white", gray="replicate")),
    (" alpha = drop , depth=scale16 ", DecodePolicy(alpha="drop", depth="scale16")),
    ("formats=png+tiff,page=2,max_pixels=1000", DecodePolicy(formats=("png", "tiff"), page=2, max_pixels=1000)),
    (
        "color=convert,exif=apply,icc=convert,float_range=unit",
        DecodePolicy(color="convert", exif="apply", icc="convert", float_range="unit"),
    ),
]


@pytest.mark.parametrize(("text", "policy"), POLICIES, ids=[text for text, _ in POLICIES])
def test_text_and_table_come_back(text: str, policy: DecodePolicy) -> None:
    assert DecodePolicy.parse(text) == policy
    assert DecodePolicy.parse(str(policy)) == policy
    assert DecodePolicy.from_dict(policy.as_dict()) == policy
    assert None not in policy.as_dict().values()  # TOML has no null


def test_default_has_no_text_and_refuses() -> None:
    policy = DecodePolicy()
    assert str(policy) == ""
    assert {policy.alpha, policy.depth, policy.gray, policy.color, policy.exif, policy.float_range} == {"refuse"}
    assert policy.icc == "warn"
    assert policy.page is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("alpha=blue", ("'alpha'", "'blue'", "refuse, white, black, drop")),
        ("depth=scale", ("'depth'", "refuse, scale16", "Did you mean 'scale16'?")),
        ("alfa=white", ("'alfa'", "unknown key", "Did you mean 'alpha'?", "max_pixels")),
        ("alpha", ("'alpha'", "no '='")),
        ("alpha=white,alpha=black", ("'alpha'", "twice")),
        ("formats=png+gif", ("'formats'", "gif", "png, jpeg, tiff")),
        ("formats=", ("'formats'", "png, jpeg, tiff")),
        ("page=-1", ("'page'", "'-1'", "from 0")),
        ("page=one", ("'page'", "'one'")),
        ("max_pixels=0", ("'max_pixels'", "at least 1")),
    ],
)
def test_mistake_is_named_with_what_is_allowed(text: str, words: tuple[str, ...]) -> None:
    with pytest.raises(UsageError) as fault:
        DecodePolicy.parse(text)
    for word in words:
        assert word in str(fault.value)


@pytest.mark.parametrize("given", [{"page": True}, {"alpha": 1}, {"formats": 3}, {"formats": [3]}, {"max_pixels": 2.5}])
def test_values_of_other_types_are_refused(given: dict[str, object]) -> None:
    with pytest.raises(UsageError, match=next(iter(given))):
        DecodePolicy.from_dict(given)
