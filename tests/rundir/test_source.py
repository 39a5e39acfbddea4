"""What a run starts from: a file of weights, and what is none."""

import os

import pytest

from segkit.errors import SegkitError
from segkit.rundir.source import open_source


@pytest.mark.parametrize("name", ["weights.pt", "model.safetensors"])
def test_a_named_pipe_is_not_waited_for(tmp_path, name):
    """Whoever opens it would wait for its other end, for ever (issue 19)."""
    os.mkfifo(tmp_path / name)
    with pytest.raises(SegkitError, match=r"cannot be read: it is a folder, a pipe or a device"):
        open_source(str(tmp_path / name))
