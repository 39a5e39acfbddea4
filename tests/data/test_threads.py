from __future__ import annotations

import pytest
import torch

from segkit.data.threads import VALUES_PER_THREAD, threads_for


@pytest.fixture
def four_threads():
    """Set PyTorch to four threads for a test."""
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize(("values", "threads"), [(0, 1), (1, 1), (1.9, 1), (3, 3), (100, 4)])
def test_threads_follow_the_size(four_threads, values, threads):
    """One at least, all at most, and all again after the block."""
    with threads_for(int(values * VALUES_PER_THREAD)):
        assert torch.get_num_threads() == threads
    assert torch.get_num_threads() == 4


def test_threads_are_back_after_an_error(four_threads):
    """A block that fails leaves the number as it was."""
    with pytest.raises(ZeroDivisionError), threads_for(1):
        _ = 1 / 0
    assert torch.get_num_threads() == 4
