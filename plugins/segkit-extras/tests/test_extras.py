"""Each part by itself."""

import pytest

pytest.importorskip("segkit_extras")

from pathlib import Path

import numpy as np
import torch
from click.testing import CliRunner
from safetensors.torch import load_file
from scipy import ndimage
from torch import nn

from segkit import SegkitError, Task
from segkit_extras import sizes, smooth, weights
from segkit_extras.command import sizes as command

HEAD = "case,group,class,reference,predicted,status,dice\n"


def test_smooth_is_the_majority_of_the_neighbourhood() -> None:
    """As scipy's generic filter counts it, in the middle of the map."""
    labels = np.random.default_rng(0).integers(0, 3, (12, 14)).astype(np.uint8)
    found = smooth.build(Task(1, ("a", "b")), smooth.Smooth(side=3))(labels)
    wanted = ndimage.generic_filter(labels, lambda values: np.bincount(values.astype(int)).argmax(), size=3)
    np.testing.assert_array_equal(found[1:-1, 1:-1], wanted[1:-1, 1:-1])
    with pytest.raises(ValueError, match="side=4 is even"):
        smooth.Smooth(side=4)


def test_weights_are_the_network_s_tensors(tmp_path: Path) -> None:
    """Under their names, each as it is."""
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
    weights.build(None)(network, torch.zeros(1, 1, 8, 8), tmp_path / "w.safetensors")
    found = load_file(tmp_path / "w.safetensors")
    assert {name: value.tolist() for name, value in found.items()} == {
        name: value.tolist() for name, value in network.state_dict().items()
    }


def test_sizes_are_predicted_over_reference(tmp_path: Path) -> None:
    """Of cases that have the class; the command prints what the page shows."""
    rows = "a,,x,10,20,ok,1\nb,,x,10,5,ok,1\nc,,x,0,7,spurious,0\nd,,x,4,0,missed,0\n"
    (tmp_path / "cases.csv").write_text(HEAD + rows)
    section = sizes.build(None)(tmp_path)
    assert section is not None
    assert section.rows == [("x", "3", "0.50", "0.00", "2.00")]
    assert CliRunner().invoke(command, [str(tmp_path)]).output.splitlines()[1] == "x\t3\t0.50\t0.00\t2.00"
    with pytest.raises(SegkitError, match=r"cases\.csv cannot be read"):
        sizes.rows_of(tmp_path / "other")
