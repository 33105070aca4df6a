"""Options are the fields of a configuration: type, help, limits, default and name, written once."""

from pathlib import Path
from typing import Literal

import pytest
import typer

from vstain_bench.base.config import Config, ModelFolders, Names, option
from vstain_bench.cli import options
from vstain_bench.cli.main import call
from vstain_bench.errors import UsageError


class Kettle(Config):
    brand: str = option(..., "Who made it.", metavar="BRAND")
    water: float = option(1.5, "In litres.", gt=0)
    cups: int | None = option(None, "How many.", shown="as many as fit", ge=1, le=12)
    heat: Literal["low", "high"] = option("low", "How hot.")
    herbs: tuple[Path, ...] = option((), "What goes in.", name="--herb")
    guests: Names = option((), "Who drinks, with commas.")
    whistle: bool = option(False, "Whether it is heard.")
    lid: bool | None = option(None, "Whether it is closed.", shown="if there is one")
    pots: ModelFolders = option({}, "Folders.")


def brew(tmp_path: Path, *arguments: str, text: str = "") -> Kettle:
    """Return what the verb ``brew`` is called with."""
    app, called = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False), []

    @app.command()
    @options.configured(Kettle, file=True)
    def verb(out: Path, settings: Kettle, quiet: options.Quiet = False) -> int:
        """Brew."""
        called.append(settings)
        return 0

    file = tmp_path / "kettle.toml"
    file.write_text(text, "utf-8")
    app([str(tmp_path), *arguments, "--config", str(file)], standalone_mode=False)
    assert len(called) == 1
    return called[0]


def test_options_override_the_file_and_the_file_the_defaults(tmp_path: Path) -> None:
    made = brew(tmp_path, "Acme", "--cups", "3", "--whistle", text='cups = 2\nwater = 0.5\npots = {a = "x"}\n')
    assert made == Kettle(brand="Acme", cups=3, water=0.5, whistle=True, pots={"a": Path("x")})
    assert brew(tmp_path, "Acme") == Kettle(brand="Acme")


def test_every_kind_of_field_is_read(tmp_path: Path) -> None:
    given = ["--herb", "mint", "--herb", "sage", "--guests", "Ann, Bob", "--no-lid", "--heat", "high", "--pots", "a=x"]
    made = brew(tmp_path, "Acme", *given)
    assert made.herbs == (Path("mint"), Path("sage"))
    assert (made.guests, made.lid, made.heat, made.pots) == (("Ann", "Bob"), False, "high", {"a": Path("x")})


FAULTS = [
    (["--cups", "13"], "", "less than or equal to 12"),  # limits that typer knows are refused by it
    (["--heat", "hot"], "", "'low', 'high'"),
    (["--water", "0"], "", "--water: 0.0; expected input should be greater than 0"),  # the others by the configuration
    ([], "cups = 0", "key 'cups': 0; expected input should be greater than or equal to 1"),
    ([], "cupz = 2", "key 'cupz': 2. Did you mean 'cups'?"),
    ([], "cups: 2", "it cannot be read"),
]


@pytest.mark.parametrize(("arguments", "text", "words"), FAULTS, ids=lambda value: str(value)[:30])
def test_a_wrong_value_is_named_with_its_option_or_key(
    tmp_path: Path, arguments: list[str], text: str, words: str
) -> None:
    with pytest.raises((UsageError, typer.TyperException)) as fault:
        brew(tmp_path, "Acme", *arguments, text=text)
    assert words in str(fault.value)


@pytest.mark.parametrize(
    ("verb", "words"),
    [
        (
            "run",
            ["[GENERATED...]", "--on-error <fail|skip>", "[default: (50); x>=0]", "intervals. [default: (0)]"],
        ),
        ("train", ["RECIPE", "--recipe <path>", "--set <list[str]>", "--no-channels-last", "(train, if any)"]),
        ("predict", ["ADAPTER", "--window <str>", "[default: (PNG); 1<=x<=100]"]),
        ("stress", ["[RUN | GENERATED]...", "--perturb <generated|real|both|source>", "[default: (stress)]"]),
    ],
)
def test_help_says_what_the_fields_say(verb: str, words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert call([verb, "--help"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert [each for each in words if " ".join(each.split()) not in text] == []
