"""Windows of another size than in training."""

import pytest

from segkit.errors import UsageError
from segkit.planning.shown import check_window


@pytest.mark.parametrize(
    ("window", "mode", "sized", "said"),
    [
        ((32, 32), "images", False, "in mode images an image is not shown window by window"),
        ((32, 32), "slices", False, "in mode slices"),
        ((32, 32), "patches", False, "has 2 sides, the network is shown 3"),
        ((32, 32, 32), "patches", True, "is built for 16 x 16 x 16 and takes no other size"),
    ],
)
def test_what_cannot_be_shown_is_refused(window, mode, sized, said) -> None:
    """In words, before anything is trained or predicted."""
    with pytest.raises(UsageError, match=said):
        check_window(window, mode, (16, 16, 16), sized=sized)


@pytest.mark.parametrize(("window", "sized"), [(None, True), ((16, 16, 16), True), ((32, 64, 64), False)])
def test_what_can_be_shown_passes(window, sized) -> None:
    """None, the size of training, and others where the network takes them."""
    check_window(window, "patches", (16, 16, 16), sized=sized)
