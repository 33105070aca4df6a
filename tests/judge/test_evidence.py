"""What a finished run gives for comparisons: the numbers behind its table, and reasons where there are none."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.records import record
from vstain_bench.base.config import make_config
from vstain_bench.errors import UsageError
from vstain_bench.judge.evidence import Evidence, name_runs
from vstain_bench.measure.run import run
from vstain_bench.phantom import PhantomSet
from vstain_bench.results.folder import RunFolder
from vstain_bench.types import Metric


@pytest.fixture(scope="module")
def finished(phantom: PhantomSet, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    config = make_config({
        "generated": dict(phantom.models), "manifest": phantom.manifest, "metrics": "ssim(sigma=1.2),kd_random",
        "controls": 0, "workers": 0,
    })  # fmt: skip
    return run(config, tmp_path_factory.mktemp("evidence") / "run").folder


@pytest.fixture
def damaged(finished: RunFolder, tmp_path: Path) -> RunFolder:
    return RunFolder(Path(shutil.copytree(finished.path, tmp_path / "run")))


def test_values_and_rows_give_the_numbers_of_the_table(finished: RunFolder) -> None:
    evidence = Evidence(finished)
    for model in evidence.table.models:
        ssim, kernel = evidence.table.find(model, "ssim"), evidence.table.find(model, "kd_random")
        assert ssim is not None
        assert kernel is not None
        values = evidence.values(model, "ssim")
        assert values is not None
        assert values.values.mean() == pytest.approx(ssim.value, abs=1e-12)
        assert list(values.tiles) == sorted(values.tiles)
        assert set(values.groups) == {"p01", "p02", "p03"}
        assert set(values.labels) == set(evidence.table.labels())
        definition = evidence.definition(evidence.table.metric(kernel))
        assert isinstance(definition, Metric)
        rows = evidence.rows(model, definition)
        assert not isinstance(rows, str)
        assert definition.score(rows.rows) == kernel.value
        assert np.array_equal(rows.tiles, values.tiles)
    assert evidence.values(evidence.table.models[0], "kd_random") is None


def test_unknown_groups_make_every_tile_its_own(phantom: PhantomSet, tmp_path: Path) -> None:
    config = make_config({
        "generated": {"faithful": phantom.models["faithful"]}, "real": phantom.real, "metrics": "ssim",
        "controls": 0, "workers": 0, "groups": "none",
    })  # fmt: skip
    sample = Evidence(run(config, tmp_path / "run").folder).values("faithful", "ssim")
    assert sample is not None
    assert list(sample.groups) == list(sample.tiles)


def test_a_missing_journal_is_a_reason(damaged: RunFolder) -> None:
    damaged.journal.unlink()
    evidence = Evidence(damaged)
    row = evidence.table.find("faithful", "kd_random")
    assert row is not None
    definition = evidence.definition(evidence.table.metric(row))
    assert isinstance(definition, Metric)
    assert evidence.rows("faithful", definition) == (
        "journal.sqlite is missing, which keeps what 'kd_random' is computed from"
    )
    assert evidence.values("faithful", "ssim") is not None


def test_a_model_that_the_journal_does_not_know_is_a_reason(damaged: RunFolder) -> None:
    evidence = Evidence(damaged)
    definition = evidence.definition(evidence.table.metrics[1])
    assert isinstance(definition, Metric)
    assert evidence.rows("nobody", definition) == "journal.sqlite keeps nothing of 'kd_random' for this model"


CONFIGS = [
    (None, "'theirs' cannot be scored again here: "),
    ("plugin = ['/no/such/file.py']\n", "no such Python file"),
    ("metrics = 'ssim'\n", "metric 'theirs': unknown name"),
]


@pytest.mark.parametrize(("config", "words"), CONFIGS, ids=str)
def test_a_definition_that_cannot_be_made_is_a_reason(damaged: RunFolder, config: str | None, words: str) -> None:
    damaged.config.unlink() if config is None else damaged.config.write_text(config, "utf-8")
    found = Evidence(damaged).definition(record("theirs|cmp:generated-real|v:1"))
    assert isinstance(found, str)
    assert words in found


def test_another_definition_of_the_same_name_is_not_taken(damaged: RunFolder) -> None:
    evidence = Evidence(damaged)
    found = evidence.definition(record(evidence.table.metrics[0].signature.replace("v:1", "v:7")))
    assert isinstance(found, str)
    assert found.startswith("'ssim' is defined otherwise here: ssim|")


def test_pairs_that_lack_a_tile_or_a_column_are_refused(damaged: RunFolder) -> None:
    lines = damaged.pairs.read_text("utf-8").splitlines()
    damaged.pairs.write_text("\n".join(lines[:-1]) + "\n", "utf-8")
    with pytest.raises(UsageError, match="lacks 1 of the tiles that were scored"):
        Evidence(damaged).values("faithful", "ssim")
    damaged.pairs.write_text("name\nx\n", "utf-8")
    with pytest.raises(UsageError, match=r"pairs\.csv: it cannot be read"):
        Evidence(damaged).values("faithful", "ssim")


def test_runs_are_named_by_what_tells_them_apart(tmp_path: Path) -> None:
    paths = [tmp_path / "a" / "run", tmp_path / "b" / "run", tmp_path / "b" / "other"]
    assert list(name_runs(paths)) == ["a/run", "b/run", "b/other"]
    assert list(name_runs(paths[1:])) == ["run", "other"]
    with pytest.raises(UsageError, match="given twice"):
        name_runs([paths[0], tmp_path / "a" / ".." / "a" / "run"])
