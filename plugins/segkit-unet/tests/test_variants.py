"""What can be varied of a U-Net: up-sampling, residual blocks, deep supervision, checkpointing."""

import numpy as np
import pytest
import torch
from torch import nn
from torchvision.models.resnet import BasicBlock

from segkit import Outputs, Task
from segkit_unet.blocks import ResidualConvolution, UpBlock
from segkit_unet.model import build
from segkit_unet.params import UNetParams


def small(dims=2, depth=2, classes=("a",), **params):
    """A narrow U-Net in train mode, the same each time."""
    torch.manual_seed(0)
    return build(Task(3, classes, dims), UNetParams(**{"width": 4, "depth": depth, "norm": "instance", **params}))


def image(*shape):
    """A reproducible random tensor."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1))


def gradients(model, x):
    """Train one step's backward pass on every output; return the gradients by name."""
    torch.manual_seed(3)
    outputs = model(x)
    listed = outputs.logits if isinstance(outputs, Outputs) else [outputs]
    sum(logits.square().mean() for logits in listed).backward()
    return {name: parameter.grad for name, parameter in model.named_parameters()}


@pytest.mark.parametrize("dims", [2, 3])
def test_interpolation_goes_on_along_a_line(dims):
    """Between cell centres a linear map stays linear: cells at a quarter and three quarters of the old ones."""
    up = UpBlock(dims, 1, 1, "none", upsampling="interpolate").up
    nn.init.ones_(up[0].weight)
    nn.init.zeros_(up[0].bias)
    line = torch.arange(6.0).view(1, 1, *[1] * (dims - 1), 6).expand(1, 1, *[4] * (dims - 1), 6)
    found = up(line)
    assert found.shape == (1, 1, *[8] * (dims - 1), 12)
    expected = (torch.arange(1, 11) - 0.5) / 2
    torch.testing.assert_close(found[..., 1:-1], expected.expand_as(found[..., 1:-1]))


def test_interpolation_has_a_quarter_of_the_up_samplings_weights():
    """One tap in place of four, biases alike."""
    weights = [small(upsampling=kind).decoder[1].up.state_dict().values() for kind in ("transposed", "interpolate")]
    transposed, interpolate = ([tensor.numel() for tensor in state] for state in weights)
    assert transposed == [16 * 8 * 4, 8]
    assert interpolate == [16 * 8, 8]


@pytest.mark.parametrize("channels", [(3, 5), (4, 4)])
def test_residual_block_is_torchvisions_basic_block(channels):
    """With the weights copied layer by layer, ResNet's block gives the same in train mode."""
    torch.manual_seed(0)
    block = ResidualConvolution(2, *channels, "batch")
    before, after = channels
    downsample = nn.Sequential(nn.Conv2d(before, after, 1, bias=False), nn.BatchNorm2d(after))
    other = BasicBlock(before, after, downsample=None if before == after else downsample)
    copies = {"conv1": "convolutions.0", "bn1": "convolutions.1", "conv2": "convolutions.3", "bn2": "convolutions.4"}
    for theirs, ours in [*copies.items(), *([] if before == after else [("downsample", "shortcut")])]:
        other.get_submodule(theirs).load_state_dict(block.get_submodule(ours).state_dict())
    x = image(2, before, 9, 8)
    torch.testing.assert_close(block(x), other(x), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("norm", ["none", "group"])
def test_every_parameter_of_every_variant_is_trained(dims, norm):
    """All variants at once: nothing is left out of training at the smallest size with a batch of one."""
    model = small(dims, norm=norm, upsampling="interpolate", residual=True, deep_supervision=True, checkpointing=True)
    for name, gradient in gradients(model, image(1, 3, *[model.size_minimum] * dims)).items():
        assert gradient is not None, name
        assert gradient.abs().sum() > 0, name


@pytest.mark.parametrize("dims", [2, 3])
def test_deep_supervision_reads_every_level(dims):
    """Each level's logits are its head's on that block's map, with half the weight of the level above."""
    model, maps = small(dims, depth=3, classes=("a", "b"), deep_supervision=True), {}
    for level, block in enumerate(model.decoder):
        block.register_forward_hook(lambda _module, _inputs, output, level=level: maps.update({level: output}))
    outputs = model(image(2, 3, *[16] * dims))
    assert list(outputs.weights) == [1.0, 0.5, 0.25]
    assert [tuple(logits.shape[2:]) for logits in outputs.logits] == [(side,) * dims for side in (16, 8, 4)]
    for level, (logits, head) in enumerate(zip(outputs.logits, [model.head, *model.auxiliary], strict=True)):
        weight = head.weight.flatten(1)
        expected = torch.einsum("nc...,kc->nk...", maps[level], weight) + head.bias.view(-1, *[1] * dims)
        torch.testing.assert_close(logits, expected, rtol=1e-5, atol=1e-5)


def interpolation(before, after):
    """The matrix (after, before) of linear interpolation at cell centres, numpy's."""
    centres = (np.arange(after) + 0.5) * before / after - 0.5
    return torch.from_numpy(np.stack([np.interp(centres, np.arange(before), unit) for unit in np.eye(before)], axis=1))


def test_deep_supervision_of_a_padded_image_stays_in_place():
    """Where levels have no whole number of cells over the image, their logits are brought to its grid, not shifted."""
    model, x = small(depth=3, deep_supervision=True).double(), image(1, 3, 24, 31).double()
    padded = torch.cat([x, x[..., -1:]], dim=-1)
    found, expected = model(x).logits, model(padded).logits
    for ours, theirs in zip(found, expected, strict=True):
        rows, columns = (interpolation(*sides) for sides in zip(theirs.shape[2:], (24, 32), strict=True))
        torch.testing.assert_close(ours, (rows @ theirs @ columns.T)[..., :31], rtol=1e-8, atol=1e-8)


def test_deep_supervision_changes_nothing_in_eval_mode():
    """The coarse heads are not there for inference."""
    supervised, plain, x = small(deep_supervision=True).eval(), small().eval(), image(1, 3, 16, 24)
    plain.load_state_dict(supervised.state_dict(), strict=False)
    assert torch.equal(supervised(x), plain(x))


@pytest.mark.parametrize("variant", [{}, {"residual": True, "deep_supervision": True}])
@pytest.mark.parametrize("dims", [2, 3])
def test_checkpointing_changes_neither_gradients_nor_statistics(dims, variant):
    """Same seed, same gradients and running statistics bit for bit, dropout included."""
    x = image(2, 3, *[12] * dims)
    found = []
    for checkpointing in (False, True):
        model = small(dims, norm="batch", dropout=0.5, checkpointing=checkpointing, **variant)
        found.append((gradients(model, x), dict(model.named_buffers())))
    assert all(value.item() == 1 for name, value in found[1][1].items() if name.endswith("tracked"))
    (plain, statistics), (recomputed, statistics_recomputed) = found
    assert all(torch.equal(plain[name], recomputed[name]) for name in plain)
    assert all(torch.equal(statistics[name], statistics_recomputed[name]) for name in statistics)


def test_checkpointing_keeps_less():
    """What autograd keeps for the backward pass of a U-Net with instance normalisation shrinks to less than a third."""

    def kept(**params):
        storages = {}
        model = small(depth=4, width=8, **params)
        own = {parameter.untyped_storage().data_ptr() for parameter in model.parameters()}

        def pack(tensor):
            storage = tensor.untyped_storage()
            if storage.data_ptr() not in own:
                storages[storage.data_ptr()] = (storage.nbytes(), tensor)
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            model(image(1, 3, 64, 64)).sum()
        return sum(size for size, _ in storages.values())

    assert kept(checkpointing=True) < kept() / 3
