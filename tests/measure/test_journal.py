"""The journal: what is acknowledged stays, what is not leaves no trace, another run is refused."""

from pathlib import Path

import numpy as np
import pytest

from vstain_bench.errors import MachineError, UsageError
from vstain_bench.measure.journal import Entry, Journal

FEATURES = np.arange(6, dtype=np.float32).reshape(2, 3)


def entry(tiles: tuple[str, ...] = ("b", "a"), data: np.ndarray = FEATURES, gap: str = "") -> Entry:
    return Entry("model", "features", tiles, data, gap)


def test_rows_come_back_bit_for_bit_in_the_order_of_ids(tmp_path: Path) -> None:
    with Journal(tmp_path / "j") as journal:
        journal.acknowledge({"b": {}, "a": {}}, [entry()])
    with Journal(tmp_path / "j") as journal:
        ids, rows = journal.rows("model", "features")
    assert ids == ("a", "b")
    assert rows.dtype == np.float32
    assert np.array_equal(rows, FEATURES[::-1])


def test_a_batch_is_kept_whole_or_not_at_all(tmp_path: Path) -> None:
    with Journal(tmp_path / "j") as journal:
        with pytest.raises(ValueError, match="zip"):
            journal.acknowledge({"a": {}, "b": {}}, [entry(), entry(("a",), FEATURES)])
        assert journal.done() == {}
        assert journal.rows("model", "features")[0] == ()


def test_tiles_without_a_value_stand_beside_tiles_with_features(tmp_path: Path) -> None:
    with Journal(tmp_path / "j") as journal:
        journal.acknowledge({"a": {}}, [entry(("a",), np.full((1, 1), np.nan), "no embeddings")])
        journal.acknowledge({"b": {}}, [entry(("b",), FEATURES[:1])])
        ids, rows = journal.rows("model", "features")
        assert journal.gap("model", "features") == "no embeddings"
    assert ids == ("a", "b")
    assert np.isnan(rows[0]).all()
    assert np.array_equal(rows[1], FEATURES[0])


def test_another_configuration_is_refused_with_every_difference(tmp_path: Path) -> None:
    with Journal(tmp_path / "j") as journal:
        journal.claim({"seed": 0, "metrics": ["ssim"]})
        journal.claim({"metrics": ["ssim"], "seed": 0})
        with pytest.raises(UsageError, match=r"(?s)metrics: \[\"ssim\"\] there, \[\"css\"\] now.*seed: 0 there, 1 now"):
            journal.claim({"seed": 1, "metrics": ["css"]})


def test_a_file_that_is_no_journal_is_refused_and_kept(tmp_path: Path) -> None:
    (tmp_path / "j").write_bytes(b"no database" * 100)
    with pytest.raises(MachineError, match="cannot be opened"):
        Journal(tmp_path / "j")
    assert (tmp_path / "j").read_bytes() == b"no database" * 100
