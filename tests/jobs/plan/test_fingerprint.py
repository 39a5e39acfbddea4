"""What is read of the training split."""

import numpy as np
import pytest

from segkit import Case, Sample, SegkitError, Task
from segkit.data.large_array import LargeArray
from segkit.jobs.plan import fingerprint
from segkit.jobs.plan.fingerprint import read_fingerprint, round_trip, spread, thickness


class Shapes:
    """Cases made of arrays."""

    def __init__(self, samples: list[Sample], task: Task) -> None:
        self.samples, self.task = samples, task

    def read(self, case: Case) -> Sample:
        return self.samples[int(case.id)]


def disc(side: int, radius: float, dims: int = 2) -> np.ndarray:
    """A ball in the middle of a grid."""
    axes = np.meshgrid(*(np.arange(side) - (side - 1) / 2,) * dims, indexing="ij")
    return sum(axis**2 for axis in axes) <= radius**2


def look(samples: list[Sample], classes: int = 1):
    cases = [Case(str(number)) for number in range(len(samples))]
    task = Task(1, tuple("abc"[:classes]), len(samples[0].shape))
    return read_fingerprint(Shapes(samples, task), cases, "shapes", workers=1, progress=lambda done, total: None)


def sample(mask: np.ndarray | None, shape: tuple[int, ...], spacing: tuple[float, ...] | None = None) -> Sample:
    return Sample(np.zeros((1, *shape), np.float32), mask, spacing)


def test_thickness_is_the_diameter_of_the_largest_ball_inside() -> None:
    """Of a bar its short side; of a disc its diameter, whatever else the grid holds."""
    bar = np.zeros((40, 60), bool)
    bar[10:15, 5:55] = True
    assert thickness(bar) == 5
    assert thickness(disc(41, 10)) == pytest.approx(20, abs=1.2)
    assert thickness(disc(31, 8, 3)) == pytest.approx(16, abs=1.2)


@pytest.mark.parametrize("dims", [2, 3])
def test_a_coarser_grid_keeps_less_of_what_is_thin(dims: int) -> None:
    """All on its own grid; nearly all of a large ball at half of it; a line of one pixel is lost at a quarter."""
    ball = disc(48, 18, dims)
    assert round_trip(ball, [1.0] * dims) == 1.0
    assert round_trip(ball, [2.0] * dims) > 0.97
    line = np.zeros((48,) * dims, bool)
    line[24] = True
    assert round_trip(line, [4.0] * dims) < 0.5


def test_the_fingerprint_counts_cases_shares_and_sizes() -> None:
    """Medians of shapes and spacings; how many cases hold a class, and what share of them it takes."""
    masks = [np.zeros((20, 30), np.uint8) for _ in range(3)]
    masks[0][:10], masks[1][0, :6] = 1, 2
    found = look([sample(mask, mask.shape) for mask in masks], classes=2)
    assert (found.shape, found.spacing, found.cases) == ((20, 30), None, 3)
    assert [found.held_in(label) for label in (1, 2)] == [1, 1]
    assert [found.share_of(label) for label in (1, 2)] == [0.5, 0.01]
    assert found.thinnest == (2, 1.0)


def test_what_is_not_in_memory_is_read_as_what_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """A mask of which every third pixel is looked at is the same to it, read by parts or at once."""
    monkeypatch.setattr(fingerprint, "MOST_CELLS", 1000)
    mask = disc(90, 20).astype(np.uint8)
    held = sample(mask, mask.shape)
    apart = Sample(Parts(held.image), Parts(mask))
    found, expected = look([apart]), look([held])
    assert (found.shape, found.thinnest) == (expected.shape, expected.thinnest)
    assert found.share_of(1) == expected.share_of(1) > 0


class Parts(LargeArray):
    """An array that is in memory after all."""

    def __init__(self, values: np.ndarray) -> None:
        self.values, self.shape, self.dtype = values, values.shape, values.dtype

    def read(self, rows: slice, columns: slice) -> np.ndarray:
        """Return a rectangle."""
        return self.values[..., rows, columns].copy()


def test_spacing_that_varies_is_seen() -> None:
    """The largest ratio along one axis, and the coarse axis of the median."""
    mask = np.ones((6, 8, 8), np.uint8)
    spacings = [(0.5, 1.0, 1.0), (5.0, 1.0, 1.0), (5.0, 1.0, 1.0)]
    found = look([sample(mask, mask.shape, spacing) for spacing in spacings])
    assert found.spacing_ratio == 10
    assert found.coarse == 0


def test_a_case_without_a_mask_is_an_error() -> None:
    """Training needs one."""
    with pytest.raises(SegkitError, match="case 0 has no mask"):
        look([sample(None, (8, 8))])


def test_cases_are_spread_evenly() -> None:
    """At most so many, the first among them."""
    assert spread(list(range(10)), 4) == [0, 2, 5, 7]  # type: ignore[arg-type]
    assert spread([1, 2], 4) == [1, 2]  # type: ignore[list-item]
