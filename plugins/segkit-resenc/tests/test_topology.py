"""How networks are laid out: as nnU-Net's published plans are."""

import pytest

from segkit_resenc.topology import topology


def test_the_hippocampus_is_halved_three_times() -> None:
    """nnU-Net's 3d_fullres plan of Task04: patch 40 x 56 x 40 at 1 mm, four stages."""
    found = topology((40, 56, 40), (1.0, 1.0, 1.0), None)
    assert found.strides == ((1, 1, 1), (2, 2, 2), (2, 2, 2), (2, 2, 2))
    assert found.kernels == ((3, 3, 3),) * 4
    assert found.multiples == (8, 8, 8)


def test_thick_slices_are_halved_later() -> None:
    """nnU-Net's 3d_fullres plan of Task05, prostate: patch 20 x 320 x 256 at 3.6 x 0.625 x 0.625 mm."""
    found = topology((20, 320, 256), (3.6, 0.625, 0.625), None)
    assert found.strides == ((1, 1, 1), (1, 2, 2), (1, 2, 2), (2, 2, 2), (2, 2, 2), (1, 2, 2), (1, 2, 2))
    assert found.kernels == ((1, 3, 3), (1, 3, 3), *((3, 3, 3),) * 5)


@pytest.mark.parametrize(("size", "stages"), [((8, 8), 2), ((128, 128), 6), ((256, 512), 8), ((4, 4), 2)])
def test_planes(size, stages) -> None:
    """As long as four cells a side are left, and two stages at least."""
    assert len(topology(size, None, None).strides) == stages


def test_a_number_of_stages_is_kept_to() -> None:
    """Fewer, and more than the size would ask for."""
    assert [len(topology((64, 64), None, stages).strides) for stages in (2, 4, 7)] == [2, 4, 7]
