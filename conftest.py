"""What holds for every test, of the core and of the plugins."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

# Tests run side by side, one process a core; two threads in each of them would wait for one another. torch reads it
# when it is imported, which no test has done yet.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="session", autouse=True)
def state_of_nobody(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What folders tests name is not kept for the user who runs them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        yield


@pytest.fixture(scope="session", autouse=True)
def float32_on_every_processor() -> Iterator[None]:
    """Tests compare with references in float32, also where a processor would train in bfloat16 by itself.

    Commands in processes of their own keep the precision that a user's would have.
    """
    import torch

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False, raising=False)
        yield
