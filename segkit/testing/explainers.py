"""Explainers, on a small network of the kit's own: maps, statuses, and what they leave behind."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from segkit.declarations import Task
from segkit.errors import SegkitError
from segkit.testing.causes import told
from segkit.testing.check import NotChecked, check, fail
from segkit.testing.subjects import ExplainerSubject
from segkit.testing.tensors import SAME, difference, times

if TYPE_CHECKING:
    import torch
    from torch import nn

    from segkit.explain.case import RawMaps

CLASSES = ("class-1", "class-2")
OFFERS = frozenset(["dropout"])
"""What the kit's network offers explainers."""
LAYER = "middle"
SIZES = {2: (16, 24), 3: (8, 12, 10)}


def make_network(dims: int = 2, bias: float = 0.0, channels: int = 3, classes: int = 2) -> nn.Module:
    """Return a network in eval mode: normalisation, activations in place, and a layer `middle` on half the grid.

    Args:
        bias: added to the logits of the last class; far below 0 nothing is predicted as it.
    """
    import torch
    from torch import nn

    convolution, norm = (nn.Conv2d, nn.BatchNorm2d) if dims == 2 else (nn.Conv3d, nn.BatchNorm3d)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return assembled(convolution, norm, bias, channels, classes)


def assembled(convolution: Any, norm: Any, bias: float, channels: int, classes: int) -> nn.Module:
    """The network of `make_network`, its weights drawn with the generator that everybody shares."""
    import torch
    from torch import nn

    model = nn.Sequential()
    model.add_module("stem", nn.Sequential(convolution(channels, 6, 3, padding=1), norm(6), nn.ReLU(inplace=True)))
    model.add_module(LAYER, nn.Sequential(convolution(6, 8, 3, stride=2, padding=1), nn.ReLU(inplace=True)))
    model.add_module("up", nn.Upsample(scale_factor=2, mode="nearest"))
    outputs = 1 if classes == 1 else classes + 1
    # Only explainers that turn it on see it: in eval mode it hands on what it is given.
    model.add_module("dropout", nn.Dropout(0.3))
    model.add_module("head", convolution(8, outputs, 1))
    with torch.no_grad():
        model.get_parameter("head.weight").mul_(4)
        model.get_parameter("head.bias").copy_(torch.tensor([0.0] * (outputs - 1) + [bias]))
    return model.eval()


def images(dims: int = 2) -> torch.Tensor:
    """Two reproducible images (2, 3, *S)."""
    import torch

    return torch.randn(2, 3, *SIZES[dims], generator=torch.Generator().manual_seed(3))


def explain(
    subject: ExplainerSubject,
    model: nn.Module,
    x: torch.Tensor,
    targets: tuple[str, ...] = ("all:class-1",),
    *,
    layer: str = LAYER,
    classes: int = len(CLASSES),
    built: Any = None,
) -> list[RawMaps]:
    """Explain through the core; what it refuses is a failure.

    Args:
        built: the explainer's function, where it is not to be built anew.
    """
    from segkit.explain.case import bind, build_explainer, raw_maps
    from segkit.explain.targets import parse_target

    task = Task(x.shape[1], tuple(f"class-{number}" for number in range(1, classes + 1)), x.ndim - 2)
    bound = bind([parse_target(text, task) for text in targets], task, None)
    explainer = build_explainer(subject.found, subject.params)
    explainer = explainer if built is None else replace(explainer, function=built)
    try:
        return raw_maps(model, x, explainer, layer if explainer.layered else None, bound)
    except SegkitError as error:
        # The hint of the core is for those who use the explainer; whoever reads this wrote it.
        cause = error.__cause__
        if cause is not None:
            fail(f"it raised {told(cause)}", "take any number of channels, classes and axes, as model and x have them")
        values = "signed maps as" if explainer.map == "attribution" else "maps of values from 0, sure, to 1, as"
        fail(
            error.message, f"return finite {values} a tensor (N, *grid), and a status per sample, whatever it is given"
        )


@check("explainer", "shape", needs=["resolves"])
def shape(subject: ExplainerSubject) -> None:
    """It gives finite maps (N, *grid) and a status per sample in 2D and 3D, on the layer's grid where it takes one."""
    missing = sorted({*subject.component.needs} - OFFERS)
    if missing:
        raise NotChecked(f"it needs {' and '.join(missing)}, which the kit's network does not offer")
    for dims, size in SIZES.items():
        (found,) = explain(subject, make_network(dims), images(dims))
        expected = (2, *(side // 2 for side in size))
        if subject.component.layered and tuple(found.maps.shape) != expected:
            fail(f"maps are {times(found.maps.shape)}", "leave upsampling to the core", f"{times(expected)}")
        if found.status != ("ok", "ok"):
            fail(f"the statuses are {found.status}", "return target.status", "ok for two ordinary images")


@check("explainer", "range", needs=["shape"])
def value_range(subject: ExplainerSubject) -> None:
    """On an ordinary image maps are not constant, and become heat maps from 0 to at most 1."""
    from segkit.explain.heat import heat_maps

    x = images()
    (found,) = explain(subject, make_network(), x)
    for number, one in enumerate(found.maps):
        if bool((one == one.flatten()[0]).all()):
            fail(f"the map of image {number} is {float(one.flatten()[0]):.4g} everywhere", "return signed raw values")
    heat = heat_maps(found.maps, x.shape[2:], found.padding, x.shape[2:])
    if not (float(heat.min()) >= 0 and float(heat.max()) <= 1):
        fail(f"heat goes from {float(heat.min()):.4g} to {float(heat.max()):.4g}", "return finite maps of usual size")


@check("explainer", "deterministic", needs=["shape"])
def deterministic(subject: ExplainerSubject) -> None:
    """The same model, images and target give the same maps, bit for bit."""
    import torch

    model = make_network()
    torch.manual_seed(1)
    first = explain(subject, model, images())[0].maps
    torch.manual_seed(2)
    second = explain(subject, model, images())[0].maps
    if difference(first, second) > 0:
        fail(f"they differ by {difference(first, second):.2g}", "draw with a generator of its own, the seed a param")


@check("explainer", "independent", needs=["deterministic"])
def independent(subject: ExplainerSubject) -> None:
    """An image's map does not depend on the batch's other images."""
    x = images()
    together, alone = (explain(subject, make_network(), part)[0].maps for part in (x, x[:1]))
    if difference(together[:1], alone) > SAME:
        fail(f"alone it differs by {difference(together[:1], alone):.2g}", "normalise per sample, or not at all")


@check("explainer", "empty-target", needs=["shape"])
def empty_target(subject: ExplainerSubject) -> None:
    """Where no pixel is in the target, the status says "empty target" and the map is 0."""
    if subject.component.map != "attribution":
        raise NotChecked("its maps are of every pixel")
    (found,) = explain(subject, make_network(bias=-1e4), images(), ("predicted:class-2",))
    if found.status != ("empty target",) * 2:
        fail(f"the statuses are {found.status}", "return target.status as it is after target(logits)")
    if bool(found.maps.any()):
        fail(
            f"values go up to {float(found.maps.abs().max()):.4g}", "multiply with the target's gradient or score alone"
        )


@check("explainer", "several", needs=["deterministic"])
def several(subject: ExplainerSubject) -> None:
    """Several targets in one call give what each gives on its own."""
    if not subject.component.several:
        raise NotChecked("it takes one target at a time")
    texts = ("all:class-1", "predicted:class-2")
    for text, found in zip(texts, explain(subject, make_network(), images(), texts), strict=True):
        (alone,) = explain(subject, make_network(), images(), (text,))
        if difference(alone.maps, found.maps) > SAME or alone.status != found.status:
            fail(f"the map of {text} is another one among others", "keep the targets' gradients apart")


@check("explainer", "no-trace", needs=["shape"])
def no_trace(subject: ExplainerSubject) -> None:
    """Model and images are as they were: modes, weights, statistics, gradients, hooks and flags."""
    import torch

    model, x = make_network().train(), images()
    model.get_parameter("stem.0.weight").requires_grad_(False)
    model.get_parameter("head.bias").grad = torch.ones(len(CLASSES) + 1)
    before, kept = snapshot(model), x.clone()
    explain(subject, model, x)
    after = snapshot(model)
    for name, value in before.items():
        if after.get(name) != value:
            fail(f"{name} of the model changed", "use segkit.explain.tap and forward, which leave no trace")
    if after.keys() != before.keys():
        fail(f"the model has {sorted(after.keys() - before.keys())}", "take down every hook and attribute")
    if x.requires_grad or x.grad is not None or not torch.equal(kept, x):
        fail("the images changed, or ask for gradients", "work on x.detach().clone()")


def snapshot(model: nn.Module) -> dict[str, Any]:
    """All that an explainer could leave behind, in a form that can be compared."""
    found: dict[str, Any] = {}
    for name, module in model.named_modules():
        found[f"the mode of {name or 'all'}"] = module.training
        for key, value in vars(module).items():
            if key.endswith("_hooks"):
                found[f"{key} of {name or 'all'}"] = len(value)
        found[f"the attributes of {name or 'all'}"] = sorted(vars(module))
    for name, value in model.state_dict().items():
        found[f"the value of {name}"] = value.detach().clone().flatten().tolist()
    for name, weight in model.named_parameters():
        found[f"requires_grad of {name}"] = weight.requires_grad
        found[f"the gradient of {name}"] = None if weight.grad is None else weight.grad.flatten().tolist()
    return found
