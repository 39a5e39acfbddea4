"""How networks are laid out: as nnU-Net does it, for its weights fit no other network."""

import pytest

from segkit_resenc.topology import topology


def test_the_hippocampus_is_halved_three_times() -> None:
    """nnU-Net's 3d_fullres plan of Task04: patch 40 x 56 x 40 at 1 mm, four stages."""
    found = topology((40, 56, 40), (1.0, 1.0, 1.0), None)
    assert found.strides == ((1, 1, 1), (2, 2, 2), (2, 2, 2), (2, 2, 2))
    assert found.kernels == ((3, 3, 3),) * 4
    assert found.multiples == (8, 8, 8)


def test_thick_slices_are_halved_later() -> None:
    """nnU-Net 2's 3d_fullres plan of Task05, prostate: patch 20 x 320 x 256 at 3.6 x 0.625 x 0.625 mm."""
    found = topology((20, 320, 256), (3.6, 0.625, 0.625), None)
    assert found.strides == ((1, 1, 1), (1, 2, 2), (1, 2, 2), (2, 2, 2), (2, 2, 2), (1, 2, 2), (1, 2, 2))
    assert found.kernels == ((1, 3, 3), (1, 3, 3), *((3, 3, 3),) * 5)


PLANS = {
    "2d, 512x448": ((512, 448), (0.296875, 0.296875), "22 22 22 22 22 22", "33 33 33 33 33 33 33"),
    "2d, 512x512": ((512, 512), (0.78515625, 0.81640625), "22 22 22 22 22 22 22", "33 33 33 33 33 33 33 33"),
    "vessels": (
        (64, 192, 160),
        (0.5999993681907654, 0.296875, 0.296875),
        "122 222 222 222 222",
        "133 333 333 333 333 333",
    ),
    "vessels, coarse": (
        (64, 224, 160),
        (1.0521025239649437, 0.5361892727924824, 0.5361892727924824),
        "222 222 222 222 122",
        "333 333 333 333 333 333",
    ),
    "whole body": (
        (128, 128, 128),
        (3.0, 2.0364201068878174, 2.0364201068878174),
        "222 222 222 222 222",
        "333 333 333 333 333 333",
    ),
}
"""Size, spacing, strides and kernels in the plans files that people published with their networks: those of
PengchengShi1220/NexToU, NIH-MIP/FDG-PET-CT_AI and cemmacabales/nnunetv2_3DKidney on GitHub."""


def sides(text):
    """Read strides or kernels, a digit for each axis."""
    return tuple(tuple(map(int, stage)) for stage in text.split())


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_published_plans(plan) -> None:
    """The plans files of nnU-Net 2 say the same; the last axis of 512x448 that could be halved is left alone."""
    size, spacing, strides, kernels = plan
    found = topology(size, spacing, None)
    assert found.strides == ((1,) * len(size), *sides(strides))
    assert found.kernels == sides(kernels)


ODD = [
    ((9, 17), (1.0, 1.0), "22", "33 33"),
    ((15, 15), (1.0, 1.0), "22 22", "33 33 33"),
    ((15, 30, 30), (1.0, 1.0, 1.0), "222 222 122", "333 333 333 333"),
    ((5, 108), (1.0, 4.6), "12 12 12 12", "31 31 31 31 33"),
    ((91, 4, 76), (3.5, 1.0, 5.7), "212 212 212 212", "131 131 131 131 333"),
]
"""What nnU-Net 2.8.1's `get_pool_and_conv_props` gives for sizes and spacings that are no multiples of anything."""


@pytest.mark.parametrize(("size", "spacing", "strides", "kernels"), ODD, ids=[str(one[0]) for one in ODD])
def test_odd_sizes(size, spacing, strides, kernels) -> None:
    """An odd side is halved upwards, and the coarsest map is convolved along every axis."""
    found = topology(size, spacing, None)
    assert found.strides == ((1,) * len(size), *sides(strides))
    assert found.kernels == sides(kernels)


@pytest.mark.parametrize(("size", "stages"), [((8, 8), 2), ((128, 128), 6), ((256, 512), 7), ((4, 4), 2)])
def test_planes(size, stages) -> None:
    """As long as four cells a side are left, and two stages at least."""
    assert len(topology(size, None, None).strides) == stages


def test_a_number_of_stages_is_kept_to() -> None:
    """Fewer, and more than the size would ask for."""
    assert [len(topology((64, 64), None, stages).strides) for stages in (2, 4, 7)] == [2, 4, 7]
