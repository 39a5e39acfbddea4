"""model.safetensors."""

import pickle
from pathlib import Path

import pytest
import torch
from torch import nn

from segkit.engine.checkpoint import read_model, save_model
from segkit.engine.sealed import write_sealed
from segkit.errors import SegkitError


def test_equal_models_are_equal_files(tmp_path: Path) -> None:
    """Two saves of one model with headers in another order are the same bytes, whatever the memory layout."""
    model = nn.Conv2d(3, 8, 3)
    save_model(tmp_path / "a", model, {"x": 1, "y": 2})
    save_model(tmp_path / "b", model.to(memory_format=torch.channels_last), {"y": 2, "x": 1})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_weights_and_header_come_back(tmp_path: Path) -> None:
    """What was written is read, bit for bit."""
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
    save_model(tmp_path / "m", model, {"task": {"classes": ["läsion"]}})
    weights, header = read_model(tmp_path / "m")
    assert header["task"] == {"classes": ["läsion"]}
    assert weights.keys() == model.state_dict().keys()
    assert all(torch.equal(weights[name], tensor) for name, tensor in model.state_dict().items())


def test_tied_weights_are_saved(tmp_path: Path) -> None:
    """Two names for one tensor are stored as two."""
    first, second = nn.Linear(2, 2), nn.Linear(2, 2)
    second.weight = first.weight
    save_model(tmp_path / "m", nn.Sequential(first, second), {})
    assert len(read_model(tmp_path / "m")[0]) == 4


class Bomb:
    def __reduce__(self):
        return (pytest.fail, ("a pickle was loaded",))


@pytest.mark.parametrize("kind", ["pickle", "truncated", "empty", "foreign", "newer", "one bit"])
def test_what_is_no_checkpoint_is_a_sentence(tmp_path: Path, kind: str) -> None:
    """Pickles, truncated, empty, foreign, newer and flipped files are refused by name, and nothing is unpickled."""
    from safetensors.torch import save_file

    path = tmp_path / "model.safetensors"
    save_model(path, nn.Linear(4, 4), {})
    if kind == "pickle":
        path.write_bytes(pickle.dumps(Bomb()))
    elif kind == "truncated":
        path.write_bytes(path.read_bytes()[:-7])
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind == "foreign":
        save_file({"w": torch.zeros(1)}, path)
    elif kind == "newer":
        write_sealed(path, "segkit", {"format": 99}, {"w": torch.zeros(1)})
    else:
        data = bytearray(path.read_bytes())
        data[-3] ^= 1
        path.write_bytes(data)
    with pytest.raises(SegkitError, match=r"model\.safetensors"):
        read_model(path)


def test_missing_checkpoint_is_a_sentence(tmp_path: Path) -> None:
    """A path without a file says so."""
    with pytest.raises(SegkitError, match="no such file"):
        read_model(tmp_path / "model.safetensors")
