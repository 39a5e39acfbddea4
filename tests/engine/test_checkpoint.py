"""model.safetensors."""

import os
import pickle
from pathlib import Path

import pytest
import torch
from torch import nn

from segkit.engine.checkpoint import read_model, save_model
from segkit.engine.sealed import write_sealed
from segkit.errors import SegkitError

HEADER = {
    "components": [{"kind": "arch", "name": "segkit-toy:net", "version": "1.0", "params": {}}],
    "task": {"classes": ["läsion"], "in_channels": 1, "spatial_dims": 2},
    "preprocessing": {"mode": "images", "size": [8, 8], "normalization": {"kind": "unit", "mean": [], "std": []}},
}


def test_equal_models_are_equal_files(tmp_path: Path) -> None:
    """Two saves of one model with headers in another order are the same bytes, whatever the memory layout."""
    model = nn.Conv2d(3, 8, 3)
    save_model(tmp_path / "a", model, {"x": 1, "y": 2})
    save_model(tmp_path / "b", model.to(memory_format=torch.channels_last), {"y": 2, "x": 1})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_weights_and_header_come_back(tmp_path: Path) -> None:
    """What was written is read, bit for bit."""
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
    save_model(tmp_path / "m", model, HEADER)
    weights, header = read_model(tmp_path / "m")
    assert header == {"format": 1, **HEADER}
    assert weights.keys() == model.state_dict().keys()
    assert all(torch.equal(weights[name], tensor) for name, tensor in model.state_dict().items())


def test_tied_weights_are_saved(tmp_path: Path) -> None:
    """Two names for one tensor are stored as two."""
    first, second = nn.Linear(2, 2), nn.Linear(2, 2)
    second.weight = first.weight
    save_model(tmp_path / "m", nn.Sequential(first, second), HEADER)
    assert len(read_model(tmp_path / "m")[0]) == 4


class Bomb:
    def __reduce__(self):
        return (pytest.fail, ("a pickle was loaded",))


@pytest.mark.parametrize("kind", ["pickle", "truncated", "empty", "foreign", "newer", "one bit", "folder", "pipe"])
def test_what_is_no_checkpoint_is_a_sentence(tmp_path: Path, kind: str) -> None:
    """Pickles, truncated, empty, foreign, newer and flipped files are refused by name, and nothing is unpickled."""
    from safetensors.torch import save_file

    path = tmp_path / "model.safetensors"
    save_model(path, nn.Linear(4, 4), HEADER)
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
    elif kind in ("folder", "pipe"):
        path.unlink()
        path.mkdir() if kind == "folder" else os.mkfifo(path)
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


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("components", {}),
        ("components", [{"kind": "arch", "name": "x"}]),
        ("components", [{"kind": "arch", "name": "x", "version": 1, "params": {}}]),
        ("task", {"classes": [], "in_channels": 1, "spatial_dims": 2}),
        ("task", {"classes": "abc", "in_channels": 1, "spatial_dims": 2}),
        ("task", {"classes": ["a"], "in_channels": 10**9, "spatial_dims": 2}),
        ("task", {"classes": ["a"], "in_channels": True, "spatial_dims": 2}),
        ("task", {"classes": ["a"], "in_channels": 1, "spatial_dims": 4}),
        ("preprocessing", {"size": [8, 8]}),
        ("preprocessing", {**HEADER["preprocessing"], "size": [10**6, 8]}),
        ("preprocessing", {**HEADER["preprocessing"], "size": [60_000, 60_000]}),
        ("preprocessing", {**HEADER["preprocessing"], "size": [8, 0]}),
        ("preprocessing", {**HEADER["preprocessing"], "spacing": [1, 1, 1e-30]}),
        ("preprocessing", {**HEADER["preprocessing"], "spacing": [1, 1, float("nan")]}),
        ("preprocessing", {**HEADER["preprocessing"], "mirror": 1}),
        ("scores", {"rows": [{}]}),
        ("weights", ["x"]),
    ],
)
def test_headers_of_another_shape_are_refused(tmp_path: Path, part: str, value: object) -> None:
    """A file that is whole and sealed may still say what no training ever wrote: the place is named."""
    path = tmp_path / "model.safetensors"
    save_model(path, nn.Linear(4, 4), {**HEADER, part: value})
    with pytest.raises(SegkitError, match=rf"model\.safetensors: its header is damaged: {part}"):
        read_model(path)
