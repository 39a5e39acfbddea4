"""Explainers that are each wrong in one way."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional
from wrong import Table

import segkit
from segkit.explain import forward, tap

EXPLAINERS = Table()


def right(model, x, layer, target):
    """Gradient times activation."""
    tapped = tap(model, x, layer)
    return (tapped.gradient(target) * tapped.activation.detach()).sum(dim=1), target.status


def explainer(check, says, *also, **declares):
    """Register a function."""

    def register(function):
        def build(params):
            return function

        build.__name__ = function.__name__
        EXPLAINERS.add(check, says, *also, **declares)(build)
        return function

    return register


@explainer("sign", "look at the sign")
def sign_exchanged(model, x, layer, target):
    maps, status = right(model, x, layer, target)
    return -maps, status


@explainer("sign", "which way round the axes are")
def flipped(model, x, layer, target):
    maps, status = right(model, x, layer, target)
    return maps.flip(1, 2), status


@explainer("range", "return signed raw values", "layer")
def constant_map(model, x, layer, target):
    maps, status = right(model, x, layer, target)
    return torch.stack([one * 0 + bool(one.any()) for one in maps]), status


@explainer("shape", "leave upsampling to the core")
def upsampled(model, x, layer, target):
    maps, status = right(model, x, layer, target)
    return functional.interpolate(maps[:, None], x.shape[2:])[:, 0], status


@explainer("shape", "return finite signed maps")
def with_channels(model, x, layer, target):
    tapped = tap(model, x, layer)
    return tapped.gradient(target), target.status


@explainer("shape", "return finite signed maps")
def as_numpy(model, x, layer, target):
    maps, status = right(model, x, layer, target)
    return maps.numpy(), status


@explainer("shape", "return finite signed maps")
def maps_alone(model, x, layer, target):
    return right(model, x, layer, target)[0]


@explainer("shape", "in wrong_explainers.py line")
def dims_of_two(model, x, layer, target):
    maps, status = right(model, x, layer, target)
    rows, columns = maps.shape[1:]
    return maps.view(len(maps), rows, columns), status


@explainer("shape", "return target.status")
def words_of_its_own(model, x, layer, target):
    maps, status = right(model, x, layer, target)
    return maps, ["fine" if word == "ok" else word for word in status]


@explainer("deterministic", "draw with a generator of its own")
def noise(model, x, layer, target):
    return right(model, x + 1e-3 * torch.randn(x.shape), layer, target)


@explainer("independent", "normalise per sample")
def normalised_over_the_batch(model, x, layer, target):
    maps, status = right(model, x, layer, target)
    return maps / maps.abs().max().clamp_min(1e-9), status


@explainer("empty-target", "return target.status")
def always_ok(model, x, layer, target):
    maps, status = right(model, x, layer, target)
    return maps, ("ok",) * len(status)


@explainer("empty-target", "score alone")
def activation_alone(model, x, layer, target):
    tapped = tap(model, x, layer)
    weight = tapped.gradient(target).sum(1)
    return weight + tapped.activation.detach().mean(1), target.status


@explainer("several", "keep the targets' gradients apart", several=True)
def sum_of_targets(model, x, layer, targets):
    found = [right(model, x, layer, target) for target in targets]
    total = torch.stack([maps for maps, _ in found]).sum(0)
    return [(total * (maps != 0).any(), status) for maps, status in found]


@explainer("no-trace", "leave no trace")
def eval_left_on(model, x, layer, target):
    model.eval()
    return right(model, x, layer, target)


@explainer("no-trace", "leave no trace", "released")
def hook_left(model, x, layer, target):
    model.get_submodule(layer).register_forward_hook(lambda module, inputs, output: None)
    return right(model, x, layer, target)


@explainer("no-trace", "leave no trace", "calm")
def backward_into_weights(model, x, layer, target):
    maps, status = right(model, x, layer, target)
    leaf = x.detach().clone().requires_grad_()
    target(model(leaf)).sum().backward()
    return maps, status


@explainer("no-trace", "x.detach().clone()")
def gradients_of_the_images(model, x, layer, target):
    found = right(model, x, layer, target)
    x.requires_grad_(True)
    return found


@explainer("no-trace", "leave no trace", "calm")
def gradients_switched_on(model, x, layer, target):
    for weight in model.parameters():
        weight.requires_grad_(True)
    return right(model, x, layer, target)


@explainer("layer", "use the layer that the function is given")
def always_one_layer(model, x, layer, target):
    names = [name for name, _ in model.named_modules()]
    return right(model, x, "middle" if "up" in names else layer, target)


@explainer("layer", "use the layer that the function is given", layered=True)
def last_convolution(model, x, layer, target):
    maps, status = right(model, x, "head", target)
    grid = tap(model, x, layer).activation.shape[2:]
    return functional.adaptive_avg_pool2d(maps[:, None], grid)[:, 0] if maps.ndim == 3 else (
        functional.adaptive_avg_pool3d(maps[:, None], grid)[:, 0]
    ), status


@explainer("target", "take the score from target(logits)")
def first_class_always(model, x, layer, target):
    tapped = tap(model, x, layer)
    gradient = tapped.gradient(target)
    activation = tapped.activation.detach()
    weights = gradient.abs().sum((1, *range(2, gradient.ndim)), keepdim=True) > 0
    return (activation * weights).sum(1), target.status


@explainer("model", "ask the model", "layer")
def edge_detector(model, x, layer, target):
    tapped = tap(model, x, layer)
    used = (tapped.gradient(target).flatten(1).abs().sum(1) > 0).float()
    labels = float(len(target.target.text.__name__)) if target.target is None else float(target.target.label or 0)
    edges = (x - x.roll(1, -1)).abs().mean(1) + x.mean(1).clamp_min(0) + labels * 1e-3 * x.mean(1)
    grid = tapped.activation.shape[2:]
    pool = functional.adaptive_avg_pool2d if x.ndim == 4 else functional.adaptive_avg_pool3d
    return pool(edges[:, None], grid)[:, 0] * used.view(-1, *[1] * (x.ndim - 2)), target.status


@explainer("classes", "")
def three_channels(model, x, layer, target):
    centred = x - torch.tensor([0.0, 0.0, 0.0]).view(3, *[1] * (x.ndim - 2))
    return right(model, centred, layer, target)


@explainer("blank", "return finite signed maps")
def divides_by_brightness(model, x, layer, target):
    maps, status = right(model, x, layer, target)
    return maps / x.abs().flatten(1).sum(1).view(-1, *[1] * (maps.ndim - 1)), status


@explainer("calm", "torch.enable_grad")
def gradients_of_the_caller(model, x, layer, target):
    if not torch.is_grad_enabled():
        maps, status = right(model, x, layer, target)
        return maps * 0, status
    return right(model, x, layer, target)


@explainer("calm", "gradients of the layer")
def gradients_of_weights(model, x, layer, target):
    maps, status = right(model, x, layer, target)
    return maps * (1.0 if next(model.parameters()).requires_grad else 0.5), status


KEPT = []


@explainer("released", "keep neither in a cache")
def models_kept(model, x, layer, target):
    KEPT.append(model)
    return right(model, x, layer, target)


@explainer("globals", "torch.manual_seed")
def seeds_torch(model, x, layer, target):
    torch.manual_seed(0)
    return right(model, x + 1e-3 * torch.randn(x.shape), layer, target)


@explainer("globals", "torch.set_grad_enabled", "calm")
def gradients_off_afterwards(model, x, layer, target):
    found = right(model, x, layer, target)
    torch.set_grad_enabled(False)
    return found


@explainer("globals", "numpy.random.seed")
def seeds_numpy(model, x, layer, target):
    np.random.seed(0)
    return right(model, x, layer, target)


@explainer("silent", "take out print()")
def prints(model, x, layer, target):
    print("explaining", layer)
    return right(model, x, layer, target)


@dataclass(frozen=True)
class Samples:
    """Params of an explainer."""

    samples: int = segkit.param(8, "How many noisy images are averaged.", min=1)


@EXPLAINERS.add("params-effect", "nothing reads samples", params=Samples)
def param_forgotten(params):
    return right


DOUBT = {"layered": False, "map": "uncertainty"}


def entropy_of(model, x, target, *, base=None):
    """Entropy of the softmax, as a share of the largest there is."""
    logits = forward(model, x)
    if logits.shape[1] == 1:
        logits = torch.cat((torch.zeros_like(logits), logits), dim=1)
    found = torch.nn.functional.softmax(logits, dim=1)
    return torch.special.entr(found).sum(dim=1) / np.log(base or found.shape[1])


@explainer("unsure", "not its confidence", **DOUBT)
def confidence_for_uncertainty(model, x, layer, target):
    return 1 - entropy_of(model, x, target).clamp(0, 1), ("ok",) * len(x)


@explainer("shape", "0, sure, to 1", **DOUBT)
def entropy_in_nats(model, x, layer, target):
    return entropy_of(model, x, target, base=np.e) * 2, ("ok",) * len(x)


@explainer("deterministic", "draw with a generator of its own", "independent", "calm", needs=("dropout",), **DOUBT)
def dropout_without_a_seed(model, x, layer, target):
    dropout = [module for module in model.modules() if isinstance(module, torch.nn.Dropout)]
    modes = {module: module.training for module in model.modules()}
    model.eval()
    for module in dropout:
        module.train()
    with torch.no_grad():
        maps = torch.stack([model(x).softmax(dim=1).amax(dim=1) for _ in range(4)]).std(dim=0)
    for module, training in modes.items():
        module.training = training
    return maps, ("ok",) * len(x)


@explainer("overlapping", "label n is logit n - 1", overlapping=True)
def logit_by_label(model, x, layer, target):
    tapped = tap(model, x, layer)
    status = target.status

    def chosen(logits):
        target(logits)
        place = target.label if logits.shape[1] > 1 else 0
        return (logits[:, place] * target.masks).flatten(1).sum(1)

    found = (tapped.gradient(chosen) * tapped.activation.detach()).sum(dim=1)
    return found, target.status or status
