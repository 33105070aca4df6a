"""Windows: where they lie, and that cross-fading changes nothing that the network did not."""

import itertools

import numpy as np
import pytest
import torch

from vstain_bench.models.predict.windows import lay_windows, starts, through_windows
from vstain_bench.types import Images


def picture(height: int, width: int, seed: int = 0) -> Images:
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(seed))


# length, window, overlap, multiple
SIDES = [
    (100, 64, 16, 1),
    (65, 64, 0, 1),
    (65, 64, 63, 1),  # as many windows as pixels may come
    (1024, 512, 64, 32),
    (4096, 1024, 100, 16),  # an overlap that is no multiple
    (96, 32, 8, 32),  # an overlap smaller than the multiple
]


@pytest.mark.parametrize(("length", "window", "overlap", "multiple"), SIDES)
def test_windows_cover_a_side_with_at_least_the_overlap(length: int, window: int, overlap: int, multiple: int) -> None:
    found = starts(length, window, overlap, multiple)
    assert found[0] == 0
    assert found[-1] == length - window
    assert all(start % multiple == 0 for start in found)
    gaps = [after - before for before, after in itertools.pairwise(found)]
    assert min(gaps) > 0
    assert max(gaps) <= max(window - overlap, multiple)
    assert max(gaps) - min(gaps) <= multiple, "evenly spread"
    stride = max((window - overlap) // multiple, 1) * multiple
    assert (len(found) - 2) * stride < length - window, "one window less would not reach"


def test_a_side_within_the_window_has_one() -> None:
    assert starts(64, 64, 16) == starts(40, 64, 16) == (0,)


@pytest.mark.parametrize("size", [(64, 64), (100, 131), (65, 300), (200, 40), (301, 302)])
@pytest.mark.parametrize("overlap", [0, 1, 16, 31, 63])
def test_a_network_that_changes_nothing_gives_back_the_same_bits(size: tuple[int, int], overlap: int) -> None:
    image = picture(*size)
    for batch_size in (1, 3):
        made = through_windows(image, lay_windows(size, 64, overlap), lambda windows: windows, batch_size=batch_size)
        assert torch.equal(made, image)


def test_weights_are_those_of_the_formula_and_sum_to_one() -> None:
    """Each window painted with its own number: the canvas is then the weighted mean, computed here in plain sums."""
    height, width, window, overlap = 100, 150, 64, 24
    windows = lay_windows((height, width), window, overlap)
    numbers = iter(range(100))
    made = through_windows(
        picture(height, width), windows, lambda each: torch.full_like(each, float(next(numbers))), batch_size=1
    )

    def shares(places: tuple[int, ...], length: int) -> np.ndarray:
        """The weight of each window along one side, (windows, length)."""
        found = np.zeros((len(places), length))
        for number, start in enumerate(places):
            fade = np.ones(window)
            if number:
                both = places[number - 1] + window - start
                fade[:both] = np.sin(np.pi / 2 * (np.arange(both) + 0.5) / both) ** 2
            found[:, start : start + window] *= 1 - fade
            found[number, start : start + window] += fade
        return found

    down, across = shares(windows.tops, height), shares(windows.lefts, width)
    assert np.allclose(down.sum(axis=0), 1)
    table = np.arange(windows.count).reshape(len(windows.tops), len(windows.lefts))
    expected = np.einsum("rh,cw,rc->hw", down, across, table)
    assert made[0, 0].numpy() == pytest.approx(expected, abs=1e-5)


def test_a_seam_is_as_smooth_as_the_fade() -> None:
    """Two windows that differ by 1: no step between neighbours is larger than the steepest of the fade, π / 2n."""
    values = iter([0.0, 1.0])
    windows = lay_windows((64, 112), 64, 16)
    assert windows.count == 2
    made = through_windows(picture(64, 112), windows, lambda each: torch.full_like(each, next(values)))
    steps = made[0, 0, 0].diff()
    assert steps.min() >= 0
    assert float(steps.max()) <= np.pi / 2 / 16 + 1e-6
    hard = iter([0.0, 1.0])
    cut = through_windows(
        picture(64, 128), lay_windows((64, 128), 64, 0), lambda each: torch.full_like(each, next(hard))
    )
    assert float(cut[0, 0, 0].diff().max()) == 1.0, "premise: without an overlap the seam is a step"


def test_no_more_windows_at_a_time_than_allowed() -> None:
    seen = []

    def note(windows: Images) -> Images:
        seen.append(len(windows))
        return windows

    through_windows(picture(64, 320), lay_windows((64, 320), 64, 0), note, batch_size=2)
    assert seen == [2, 2, 1]
