"""Settings are changed by name, each value checked, and what is written can be read again."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest
from pydantic import PositiveFloat, PositiveInt

from vstain_bench.base.config import change, parse_assignments, read_settings, settings_to_toml
from vstain_bench.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class Kitchen:
    heat: PositiveFloat = 1e-4
    pots: PositiveInt = 2
    lid: bool = True
    kind: Literal["gas", "wood"] = "gas"
    limit: PositiveInt | None = 512
    spices: tuple[float, ...] = (0.5, 1.0)
    cooks: tuple[str, ...] | None = ("Ann", "Bo")
    name: str = "none"


# what stands after --set, the field, and its value
@pytest.mark.parametrize(
    ("text", "field", "value"),
    [
        ("heat=5e-5", "heat", 5e-5),
        ("heat=1", "heat", 1.0),  # a whole number is a fraction too
        ("pots = 3", "pots", 3),
        ("lid=false", "lid", False),
        ("kind=wood", "kind", "wood"),
        ('kind="wood"', "kind", "wood"),
        ("limit=none", "limit", None),
        ("limit=64", "limit", 64),
        ("spices=[1, 2.5]", "spices", (1.0, 2.5)),
        ("spices=1,2.5", "spices", (1.0, 2.5)),  # a shell may take brackets for a pattern
        ("spices = 1 , 2", "spices", (1.0, 2.0)),
        ("spices=3", "spices", (3.0,)),
        ("cooks=Cy, Di", "cooks", ("Cy", "Di")),
        ("cooks=Cy", "cooks", ("Cy",)),
        ('cooks=["Cy"]', "cooks", ("Cy",)),
        ("cooks=none", "cooks", None),
        ("name=a,b", "name", "a,b"),  # no tuple: a text
        ("name=none", "name", "none"),  # a text stays one
        ("name=folder/resnet50.pth", "name", "folder/resnet50.pth"),
        ("name=a=b", "name", "a=b"),
    ],
)
def test_an_assignment_sets_a_field(text: str, field: str, value: object) -> None:
    changed = change(Kitchen(), parse_assignments([text]), where="--set")
    found = getattr(changed, field)
    assert found == value
    assert type(found) is type(value)


# what is asked for, and what the error says
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("haet=1e-4", "key 'haet': no such setting; expected one of heat, pots, lid"),
        ("haet=1e-4", "Did you mean 'heat'?"),
        ("heat=warm", "key 'heat': 'warm'; expected input should be a valid number"),
        ("heat=true", "key 'heat': True"),
        ("heat=-1", "greater than 0"),
        ("pots=2.5", "valid integer"),
        ("lid=1", "valid boolean"),
        ("kind=coal", "'gas' or 'wood'"),
        ("limit=0", "greater than 0"),
        ("spices=hot", "valid number. Separate values by commas, e.g. spices=0.5,1.0."),
        ("spices=0.5;1", "e.g. spices=0.5,1.0."),
        ("spices=1,", "e.g. spices=0.5,1.0."),
        ('spices=[1, "hot"]', "e.g. spices=0.5,1.0."),
        ("heat=1,2", "valid number"),
        ("pots=none", "valid integer"),  # None only where the field may be that
    ],
)
def test_a_wrong_assignment_is_refused(text: str, words: str) -> None:
    with pytest.raises(UsageError) as told:
        change(Kitchen(), parse_assignments([text]), where="--set")
    assert words in str(told.value)


@pytest.mark.parametrize("text", ["heat", "=3", "heat=", ""])
def test_what_is_no_assignment_is_told(text: str) -> None:
    with pytest.raises(UsageError, match="key=value"):
        parse_assignments([text])


def test_settings_are_written_and_read_again(tmp_path: Path) -> None:
    settings = Kitchen(heat=0.25, limit=None, spices=(2.0,), kind="wood", lid=False)
    file = tmp_path / "kitchen.toml"
    file.write_text(settings_to_toml(settings), "utf-8")
    assert read_settings(Kitchen(), file) == settings


def test_a_file_names_only_what_it_changes(tmp_path: Path) -> None:
    file = tmp_path / "kitchen.toml"
    file.write_text("pots = 7\n", "utf-8")
    assert read_settings(Kitchen(heat=0.5), file) == Kitchen(heat=0.5, pots=7)


@pytest.mark.parametrize("content", ["pots = ", "[kitchen]\npots = 3\n"])
def test_a_file_that_is_no_settings_is_refused(content: str, tmp_path: Path) -> None:
    file = tmp_path / "kitchen.toml"
    file.write_text(content, "utf-8")
    with pytest.raises(UsageError, match=r"kitchen\.toml"):
        read_settings(Kitchen(), file)
    with pytest.raises(UsageError, match="cannot be read"):
        read_settings(Kitchen(), tmp_path / "absent.toml")
