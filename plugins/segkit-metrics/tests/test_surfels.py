"""Areas of surface elements against solids of known surface, their symmetries and DeepMind's table."""

import itertools
import math

import numpy as np
import pytest

from segkit_metrics.surfels import areas, corners, surface_elements


def area_of(inside, spacing):
    """The whole surface of a shape."""
    return surface_elements(np.asarray(inside, bool), (0,) * np.ndim(inside), spacing)[1].sum()


def test_one_voxel_is_an_octahedron():
    """One voxel's surface passes half a step from its centre: eight triangles, 4 lines in 2D."""
    assert area_of([[[1]]], (1.0, 1.0, 1.0)) == pytest.approx(math.sqrt(3))
    assert area_of([[1]], (1.0, 1.0)) == pytest.approx(4 * math.sqrt(0.5))
    a, b = 1.5, 0.4
    assert area_of([[1]], (2 * a, 2 * b)) == pytest.approx(4 * math.hypot(a, b))


def test_a_block_has_flat_faces_and_cut_edges():
    """A block of n voxels a side: six squares of n - 1, twelve edges cut at 45 degrees, eight corner triangles."""
    n = 5
    expected = 6 * (n - 1) ** 2 + 12 * (n - 1) * math.sqrt(0.5) + 8 * math.sqrt(3) / 8
    assert area_of(np.ones((n, n, n)), (1.0, 1.0, 1.0)) == pytest.approx(expected)
    assert area_of(np.ones((n, n)), (1.0, 1.0)) == pytest.approx(4 * (n - 1) + 4 * math.sqrt(0.5))


@pytest.mark.parametrize("spacing", [(1.0, 1.7), (1.0, 1.7, 2.3)])
def test_complement_and_mirror_images_have_the_same_surface(spacing):
    """Inside and outside may change places, and every axis may be mirrored."""
    table, dims = areas(spacing), len(spacing)
    np.testing.assert_allclose(table, table[::-1])
    places = corners(dims)
    for axis in range(dims):
        mirrored = [places.index((*c[:axis], 1 - c[axis], *c[axis + 1 :])) for c in places]
        for code in range(len(table)):
            image = sum((code >> bit & 1) << mirrored[bit] for bit in range(len(places)))
            assert table[image] == pytest.approx(table[code], rel=1e-12)


def test_axes_may_change_places_with_their_spacing():
    """The area belongs to the shape, not to the order of its axes."""
    generator = np.random.default_rng(0)
    shape, spacing = generator.random((4, 5, 6)) < 0.5, (1.0, 1.7, 2.3)
    expected = area_of(shape, spacing)
    for order in itertools.permutations(range(3)):
        turned = area_of(shape.transpose(order), tuple(spacing[axis] for axis in order))
        assert turned == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (5.0, 0.8, 0.8), (0.6, 2.9, 1.1)])
def test_every_pattern_has_the_area_of_the_peer(spacing):
    """All 256 patterns as DeepMind's surface-distance has them, where it is installed."""
    tables = pytest.importorskip("surface_distance.lookup_tables")
    theirs = tables.create_table_neighbour_code_to_surface_area(spacing)
    places = corners(3)
    for code in range(256):
        pattern = sum(int(tables.ENCODE_NEIGHBOURHOOD_3D_KERNEL[c]) for bit, c in enumerate(places) if code >> bit & 1)
        assert areas(spacing)[code] == pytest.approx(theirs[pattern], rel=1e-9)
