"""Explainers: whether a map is of the model, the layer, the target and the image it was asked for."""

from __future__ import annotations

import gc
import weakref
from typing import TYPE_CHECKING, Any

from segkit.testing.check import NotChecked, check, fail
from segkit.testing.explainers import explain, images, make_network
from segkit.testing.subjects import ExplainerSubject
from segkit.testing.tensors import SAME, difference, times

if TYPE_CHECKING:
    import torch
    from torch import nn

BLOB = (slice(3, 9), slice(4, 12))
"""Where the planted structure is."""
SIDES = (24, 32)


def planted() -> tuple[nn.Module, torch.Tensor]:
    """A network whose class-1 is what is bright, and an image with one bright blob.

    The layer `middle` has a channel that speaks for class-1, one that speaks against it and one that says nothing.
    """
    import torch
    from torch import nn

    model = nn.Sequential()
    model.add_module("stem", nn.Sequential(nn.Conv2d(3, 3, 1), nn.ReLU()))
    model.add_module("middle", nn.Sequential(nn.Conv2d(3, 3, 3, padding=1), nn.ReLU()))
    model.add_module("head", nn.Conv2d(3, 3, 1))
    with torch.no_grad():
        for weight in model.parameters():
            weight.zero_()
        model.get_parameter("stem.0.weight")[0, :, 0, 0] = 1 / 3
        model.get_parameter("stem.0.weight")[1, :, 0, 0] = -1 / 3
        model.get_parameter("middle.0.weight")[0, 0] = 1 / 9
        model.get_parameter("middle.0.weight")[1, 1] = 1 / 9
        model.get_parameter("middle.0.bias")[2] = 1
        model.get_parameter("head.weight")[1, :, 0, 0] = torch.tensor([4.0, -4.0, 0.0])
        model.get_parameter("head.bias").copy_(torch.tensor([0.0, -2.0, -9.0]))
    image = torch.full((1, 3, *SIDES), -0.5)
    image[(slice(None), slice(None), *BLOB)] = 2
    return model.eval(), image


@check("explainer", "sign", needs=["range"])
def sign(subject: ExplainerSubject) -> None:
    """What speaks for the target is above 0: of a network that looks for what is bright, the bright structure."""
    from segkit.explain.heat import heat_maps

    if subject.component.map != "attribution":
        raise NotChecked("its maps say how unsure the network is, not what speaks for a class")
    model, image = planted()
    (found,) = explain(subject, model, image, ("predicted:class-1",))
    heat = heat_maps(found.maps, image.shape[2:], found.padding, image.shape[2:])[0]
    inside = float(heat[BLOB].mean())
    outside = float((heat.sum() - heat[BLOB].sum()) / (heat.numel() - heat[BLOB].numel()))
    if inside <= 0 or inside < 1.2 * outside:
        fail(
            f"the mean heat is {inside:.3g} in the structure and {outside:.3g} around it",
            "look at the sign, at which way round the axes are, and at what the gradient is multiplied with",
            "more heat in the bright structure that alone makes the class",
        )


def half_sure() -> tuple[nn.Module, torch.Tensor]:
    """A network and an image: in its left half every feature speaks for class-1, in its right one they cancel out."""
    import torch
    from torch import nn

    model = nn.Sequential()
    model.add_module("middle", nn.Sequential(nn.Conv2d(3, 6, 1), nn.ReLU()))
    model.add_module("dropout", nn.Dropout(0.3))
    model.add_module("head", nn.Conv2d(6, 3, 1))
    with torch.no_grad():
        for weight in model.parameters():
            weight.zero_()
        model.get_parameter("middle.0.weight")[:4] = 1 / 3
        model.get_parameter("middle.0.weight")[4:] = -1 / 3
        model.get_parameter("head.weight")[1, :, 0, 0] = torch.tensor([10.0, 10.0, 10.0, 10.0, 6.0, -6.0])
    image = torch.ones(1, 3, *SIDES)
    image[..., SIDES[1] // 2 :] = -1
    return model.eval(), image


@check("explainer", "unsure", needs=["range"])
def unsure(subject: ExplainerSubject) -> None:
    """A map of uncertainty is high where the network's features contradict each other, and low where they agree."""
    if subject.component.map != "uncertainty":
        raise NotChecked("its maps are of what speaks for a class")
    model, image = half_sure()
    (found,) = explain(subject, model, image)
    sure, doubtful = (float(half.mean()) for half in found.maps[0].chunk(2, dim=-1))
    if doubtful < 1.2 * sure or doubtful <= 0:
        fail(
            f"the mean is {sure:.3g} where all speaks for one class and {doubtful:.3g} where nothing does",
            "give 0 where the network is sure and more where it is not: not its confidence",
            "more uncertainty where classes are equal",
        )


@check("explainer", "layer", needs=["range"])
def layer(subject: ExplainerSubject) -> None:
    """A map is of the layer that was asked for, on its grid."""
    if not subject.component.layered:
        raise NotChecked("it explains no layer")
    x = images()
    found = explain(subject, make_network(), x, layer="stem")[0].maps
    if tuple(found.shape) != (len(x), *x.shape[2:]):
        fail(
            f"for a layer on a grid of {times(x.shape[2:])} maps are {times(found.shape)}",
            "use the layer that the function is given, by model.get_submodule or segkit.explain.tap",
        )
    other = explain(subject, make_network(), x, layer="stem.0")[0].maps
    third = explain(subject, make_network(), x, layer="head")[0].maps
    if difference(found, third) == 0 and difference(other, third) == 0:
        fail("stem and head have the same map", "use the layer that the function is given")


@check("explainer", "target", needs=["range"])
def target(subject: ExplainerSubject) -> None:
    """Another target has another map."""
    model, x = make_network(), images()
    if subject.component.map != "attribution":
        raise NotChecked("its maps are of no class")
    first, second = (explain(subject, model, x, (text,))[0].maps for text in ("all:class-1", "all:class-2"))
    if difference(first, second) == 0:
        fail("class-1 and class-2 have the same map", "take the score from target(logits) alone")


@check("explainer", "model", needs=["range"])
def model_matters(subject: ExplainerSubject) -> None:
    """Another network has another map: an edge detector explains nothing."""
    import torch

    x, twin = images(), make_network()
    with torch.no_grad():
        for number, weight in enumerate(twin.parameters()):
            weight.copy_(torch.randn(weight.shape, generator=torch.Generator().manual_seed(number)))
    if difference(explain(subject, make_network(), x)[0].maps, explain(subject, twin, x)[0].maps) <= SAME:
        fail("with other weights the map is the same", "ask the model: its gradients, activations or answers")


@check("explainer", "classes", needs=["shape"])
def classes(subject: ExplainerSubject) -> None:
    """Networks of 1, 3 and 4 channels, of 1 and of 15 classes, and images of odd sides are explained."""
    import torch

    for channels, number, size in ((1, 1, (16, 24)), (4, 15, (17, 23))):
        torch.manual_seed(0)
        model = make_network(channels=channels, classes=number)
        x = torch.randn(1, channels, *size, generator=torch.Generator().manual_seed(number))
        (found,) = explain(subject, model, x, (f"all:class-{number}",), classes=number)
        if found.status != ("ok",):
            fail(f"with {channels} channels and {number} classes the status is {found.status}", "return target.status")


@check("explainer", "blank", needs=["shape"])
def blank(subject: ExplainerSubject) -> None:
    """A blank image has a finite map."""
    explain(subject, make_network(), images() * 0)


@check("explainer", "calm", needs=["deterministic"])
def calm(subject: ExplainerSubject) -> None:
    """It works where gradients are switched off or parameters are frozen, and leaves both as they were."""
    import torch

    model, x = make_network().requires_grad_(False), images()
    expected = explain(subject, make_network(), x)[0].maps
    found = explain(subject, model, x)[0].maps
    if difference(expected, found) > SAME:
        fail("with frozen parameters the map is another one", "ask for gradients of the layer or the image")
    with torch.no_grad():
        try:
            found = explain(subject, make_network(), x)[0].maps
        finally:
            silent = torch.is_grad_enabled()
    if silent or not torch.is_grad_enabled():
        fail("gradients are switched the other way afterwards", "write with torch.enable_grad():")
    if difference(expected, found) > SAME:
        fail("where gradients are switched off the map is another one", "write with torch.enable_grad(): around it")


@check("explainer", "released", needs=["shape"])
def released(subject: ExplainerSubject) -> None:
    """Nobody holds on to the model and the images once they are explained."""
    model, x = make_network(), images()
    things: list[Any] = [weakref.ref(model), weakref.ref(x)]
    explain(subject, model, x)
    del model, x
    gc.collect()
    held = [name for name, one in zip(("the model", "the images"), things, strict=True) if one() is not None]
    if held:
        fail(f"{' and '.join(held)} cannot be freed", "keep neither in a cache, a global or on the explainer")
