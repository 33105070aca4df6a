"""The folder of a job, and the JSON files in it: held alone, never mixed, whole or refused."""

import json
from pathlib import Path

import pytest

from vstain_bench.base.files import make_folder, parse_json, publish_json, read_json
from vstain_bench.base.jobs import JobFolder, differences
from vstain_bench.errors import MachineError, UsageError


def test_a_second_process_is_refused_and_an_empty_folder_is_removed(tmp_path: Path) -> None:
    folder = JobFolder(tmp_path / "deep" / "out")
    with folder.claimed(), pytest.raises(MachineError, match="another run is using the folder"), folder.claimed():
        pass
    assert not folder.path.exists()
    with folder.claimed():
        folder.write_facts({"seed": 1})
    assert json.loads(folder.run.read_text("utf-8")) == {"seed": 1}


def test_every_difference_is_named_however_deep(tmp_path: Path) -> None:
    kept = {"seed": 0, "models": {"a": "x", "b": "y"}, "old": [1]}
    wanted = {"seed": 0, "models": {"a": "x", "b": Path("z").name}, "new": (1, 2)}
    JobFolder(tmp_path).require_same({"pair": [1, 2]}, {"pair": (1, 2)})
    with pytest.raises(UsageError, match="the folder holds another run") as refused:
        JobFolder(tmp_path).require_same(kept, wanted)
    lines = str(refused.value).splitlines()
    assert '  models.b: "y" there, "z" now' in lines
    assert "  new: null there, [1, 2] now" in lines
    assert "  old: [1] there, null now" in lines
    assert not any("seed" in line or "models.a" in line for line in lines)
    assert differences({"text": "a" * 200}, {}, "here", "there")[0].endswith("... here, null there")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "it is not JSON"),
        ("[]", "no JSON object; expected a card"),
        ("{}", "schema_version None, expected '1.0'"),
        ('{"schema_version": "2.0"}', "schema_version '2.0', expected '1.0'"),
    ],
)
def test_json_of_another_kind_or_version_is_refused(text: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"card\.json") as refused:
        parse_json(text, "card.json", "a card", version=("schema_version", "1.0"), next_step="Make it anew.")
    assert words in str(refused.value)
    assert str(refused.value).endswith("Make it anew.")
    with pytest.raises(MachineError, match="it cannot be read"):
        read_json(tmp_path / "none.json", "a card", fault=MachineError)
    publish_json(tmp_path / "card.json", {"schema_version": "1.0"})
    assert read_json(tmp_path / "card.json", "a card", version=("schema_version", "1.0"))


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", "utf-8")
    with pytest.raises(MachineError, match="--out here: the folder cannot be made"):
        make_folder(tmp_path / "file" / "below", "--out here")
