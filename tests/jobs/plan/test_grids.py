"""Which working grids there are to choose among."""

import numpy as np
import pytest

from segkit import Task
from segkit.jobs.plan.fingerprint import Fingerprint, Structure
from segkit.jobs.plan.grids import KEPT, fitted, grids_of, plane_grids


def fingerprint(shape, mask, spacing=None, count=3) -> Fingerprint:
    """Equal cases that hold one structure."""
    held = (Structure(1, float(mask.mean()), 1.0, mask, 1),)
    return Fingerprint(
        Task(1, ("a",), len(shape)), count, count, (shape,) * count, (spacing,) * count, (held,) * count, 0.1, 0
    )


def block(side: int, dims: int) -> np.ndarray:
    mask = np.zeros((side + 16,) * dims, bool)
    mask[(slice(8, -8),) * dims] = True
    return mask


def test_sides_end_at_the_median_case() -> None:
    """The largest is the first that is no smaller than the case itself; all are multiples of 32."""
    grids = grids_of(fingerprint((180, 180), block(60, 2)), "images", square=True)
    assert [grid.size for grid in grids] == [(side, side) for side in (64, 96, 128, 160, 192)]
    assert all(grid.kept >= KEPT for grid in grids)


def test_thin_structures_rule_coarse_grids_out() -> None:
    """A line of two pixels on 512 is kept by the finest grids alone."""
    line = np.zeros((40, 400), bool)
    line[20:22, 10:-10] = True
    grids = grids_of(fingerprint((512, 512), line), "images", square=True)
    assert min(grid.size[0] for grid in grids) >= 224
    assert len(plane_grids(fingerprint((512, 512), line), square=True)) > len(grids)


def test_planes_keep_the_proportions_of_the_cases_where_nothing_wants_squares() -> None:
    """Twice as wide as high, in multiples of 32."""
    grids = grids_of(fingerprint((256, 512), block(60, 2)), "images", square=False)
    assert all(grid.size[0] < grid.size[1] for grid in grids)
    assert all(side % 32 == 0 for grid in grids for side in grid.size)


@pytest.mark.parametrize(
    ("shape", "most", "patch"),
    [((36, 52, 35), 64**3, (40, 56, 40)), ((36, 52, 35), 32**3, (32, 32, 32)), ((10, 300, 300), 48**3, (16, 80, 80))],
)
def test_patches_lose_their_longest_sides_first(shape, most, patch) -> None:
    """The whole volume in multiples of 8 where it fits."""
    assert fitted(shape, most) == patch


def test_large_volumes_are_made_coarser_for_the_sake_of_what_is_around() -> None:
    """A small patch of a large volume spans half of it at a coarser spacing, a large one at a finer one."""
    grids = grids_of(fingerprint((200, 200, 200), block(60, 3), (1.0, 1.0, 1.0)), "patches", square=False)
    spacings = [grid.spacing[0] for grid in grids]
    assert spacings[0] == 3.0
    assert spacings == sorted(spacings, reverse=True)
    assert spacings[-1] < 2
    voxels = [grid.cells for grid in grids]
    assert voxels == sorted(voxels)


def test_without_a_spacing_none_is_chosen() -> None:
    """Every case is taken as it is."""
    grids = grids_of(fingerprint((64, 64, 64), block(20, 3)), "patches", square=False)
    assert {grid.spacing for grid in grids} == {None}
