"""The part of a large image that is explained: what can be written, and what lies inside."""

from __future__ import annotations

import numpy as np
import pytest

from segkit import UsageError
from segkit.explain.region import Region


def test_a_region_is_column_row_width_and_height() -> None:
    """x and y are the corner, in the image's own pixels, of image and mask alike."""
    image = np.arange(2 * 20 * 30).reshape(2, 20, 30)
    region = Region.parse("5, 3,10,7")
    assert np.array_equal(region.of(image), image[:, 3:10, 5:15])
    assert np.array_equal(region.of(image[0]), image[0, 3:10, 5:15])
    assert str(region) == "5,3,10,7"


@pytest.mark.parametrize(
    "text", ["", "1,2,3", "1,2,3,4,5", "-1,2,3,4", "1,2,0,4", "1.5,2,3,4", "a,b,c,d", "²,2,3,4", "1,2,3," + "9" * 5000]
)
def test_what_is_no_region(text: str) -> None:
    """Fewer numbers, negative ones, an area of nothing: refused with the way to write one."""
    with pytest.raises(UsageError, match="is no region") as told:
        Region.parse(text)
    assert "x,y,w,h" in told.value.hint


def test_a_region_lies_inside() -> None:
    """One that reaches over the border is refused with the image's size."""
    with pytest.raises(UsageError, match="reaches over an image of 30 x 20 pixels"):
        Region.parse("25,0,10,5").of(np.zeros((20, 30)))
    with pytest.raises(UsageError, match="reaches over"):
        Region.parse("0,19,1,2").of(np.zeros((3, 20, 30)))
