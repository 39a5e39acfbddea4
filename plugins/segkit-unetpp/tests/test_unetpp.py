"""The U-Net++ against its published parameter counts, the paper's recursion, and the architecture contract."""

import copy
import pickle
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch.nn import functional

from segkit import Outputs, SegkitError, Task, UsageError
from segkit_unetpp import segkit_architectures
from segkit_unetpp.model import UNetPlusPlus, build
from segkit_unetpp.params import UNetPlusPlusParams

DECLARATION = segkit_architectures()[0]


def small(dims=2, depth=3, norm="none", classes=("a",), channels=3, **params):
    """A narrow U-Net++ in eval mode, the same each time."""
    torch.manual_seed(0)
    return build(Task(channels, classes, dims), UNetPlusPlusParams(width=4, depth=depth, norm=norm, **params)).eval()


def image(*shape):
    """A reproducible random tensor."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1))


def count(model):
    """Number of parameters."""
    return sum(parameter.numel() for parameter in model.parameters())


@pytest.mark.parametrize(("params", "expected"), [({"deep_supervision": False}, 9_042_177), ({}, 9_042_276)])
def test_parameter_counts_are_the_published_ones(params, expected):
    """9.04 M with one head, 99 more with four; no param but the head count departs from the default."""
    with torch.device("meta"):
        assert count(build(Task(3, ("a",)), UNetPlusPlusParams(**params))) == expected


def papers_maps(weights, x, depth):
    """X(0,0) to X(0,depth) by the paper's equation 1, recursively, from the weights alone."""

    def twice(name, x):
        for position in (0, 2):
            weight, bias = weights[f"{name}.{position}.weight"], weights[f"{name}.{position}.bias"]
            x = functional.conv2d(x, weight, bias, padding="same").clamp(min=0)
        return x

    def node(level, column):
        name = f"columns.{column}.{level}"
        if column == 0:
            if level == 0:
                return twice(name, x)
            above = node(level - 1, 0)
            return twice(name, above.unfold(2, 2, 2).unfold(3, 2, 2).amax(dim=(4, 5)))
        kernel, bias = weights[f"{name}.up.weight"], weights[f"{name}.up.bias"]
        below = torch.einsum("nihw,ioab->nohawb", node(level + 1, column - 1), kernel).flatten(2, 3).flatten(3, 4)
        skips = [node(level, earlier) for earlier in range(column)]
        return twice(f"{name}.convolutions", torch.cat([*skips, below + bias[:, None, None]], dim=1))

    return [node(0, column) for column in range(depth + 1)]


def papers_logits(weights, x, depth):
    """The logits of the heads on X(0,1) to X(0,depth)."""
    maps = papers_maps(weights, x, depth)
    heads = [(weights[f"heads.{j}.weight"][:, :, 0, 0], weights[f"heads.{j}.bias"]) for j in range(1, depth + 1)]
    return [
        torch.einsum("nihw,oi->nohw", maps[j], weight) + bias[:, None, None]
        for j, (weight, bias) in enumerate(heads, 1)
    ]


def test_every_head_equals_the_papers_recursion():
    """Training returns each head's logits, the last column's first, with the weights that were asked for."""
    model = small(classes=("a", "b"), loss_weights=(0.1, 0.2, 0.7)).double().train()
    x = image(2, 3, 16, 24).double()
    outputs = model(x)
    assert isinstance(outputs, Outputs)
    assert tuple(outputs.weights) == (0.7, 0.2, 0.1)
    for found, expected in zip(outputs.logits, papers_logits(model.state_dict(), x, 3)[::-1], strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)


def test_accurate_is_the_mean_and_fast_is_one_head():
    """The two inference modes of the paper, `fast` at every level."""
    x = image(2, 3, 16, 24).double()
    model = small().double()
    expected = papers_logits(model.state_dict(), x, 3)
    torch.testing.assert_close(model(x), sum(expected) / 3, rtol=1e-10, atol=1e-10)
    for level in (1, 2, 3):
        fast = small(inference="fast", prune_level=level).double()
        torch.testing.assert_close(fast(x), expected[level - 1], rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(small(inference="fast").double()(x), expected[2], rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("size", [(16, 24), (17, 29)])
@pytest.mark.parametrize("level", [1, 2, 3])
def test_pruned_nodes_are_not_computed(level, size):
    """Weights that are not numbers outside the triangle i + j <= level change nothing."""
    model = small(inference="fast", prune_level=level)
    expected = model(image(1, 3, *size))
    for column, nodes in enumerate(model.columns):
        for row, node in enumerate(nodes):
            if column + row > level:
                for parameter in node.parameters():
                    torch.nn.init.constant_(parameter, float("nan"))
    assert expected.isfinite().all()
    assert torch.equal(model(image(1, 3, *size)), expected)


@pytest.mark.parametrize("size", [(16, 24), (17, 29)])
@pytest.mark.parametrize("level", [1, 2, 3])
def test_pruned_network_is_built_without_them(level, size):
    """It computes what `fast` computes, with the parameters of a network of that depth."""
    model, x = small(inference="fast", prune_level=level, norm="batch"), image(1, 3, *size)
    pruned = model.pruned(level)
    assert not pruned.training
    assert torch.equal(pruned(x), model(x))
    assert count(pruned) == count(small(depth=level, deep_supervision=False, norm="batch"))
    assert pruned.size_multiple == 2**level
    assert pruned.heads[str(level)].weight.data_ptr() == model.heads[str(level)].weight.data_ptr()


def test_parameters_of_the_pruned_published_network():
    """0.1, 0.5, 2.2 and 9.04 M: what the README's table says and the paper's figure 8 rounds."""
    with torch.device("meta"):
        model = build(Task(3, ("a",)), UNetPlusPlusParams())
    assert [count(model.pruned(level)) for level in (1, 2, 3, 4)] == [101_537, 511_681, 2_205_537, 9_042_177]


def test_without_deep_supervision_there_is_one_head():
    """Train and eval mode both give the last column's logits."""
    model, x = small(deep_supervision=False), image(1, 3, 16, 16)
    assert list(model.heads) == ["3"]
    assert torch.equal(model.train()(x), model.eval()(x))


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"prune_level": 2}, "needs arch.inference=fast"),
        ({"inference": "fast", "prune_level": 4}, r"no head on X0,4; heads are on X0,j with j = 1, 2, 3"),
        ({"inference": "fast", "prune_level": 2, "deep_supervision": False}, "with j = 3"),
        ({"loss_weights": (1.0, 2.0)}, "has 2 numbers, there are 3 heads"),
        ({"loss_weights": ()}, "has 0 numbers"),
    ],
)
def test_params_that_contradict_each_other_are_named(params, message):
    """What cannot be meant is a usage error that says the way out."""
    with pytest.raises(UsageError, match=message):
        small(**params)


@pytest.mark.parametrize("size", [(16, 16), (17, 16), (97, 131)])
@pytest.mark.parametrize("training", [False, True])
def test_any_size_2d(size, training):
    """Every output has the image's size, odd and prime sides included."""
    found = small(norm="instance").train(training)(image(2, 3, *size))
    for logits in found.logits if training else [found]:
        assert logits.shape == (2, 1, *size)


@pytest.mark.parametrize("size", [(8, 8, 8), (9, 11, 13)])
def test_any_size_3d(size):
    """Volumes keep their size too, with one logit per class and background."""
    assert small(dims=3, depth=2, classes=("a", "b"), channels=1)(image(1, 1, *size)).shape == (1, 3, *size)


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("norm", ["none", "batch", "instance", "group"])
def test_the_minimum_trains_and_one_below_is_a_sentence(dims, norm):
    """The smallest image trains all parameters with batch size 1; a smaller one is refused in words."""
    model = small(dims=dims, depth=2, norm=norm, classes=("a", "b")).train()
    least = model.size_minimum
    outputs = model(image(1, 3, *[least] * dims))
    sum(
        weight * logits.square().sum() for weight, logits in zip(outputs.weights, outputs.logits, strict=True)
    ).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name
    with pytest.raises(SegkitError, match=rf"too small for depth 2; give at least {least} along each side"):
        model(image(1, 3, *[least] * (dims - 1), least - 1))


@pytest.mark.parametrize("norm", ["none", "batch", "instance", "group"])
def test_eval_is_deterministic_and_independent_of_the_batch(norm):
    """A sample's logits do not depend on the call or on its neighbours."""
    model, x = small(norm=norm), image(3, 3, 20, 16)
    together = model(x)
    assert torch.equal(together, model(x))
    torch.testing.assert_close(together[1:2], model(x[1:2]), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("level", [None, 1, 3])
def test_declared_layers_exist_and_give_spatial_maps(level):
    """`last` works on the image's grid, `middle` on the coarsest that is computed, however much is pruned."""
    model, shapes = small(**({"inference": "fast", "prune_level": level} if level else {})), {}
    for label, name in DECLARATION.layers.items():
        model.get_submodule(name).register_forward_hook(
            lambda _module, _inputs, output, label=label: shapes.update({label: tuple(output.shape[2:])})
        )
    model(image(1, 3, 16, 16))
    assert shapes == {"last": (16, 16), "middle": (16 // 2 ** (level or 3),) * 2}


@pytest.mark.parametrize("dims", [2, 3])
def test_declared_defaults_are_params_that_build(dims):
    """What a first run is given exists, and is small."""
    settings = {name.removeprefix("arch."): value for name, value in DECLARATION.defaults[dims].items()}
    with torch.device("meta"):
        model = build(Task(1, ("a",), dims), UNetPlusPlusParams(**settings))
    assert 0.5e6 < count(model) < 6e6


def test_state_survives_files_copies_and_pickles(tmp_path):
    """Plain tensors in a file, deep copies and pickles, as workers get them, compute the same."""
    model, other, x = (
        small(norm="batch"),
        UNetPlusPlus(3, 1, 2, width=4, depth=3, norm="batch").eval(),
        image(1, 3, 16, 16),
    )
    assert not torch.equal(model(x), other(x))
    save_file(model.state_dict(), tmp_path / "model.safetensors")
    other.load_state_dict(load_file(tmp_path / "model.safetensors"))
    for twin in (other, copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert torch.equal(model(x), twin(x))


@pytest.mark.parametrize("level", [None, 2])
def test_export_of_multiples_is_dynamic_and_holds_nothing_pruned(level):
    """The graph takes other multiples of `size_multiple`; the pruned network's has its own parameters only."""
    model = small(norm="instance", inference="fast") if level is None else small(norm="instance").pruned(level)
    batch, height, width = (torch.export.Dim(name, min=2, max=64) for name in ("batch", "height", "width"))
    multiple = model.size_multiple
    shapes = {"x": {0: batch, 2: multiple * height, 3: multiple * width}}
    program = torch.export.export(model, (image(2, 3, 16, 24),), dynamic_shapes=shapes)
    other = image(3, 3, 32, 16)
    torch.testing.assert_close(program.module()(other), model(other), rtol=1e-4, atol=1e-5)
    assert sum(tensor.numel() for tensor in program.state_dict.values()) == count(model)


def test_declaring_does_not_import_torch():
    """The plugin's own module stays light."""
    code = "import sys, segkit_unetpp; segkit_unetpp.segkit_architectures(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
