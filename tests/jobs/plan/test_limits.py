"""Bounds on the memory of a probe."""

import sys

import pytest
import torch

from segkit.engine.memory import out_of_memory
from segkit.jobs.plan.limits import limited

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="the system has no such bound")


@LINUX
def test_what_takes_more_raises_and_leaves_nothing_behind() -> None:
    """Four gigabytes where half a one is allowed; afterwards they may be taken again."""
    with pytest.raises(RuntimeError) as raised, limited(5 * 10**8, torch.device("cpu")):
        torch.empty(4 * 10**9, dtype=torch.uint8).fill_(1)
    assert out_of_memory(raised.value)
    torch.empty(4 * 10**9, dtype=torch.uint8)


@LINUX
def test_the_bound_is_what_it_was_afterwards() -> None:
    """The test before shows that it is so where the block raises."""
    import resource

    before = resource.getrlimit(resource.RLIMIT_DATA)
    with limited(10**9, torch.device("cpu")):
        assert resource.getrlimit(resource.RLIMIT_DATA) != before
    assert resource.getrlimit(resource.RLIMIT_DATA) == before
