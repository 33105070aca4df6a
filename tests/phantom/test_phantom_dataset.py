"""A written phantom set is balanced, complete and reproducible, and its randomness is one endless plane."""

import csv
import hashlib
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vstain_bench.errors import MachineError
from vstain_bench.phantom import SCORES, SIMULATED_MODELS, phantom_tile, plan_phantom, write_phantom
from vstain_bench.phantom.noise import Field, generator


def test_scores_are_balanced_and_a_group_has_mostly_one():
    for groups, each in ((6, 4), (5, 3), (12, 8), (1, 1)):
        specs = plan_phantom(groups=groups, tiles_per_group=each, seed=1)
        counts = Counter(spec.label for spec in specs)
        total = groups * each
        assert {counts[label] for label in SCORES} <= {total // 4, -(-total // 4)}
        assert len({spec.tile for spec in specs}) == total
        assert len({spec.group for spec in specs}) == groups
    specs = plan_phantom(groups=6, tiles_per_group=4, seed=1)
    largest = [
        Counter(s.label for s in specs if s.group == group).most_common(1)[0][1] for group in {s.group for s in specs}
    ]
    assert np.mean(largest) >= 2.5
    assert plan_phantom(seed=1) != plan_phantom(seed=2)


def digests(folder: Path) -> dict[str, str]:
    return {
        str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


def test_folder_is_complete_and_the_same_for_any_number_of_workers(tmp_path):
    first, second = (
        write_phantom(tmp_path / str(workers), groups=2, tiles_per_group=2, size=64, seed=3, workers=workers)
        for workers in (1, 2)
    )
    assert digests(first.folder) == digests(second.folder)
    assert len(digests(first.folder)) == 4 * (2 + len(SIMULATED_MODELS)) + 1
    with first.manifest.open(newline="") as file:
        table = list(csv.DictReader(file))
    assert list(table[0]) == ["tile", "source", "real", "generated", "group", "label", "mpp"]
    for row, spec in zip(table, first.tiles, strict=True):
        assert row["tile"] == spec.tile == f"{row['group']}_{spec.seed + 1:04d}_{row['label']}"
        assert row["generated"] == f"models/faithful/{spec.tile}.png"
        assert float(row["mpp"]) == 0.5
        expected = phantom_tile(seed=spec.seed, label=spec.label, size=64, group_seed=spec.group_seed)
        for column, picture in (
            ("source", expected.source),
            ("real", expected.real),
            ("generated", expected.generated("faithful").image),
        ):
            with Image.open(first.folder / row[column]) as image:
                assert image.mode == "RGB"
                assert np.array_equal(np.asarray(image, dtype=np.float32) / np.float32(255), picture)


def test_an_interrupted_write_leaves_no_file(tmp_path, monkeypatch):
    def fail(self, target):
        raise OSError("disk gone")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(MachineError, match="disk gone"):
        write_phantom(tmp_path, groups=1, tiles_per_group=1, size=64)
    assert digests(tmp_path) == {}


# --- Noise


def test_fields_are_one_plane_however_they_are_asked():
    field = Field(("test",), (3.0, 5.0))
    rows, columns = np.arange(-200.0, 200.0, 1.7), np.arange(-50.0, 300.0, 2.3)
    grid = field.on_grid(rows, columns)
    points = field.at(*np.meshgrid(rows, columns, indexing="ij"))
    assert grid == pytest.approx(points, abs=1e-12)
    assert grid[40:60, 30:50] == pytest.approx(field.on_grid(rows[40:60], columns[30:50]), abs=1e-12)
    behind = field.at(-rows[:, None] + 0 * columns, -columns + 0 * rows[:, None])
    assert abs(np.corrcoef(grid.ravel(), behind.ravel())[0, 1]) < 0.2, "the plane is no mirror image of itself"
    assert grid.mean() == pytest.approx(0.0, abs=0.1)
    assert grid.std() == pytest.approx(1.0, abs=0.06)


def test_generators_tell_every_key_apart():
    keys = [(1,), (1, 0), (0, 1), (0,), ("a",), ("a", 0), ("b",)]
    assert len({generator(*key).random() for key in keys}) == len(keys)
