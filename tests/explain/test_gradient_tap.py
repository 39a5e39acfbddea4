"""The tap against plain autograd, in every state that a model may be found in, and what it leaves behind."""

from __future__ import annotations

import copy
from collections import OrderedDict, namedtuple
from dataclasses import dataclass

import pytest
import torch
from torch import nn

from segkit import SegkitError, Task, UsageError
from segkit.explain import BoundTarget, Target, forward, tap
from segkit.testing.explainers import snapshot

TASK = Task(3, ("lesion",))


def everything() -> BoundTarget:
    """All pixels: its gradient does not depend on what is predicted."""
    return BoundTarget(Target("all", 1), TASK)


def plain_gradient(model: nn.Module, x: torch.Tensor, layer: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Activation and gradient by a hook and backward(), on a copy without in-place operations."""
    model = copy.deepcopy(model).float().eval()
    for module in model.modules():
        if hasattr(module, "inplace"):
            module.inplace = False
    kept = {}

    def keep(module, arguments, output):
        output.retain_grad()
        kept["found"] = output

    model.get_submodule(layer).register_forward_hook(keep)
    with torch.inference_mode(False), torch.enable_grad():
        for parameter in model.parameters():
            parameter.requires_grad_(True)
        model(x.detach().clone().float().requires_grad_(True)).sum().backward()
    return kept["found"].detach(), kept["found"].grad


def check_exact(model: nn.Module, x: torch.Tensor, layer: str) -> None:
    """Tap and autograd agree."""
    tapped = tap(model, x, layer)
    activation, gradient = plain_gradient(model, x, layer)
    torch.testing.assert_close(tapped.activation.detach(), activation, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(tapped.gradient(everything()), gradient, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("layer", ["encoder", "encoder.0", "decoder", "dropout", "head"])
def test_equals_plain_autograd(net, images, layer):
    """Activation and gradient of every kind of layer."""
    check_exact(net, images, layer)


@pytest.mark.parametrize("layer", ["0", "1"])
def test_before_and_at_an_operation_in_place(images, layer):
    """A layer whose output the next module overwrites: activation and gradient are those of the layer's own output."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(inplace=True), nn.Conv2d(4, 1, 1))
    check_exact(model, images, layer)


def test_operations_in_place_that_have_no_gradient(images):
    """A model that can be applied but not trained is a sentence, not a traceback."""
    model = nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU(inplace=True), nn.SiLU(inplace=True), nn.Conv2d(4, 1, 1))
    with pytest.raises(SegkitError, match=r"no gradient at layer '0'.*choose a later layer"):
        tap(model, images, "0").gradient(everything())
    assert bool(tap(model, images, "2").gradient(everything()).any())


def test_a_functional_operation_in_place(images):
    """No module says that it works in place, and still the activation is the layer's own."""

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = nn.Conv2d(3, 4, 3, padding=1)
            self.head = nn.Conv2d(4, 1, 1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.head(torch.relu_(self.first(x)))

    model = Net()
    tapped = tap(model, images, "first")
    assert (tapped.activation < 0).any()
    gradient = tapped.gradient(everything())
    expected = model.head.weight[0].detach() * (model.first(images) > 0)
    torch.testing.assert_close(gradient, expected)


@pytest.mark.parametrize("context", [torch.no_grad, torch.inference_mode])
def test_inside_of_a_context_without_gradients(net, images, context):
    """Under no_grad and inference_mode, with an image made there too."""
    expected = plain_gradient(net, images, "encoder")[1]
    with context():
        gradient = tap(net, images * 1, "encoder").gradient(everything())
    torch.testing.assert_close(gradient, expected, rtol=1e-5, atol=1e-6)


def test_a_model_made_in_inference_mode(images):
    """Its parameters and buffers are tensors that autograd refuses to keep."""
    with torch.inference_mode():
        model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Conv2d(4, 1, 1)).eval()
        gradient = tap(model, images, "0").gradient(everything())
    expected = model[2].weight[0] / torch.sqrt(torch.tensor(1 + 1e-5))
    torch.testing.assert_close(gradient, expected.expand_as(gradient), rtol=1e-5, atol=1e-6)


def test_frozen_parameters(net, images):
    """requires_grad=False everywhere changes nothing."""
    expected = tap(net, images, "encoder").gradient(everything())
    net.requires_grad_(False)
    assert torch.equal(tap(net, images, "encoder").gradient(everything()), expected)


def test_train_mode(net, images):
    """Dropout is off and normalisation by the running statistics, which stay as they are."""
    check_exact(net.train(), images, "encoder")


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_explained_in_single(net, images, dtype):
    """Weights and images of half precision, also under autocast: float32 from end to end."""
    half = copy.deepcopy(net).to(dtype)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        tapped = tap(half, images.to(dtype), "encoder")
        gradient = tapped.gradient(everything())
    assert (tapped.activation.dtype, tapped.logits.dtype, gradient.dtype) == (torch.float32,) * 3
    check_exact(half, images.to(dtype), "encoder")


Pair = namedtuple("Pair", ["low", "high"])


@dataclass
class Features:
    name: str
    low: torch.Tensor


CONTAINERS = {
    "tuple": lambda a, b: (a, b),
    "list": lambda a, b: [a, [b]],
    "named tuple": lambda a, b: Pair(a, b),
    "dict": lambda a, b: {"low": a, "high": b},
    "ordered dict": lambda a, b: OrderedDict(low=a, high=b),
    "dataclass": lambda a, b: Features("x", a),
    "nested": lambda a, b: {"text": "no map", "maps": (None, a)},
}


class Several(nn.Module):
    """A layer that returns a container, whose kind the rest of the model relies on."""

    def __init__(self, pack) -> None:
        super().__init__()
        self.low, self.high, self.head = nn.Conv2d(3, 4, 1), nn.Conv2d(3, 4, 1), nn.Conv2d(4, 1, 1)
        self.packed = Packer(pack)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        packed = self.packed(self.low(x), self.high(x))
        match packed:
            case Pair():
                low = packed.low
            case Features():
                low = packed.low
            case {"text": _, "maps": maps}:
                low = maps[1]
            case {}:
                low = packed["low"] + 2 * packed["high"]
            case _:
                low = packed[0]
        return self.head(low.square())


class Packer(nn.Module):
    def __init__(self, pack) -> None:
        super().__init__()
        self.pack = pack

    def forward(self, low: torch.Tensor, high: torch.Tensor):
        return self.pack(low, high)


@pytest.mark.parametrize("kind", CONTAINERS)
def test_layers_that_return_containers(images, kind):
    """The first map is tapped, in a container of the same kind."""
    torch.manual_seed(0)
    model = Several(CONTAINERS[kind])
    tapped = tap(model, images, "packed")
    assert torch.equal(tapped.logits, forward(model, images))
    low = model.low(images).detach()
    base = low + 2 * model.high(images).detach() if kind in ("dict", "ordered dict") else low
    torch.testing.assert_close(tapped.activation.detach(), low)
    torch.testing.assert_close(tapped.gradient(everything()), 2 * base * model.head.weight[0].detach())


def test_one_of_several_outputs_is_chosen(images):
    """name[key] and name[index]."""
    model = Several(CONTAINERS["dict"])
    torch.testing.assert_close(tap(model, images, "packed[high]").activation.detach(), model.high(images).detach())
    with pytest.raises(UsageError, match="no map of an image"):
        tap(model, images, "packed[middle]")


class Twice(nn.Module):
    """One module called twice: logits = sum of squares of f(f(x)) and f(x)."""

    def __init__(self) -> None:
        super().__init__()
        self.shared = nn.Conv2d(3, 3, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        first = self.shared(x)
        second = self.shared(first)
        return (first.square() + 3 * second).sum(dim=1, keepdim=True)


def test_a_layer_called_several_times(images):
    """The last call by default, the first by name; each with the gradient of all that follows it."""
    torch.manual_seed(0)
    model = Twice()
    first = model.shared(images).detach()
    torch.testing.assert_close(tap(model, images, "shared").activation.detach(), model.shared(first).detach())
    torch.testing.assert_close(tap(model, images, "shared").gradient(everything()), torch.full_like(first, 3.0))
    tapped = tap(model, images, "shared#1")
    weights = model.shared.weight.detach().sum(dim=0).reshape(1, 3, 1, 1)
    torch.testing.assert_close(tapped.activation.detach(), first)
    torch.testing.assert_close(tapped.gradient(everything()), 2 * first + 3 * weights)
    with pytest.raises(UsageError, match="called 2 times only"):
        tap(model, images, "shared#3")


def test_nothing_is_left_behind(net, images):
    """Modes, weights, statistics, gradients, hooks and flags are as they were, also after an exception."""
    net.train()
    net.head.weight.requires_grad_(False)
    net.head.bias.grad = torch.ones(1)
    net.dropout.eval()
    before = snapshot(net)
    tap(net, images, "encoder").gradient(everything())
    assert snapshot(net) == before
    with pytest.raises(RuntimeError):
        tap(net, images[:, :2], "encoder")
    with pytest.raises(SegkitError):
        tap(net, images * float("nan"), "encoder").gradient(everything())
    assert snapshot(net) == before
    assert not images.requires_grad


def test_a_buffer_counted_in_place_stays(images):
    """A model that counts its calls in a buffer counts none of these."""

    class Counting(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head = nn.Conv2d(3, 1, 1)
            self.register_buffer("calls", torch.zeros(()))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            self.calls += 1
            return self.head(x)

    model = Counting()
    tap(model, images, "head")
    assert float(model.calls) == 0


def test_a_module_reachable_by_two_names_stays_as_it_is(images):
    """As in networks that keep their blocks in a list and in a chain: flags and weights of both names stay."""

    class Shared(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.blocks = nn.ModuleList([nn.Conv2d(3, 3, 1), nn.Conv2d(3, 1, 1)])
            self.chain = nn.Sequential(*self.blocks)
            self.tied = nn.Conv2d(3, 3, 1)
            self.tied.weight = self.blocks[0].weight

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.chain(self.tied(x))

    model = Shared()
    before, weight = snapshot(model), model.blocks[0].weight
    check_exact(model, images, "tied")
    check_exact(model, images, "blocks.0")
    assert snapshot(model) == before
    assert model.tied.weight is weight


def test_the_graph_starts_at_the_layer(net, images):
    """Nothing before the layer is part of the graph: walking it back from the logits meets no encoder parameter."""
    tapped = tap(net, images.requires_grad_(True), "decoder")
    names, todo = set(), [tapped.logits.grad_fn]
    leaves = []
    while todo:
        node = todo.pop()
        if node is None or node in names:
            continue
        names.add(node)
        if hasattr(node, "variable"):
            leaves.append(node.variable)
        todo += [parent for parent, _ in node.next_functions]
    assert len(leaves) == 1
    assert leaves[0] is tapped.activation
    images.requires_grad_(False)


def test_a_batch_is_explained_as_one_by_one(net, images):
    """One backward pass for the batch gives each image its own gradient."""
    together = tap(net, images, "encoder").gradient(everything())
    alone = torch.cat([tap(net, one[None], "encoder").gradient(everything()) for one in images])
    torch.testing.assert_close(together, alone, rtol=1e-5, atol=1e-6)


def test_all_classes_come_from_one_forward(make_net, images):
    """Several targets, one pass: counted, and equal to passes of their own."""
    task = Task(3, ("a", "b"))
    torch.manual_seed(0)
    model, calls = make_net(3).eval(), []
    handle = model.register_forward_hook(lambda *_: calls.append(1))
    targets = [BoundTarget(Target("all", label), task) for label in range(3)]
    found = list(tap(model, images, "encoder").gradients(targets))
    assert len(calls) == 1
    handle.remove()
    for target, gradient in zip(targets, found, strict=True):
        alone = BoundTarget(target.target, task)
        torch.testing.assert_close(gradient, tap(model, images, "encoder").gradient(alone))


def test_the_graph_is_kept_or_let_go(net, images):
    """Gradients are the same either way; only a kept graph gives them again."""
    tapped = tap(net, images, "encoder")
    kept = [tapped.gradient(everything()), *tapped.gradients([everything(), everything()], keep=False)]
    assert all(torch.equal(kept[0], other) for other in kept)
    with pytest.raises(RuntimeError, match="second time"):
        tapped.gradient(everything())


def test_volumes(make_net):
    """The same in 3D."""
    torch.manual_seed(0)
    task = Task(3, ("lesion",), 3)
    model = make_net(dims=3).eval()
    x = torch.randn(1, 3, 8, 10, 6)
    gradient = tap(model, x, "encoder").gradient(BoundTarget(Target("all", 1), task))
    torch.testing.assert_close(gradient, plain_gradient(model, x, "encoder")[1], rtol=1e-5, atol=1e-6)


def test_a_layer_that_the_logits_do_not_depend_on(images):
    """Said, not answered with zeros."""

    class Aside(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.aside, self.head = nn.Conv2d(3, 2, 1), nn.Conv2d(3, 1, 1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            self.aside(x)
            return self.head(x)

    with pytest.raises(SegkitError, match="do not depend on layer 'aside'"):
        tap(Aside(), images, "aside").gradient(everything())


@pytest.mark.parametrize(
    ("layer", "said"),
    [
        ("encodr", "did you mean 'encoder'"),
        ("encoder.9", "is not in this model"),
        ("encoder#0", "is no layer's name"),
        ("pool", "no map of an image"),
        ("unused", "is not called itself"),
        ("parts", "is not called itself"),
    ],
)
def test_layers_that_cannot_be_tapped(images, layer, said):
    """Unknown, not spatial, never called: with candidates."""

    class Odd(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encoder = nn.Conv2d(3, 1, 1)
            self.pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
            self.unused = nn.Conv2d(3, 1, 1)
            self.parts = nn.ModuleList([nn.Identity()])

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.encoder(x) + self.pool(x).sum()

    with pytest.raises(UsageError, match=said) as caught:
        tap(Odd(), images, layer)
    assert layer == "encoder#0" or "encoder" in caught.value.hint


def test_a_model_without_logits(images):
    """Whatever is no tensor is said."""
    with pytest.raises(SegkitError, match="returned str in eval mode"):
        forward(Text(), images)


class Text(nn.Module):
    def forward(self, x: torch.Tensor) -> str:
        return "logits"
