"""The U-Net against its published parameter counts, a functional re-implementation and the architecture contract."""

import copy
import pickle
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch.nn import functional

from segkit import SegkitError, Task
from segkit_unet import segkit_architectures
from segkit_unet.model import UNet, build
from segkit_unet.params import UNetParams

DECLARATION = segkit_architectures()[0]


def small(dims=2, depth=2, norm="instance", classes=("a",), channels=3, **params):
    """A narrow U-Net in eval mode, the same each time."""
    torch.manual_seed(0)
    task = Task(channels, classes, dims)
    return build(task, UNetParams(width=4, depth=depth, norm=norm, **params)).eval()


def image(*shape):
    """A reproducible random tensor."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(
    ("in_channels", "out_channels", "width", "count"),
    [(1, 2, 64, 31_030_658), (3, 1, 64, 31_031_745), (3, 1, 32, 7_760_097)],
)
def test_parameter_counts_are_the_published_ones(in_channels, out_channels, width, count):
    """The paper's network and the U-Net++ paper's baseline have exactly as many parameters."""
    with torch.device("meta"):
        model = UNet(in_channels, out_channels, 2, width=width)
    assert sum(parameter.numel() for parameter in model.parameters()) == count


def test_defaults_of_the_params_are_the_published_network():
    """Nothing but the declared `defaults` departs from the paper."""
    with torch.device("meta"):
        model = build(Task(3, ("a",)), UNetParams())
    assert sum(parameter.numel() for parameter in model.parameters()) == 31_031_745
    assert not any(isinstance(module, (torch.nn.GroupNorm, torch.nn.BatchNorm2d)) for module in model.modules())


@pytest.mark.parametrize("size", [(8, 8), (9, 8), (97, 131), (64, 64), (31, 101)])
@pytest.mark.parametrize("norm", ["none", "instance"])
def test_any_size_2d(size, norm):
    """Logits have the image's size, odd and prime sides included."""
    assert small(norm=norm)(image(2, 3, *size)).shape == (2, 1, *size)


@pytest.mark.parametrize("size", [(8, 8, 8), (11, 13, 17), (8, 9, 23)])
def test_any_size_3d(size):
    """Volumes keep their size too, with one logit per class and background."""
    model = small(dims=3, classes=("a", "b"), channels=1)
    assert model(image(1, 1, *size)).shape == (1, 3, *size)


def test_the_report_size():
    """The published depth takes the 767x1022 images of the starting report."""
    with torch.inference_mode():
        assert small(depth=4)(image(1, 3, 767, 1022)).shape == (1, 1, 767, 1022)


def test_padding_is_replication_at_the_end():
    """An odd image gives what the same image, padded by hand, gives within its frame."""
    model, x = small(), image(1, 3, 13, 18)
    padded = torch.cat([x, x[:, :, -1:].expand(-1, -1, 3, -1)], dim=2)
    padded = torch.cat([padded, padded[..., -1:].expand(-1, -1, -1, 2)], dim=3)
    torch.testing.assert_close(model(x), model(padded)[:, :, :13, :18])


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("norm", ["none", "batch", "instance", "group"])
def test_the_minimum_trains_and_one_below_is_a_sentence(dims, norm):
    """The smallest image trains with batch size 1 under every normalisation; a smaller one is refused in words."""
    model = small(dims=dims, norm=norm).train()
    least = model.size_minimum
    model(image(1, 3, *[least] * dims)).sum().backward()
    with pytest.raises(SegkitError, match=rf"too small for depth 2; give at least {least} along each side"):
        model(image(1, 3, *[least] * (dims - 1), least - 1))


@pytest.mark.parametrize("norm", ["none", "batch", "instance", "group"])
def test_eval_is_deterministic_and_independent_of_the_batch(norm):
    """A sample's logits do not depend on the call or on its neighbours."""
    model, x = small(norm=norm, dropout=0.5), image(3, 3, 20, 16)
    together = model(x)
    assert torch.equal(together, model(x))
    torch.testing.assert_close(together[1:2], model(x[1:2]), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("norm", ["none", "batch", "instance", "group"])
def test_gradients_reach_every_parameter(dims, norm):
    """No part of the network is left out of training."""
    model = small(dims=dims, norm=norm, classes=("a", "b")).train()
    model(image(2, 3, *[12] * dims)).square().sum().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


@pytest.mark.parametrize("norm", ["none", "batch", "instance", "group"])
def test_convolutions_have_a_bias_only_without_normalisation(norm):
    """Offset and scale come from exactly one place."""
    convolutions = [m for m in small(norm=norm).modules() if getattr(m, "kernel_size", None) == (3, 3)]
    assert len(convolutions) == 10
    assert all((module.bias is not None) == (norm == "none") for module in convolutions)


def functional_unet(weights, x, depth):
    """The same network written out with plain functions, by state-dict names (no normalisation)."""

    def twice(prefix, x):
        for position in (0, 2):
            name = f"{prefix}.{position}"
            x = functional.conv2d(x, weights[f"{name}.weight"], weights[f"{name}.bias"], padding=1).clamp(min=0)
        return x

    skips = []
    for level in range(depth):
        skips.append(twice(f"encoder.{level}", x))
        n, c, h, w = skips[-1].shape
        x = skips[-1].reshape(n, c, h // 2, 2, w // 2, 2).amax(dim=(3, 5))
    x = twice("bottleneck", x)
    for level in reversed(range(depth)):
        kernel, bias = weights[f"decoder.{level}.up.weight"], weights[f"decoder.{level}.up.bias"]
        n, _, h, w = x.shape
        x = torch.einsum("nihw,ioab->nohawb", x, kernel).reshape(n, -1, 2 * h, 2 * w) + bias[:, None, None]
        x = twice(f"decoder.{level}.convolutions", torch.cat([skips[level], x], dim=1))
    return torch.einsum("nihw,oi->nohw", x, weights["head.weight"][:, :, 0, 0]) + weights["head.bias"][:, None, None]


def test_forward_equals_an_independent_implementation():
    """Poolings, transposed convolutions and skips are those of the paper, in its order."""
    model, x = small(depth=3, norm="none", classes=("a", "b")).double(), image(2, 3, 16, 24).double()
    torch.testing.assert_close(model(x), functional_unet(model.state_dict(), x, 3), rtol=1e-10, atol=1e-10)


def test_initial_weights_have_the_published_deviation():
    """sqrt(2 / N) with N inputs per output value: 9 taps per channel, one tap for up-convolution and head."""
    torch.manual_seed(0)
    model = UNet(3, 4, 2, width=64, depth=2)
    weights = model.state_dict()
    expected = {"encoder.1.2": 9 * 128, "bottleneck.0": 9 * 128, "decoder.1.up": 256, "decoder.0.up": 128, "head": 64}
    for name, inputs in expected.items():
        assert weights[f"{name}.weight"].std().item() == pytest.approx((2 / inputs) ** 0.5, rel=0.15)
        assert not weights[f"{name}.bias"].any()


@pytest.mark.parametrize("norm", ["instance", "group"])
def test_normalisation_is_what_its_name_says(norm):
    """Instance normalisation equals torch's own; group normalisation has eight groups where they fit."""
    from segkit_unet.normalization import normalization

    x = image(2, 24, 5, 7)
    expected = functional.instance_norm(x) if norm == "instance" else functional.group_norm(x, 8)
    torch.testing.assert_close(normalization(norm, 2, 24)(x), expected)


def test_group_normalisation_fits_any_width():
    """Widths that eight does not divide get fewer groups."""
    model = build(Task(1, ("a",)), UNetParams(width=6, depth=1, norm="group"))
    assert [m.num_groups for m in model.modules() if isinstance(m, torch.nn.GroupNorm)] == [2, 2, 4, 4, 2, 2]


def test_dropout_acts_in_train_mode_only():
    """Two training passes differ, two evaluation passes do not."""
    model, x = small(dropout=0.5), image(1, 3, 16, 16)
    assert torch.equal(model(x), model(x))
    model.train()
    assert not torch.equal(model(x), model(x))


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("depth", [1, 3])
def test_declared_layers_exist_and_give_spatial_maps(dims, depth):
    """`last` works on the image's grid, `middle` on the coarsest, whatever the depth."""
    model, shapes = small(dims=dims, depth=depth), {}
    for label, name in DECLARATION.layers.items():
        model.get_submodule(name).register_forward_hook(
            lambda _module, _inputs, output, label=label: shapes.update({label: tuple(output.shape[2:])})
        )
    model(image(1, 3, *[16] * dims))
    assert shapes == {"last": (16,) * dims, "middle": (16 // 2**depth,) * dims}


@pytest.mark.parametrize("dims", [2, 3])
def test_declared_defaults_are_params_that_build(dims):
    """What a first run is given exists, and is small."""
    settings = {name.removeprefix("arch."): value for name, value in DECLARATION.defaults[dims].items()}
    with torch.device("meta"):
        model = build(Task(1, ("a",), dims), UNetParams(**settings))
    assert 1e6 < sum(parameter.numel() for parameter in model.parameters()) < 6e6


def test_safetensors_round_trip(tmp_path):
    """Weights survive a file that holds plain tensors only."""
    torch.manual_seed(2)
    model, other, x = small(norm="batch"), UNet(3, 1, 2, width=4, depth=2, norm="batch").eval(), image(1, 3, 16, 16)
    assert not torch.equal(model(x), other(x))
    save_file(model.state_dict(), tmp_path / "model.safetensors")
    other.load_state_dict(load_file(tmp_path / "model.safetensors"))
    assert torch.equal(model(x), other(x))


def test_copies_and_pickles_are_equal():
    """Deep copies and pickled copies, as workers get them, compute the same."""
    model, x = small(), image(1, 3, 16, 16)
    for twin in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert torch.equal(model(x), twin(x))


def test_channels_last_is_kept_to_the_end():
    """The memory format survives every block, and the values do not depend on it."""
    model, x, kept = small(norm="instance"), image(2, 3, 16, 24), []
    expected = model(x)
    model = model.to(memory_format=torch.channels_last)
    for name in ("encoder.0", "bottleneck", "decoder.1", "decoder.0"):
        model.get_submodule(name).register_forward_hook(
            lambda _module, _inputs, output: kept.append(output.is_contiguous(memory_format=torch.channels_last))
        )
    torch.testing.assert_close(model(x.to(memory_format=torch.channels_last)), expected, rtol=1e-4, atol=1e-5)
    assert kept == [True] * 4


def test_export_of_multiples_is_dynamic_and_pads_nothing():
    """The exported graph takes other multiples of `size_multiple` and holds no padding."""
    model, x = small(), image(2, 3, 16, 24)
    batch, height, width = (torch.export.Dim(name, min=2, max=64) for name in ("batch", "height", "width"))
    shapes = {"x": {0: batch, 2: 4 * height, 3: 4 * width}}
    program = torch.export.export(model, (x,), dynamic_shapes=shapes)
    assert not any("pad" in str(node.target) for node in program.graph.nodes)
    other = image(3, 3, 32, 12)
    torch.testing.assert_close(program.module()(other), model(other), rtol=1e-4, atol=1e-5)


def test_declaring_does_not_import_torch():
    """The plugin's own module stays light."""
    code = "import sys, segkit_unet; segkit_unet.segkit_architectures(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
