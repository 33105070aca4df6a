"""Whatever the bytes are: pixels in [0, 1] of the size that was announced, or one of two errors."""

import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from tests.images.fuzzing import CHANGES, NOISE, POLICIES, SEEDS, Mutation, mutate, survive
from tests.images.image_files import png, with_checksums
from vstain_bench.images.reader import DecodePolicy

MUTATION = st.tuples(st.floats(0, 1, exclude_max=True), st.sampled_from(CHANGES), st.integers(0, 255))


@pytest.mark.parametrize("kind", SEEDS)
def test_only_two_errors_escape(kind: str) -> None:
    repairs: list[Callable[[bytes], bytes]] = [bytes, with_checksums] if kind == "png" else [bytes]
    outcomes: set[str] = set()

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tile.png"

        @settings(
            max_examples=250, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
        )
        @given(
            seed=st.sampled_from(SEEDS[kind]),
            mutations=st.lists(MUTATION, max_size=6),
            repair=st.sampled_from(repairs),
            policy=st.sampled_from(POLICIES),
        )
        def check(
            seed: bytes, mutations: list[Mutation], repair: Callable[[bytes], bytes], policy: DecodePolicy
        ) -> None:
            outcome = survive(path, repair(mutate(seed, mutations)), policy)
            event(outcome)
            outcomes.add(outcome)

        check()
    assert {"pixels", "DecodeError"} <= outcomes  # the seeds are good, and damage is seen


def test_the_guard_can_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("vstain_bench.images.reader._info", crash)
    with pytest.raises(ZeroDivisionError):
        survive(tmp_path / "tile.png", png(NOISE), DecodePolicy())
