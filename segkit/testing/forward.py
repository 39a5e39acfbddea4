"""Networks: what they give besides shapes, and what they do besides."""

from __future__ import annotations

import copy
import gc
import weakref
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from segkit.contracts import Outputs
from segkit.testing.causes import told
from segkit.testing.check import NotChecked, check, fail, listed
from segkit.testing.subjects import ArchitectureSubject
from segkit.testing.tensors import SAME, difference, times
from segkit.testing.training import all_logits, shaken

if TYPE_CHECKING:
    import torch
    from torch import nn

BRIGHT = (1.0, 10.0, 100.0)
"""Factors on the images: logits grow with them or at least move, probabilities do not leave [0, 1]."""


@check("arch", "logits", needs=["train-outputs"])
def logits_are_logits(subject: ArchitectureSubject) -> None:
    """It gives logits, in eval and in train mode: no sigmoid, softmax or ReLU after the last layer."""
    import torch

    for classes in (1, 2):
        found: dict[str, list[torch.Tensor]] = {"eval": [], "train": []}
        for seed in (0, 1, 2):
            model = shaken(subject.build(classes=classes, seed=seed))
            for factor in BRIGHT:
                images = subject.images() * factor
                found["eval"].append(subject.logits(model, images).detach())
                with torch.no_grad():
                    found["train"].append(all_logits(model.train()(images))[0])
                model.eval()
        for mode, values in found.items():
            low, high = min(float(one.min()) for one in values), max(float(one.max()) for one in values)
            if low >= 0 and high <= 1:
                name = "sigmoid" if classes == 1 else "softmax or sigmoid"
                fail(
                    f"in {mode} mode with {classes} class{'es' * (classes > 1)} all values are between {low:.3g} and "
                    f"{high:.3g}, whatever the image: probabilities",
                    f"take out the {name}: losses and decoding apply it",
                )
            if low >= 0 and any(bool((one == 0).any()) for one in values):
                fail(f"in {mode} mode no value is below 0 and some are 0", "take out the ReLU after the last layer")
            if low >= -1 and high <= 1 and max(float(one.abs().max()) for one in values) > 1 - 1e-6:
                fail(f"in {mode} mode all values are from -1 to 1", "take out the tanh after the last layer")


def in_train_mode_as_in_eval(model: nn.Module) -> nn.Module:
    """Put a network in train mode while its normalisation and dropout act as in eval mode."""
    model.eval()
    for module in model.modules():
        if any(True for _ in module.children()):
            module.training = True
    model.training = True
    return model


@check("arch", "main-first", needs=["train-outputs"])
def main_first(subject: ArchitectureSubject) -> None:
    """The first logits of Outputs in train mode are those of eval mode."""
    import torch

    model = shaken(subject.build())
    expected = subject.logits(model, subject.images())
    with torch.no_grad():
        found = in_train_mode_as_in_eval(model)(subject.images())
    if not isinstance(found, Outputs) or len(found.logits) < 2:
        raise NotChecked("it gives the main logits alone")
    agree = [difference(expected, one) <= SAME for one in found.logits]
    if not agree[0] and any(agree):
        fail(
            f"logits {agree.index(True)} of train mode are those of eval mode, not the first",
            "put the main logits first: they are what is scored and what weights[0] is of",
        )


@check("arch", "seeds", needs=["builds"])
def seeds(subject: ArchitectureSubject) -> None:
    """Another seed of torch gives other first weights, and each call of the factory a network of its own."""
    first, second = subject.build(seed=0).state_dict(), subject.build(seed=1).state_dict()
    shared = [name for name, value in first.items() if value.numel() and second[name].data_ptr() == value.data_ptr()]
    if shared:
        fail(
            f"two networks share {listed(shared)}",
            "build every module inside the factory: no cache, no module made at import or as a default argument",
        )
    drawn = [name for name, value in first.items() if value.is_floating_point() and value.numel() > 1]
    if drawn and all(difference(first[name], second[name]) == 0 for name in drawn):
        fail("seeds 0 and 1 give equal weights", "take torch.manual_seed out of the plugin: `--seed` has to matter")


@check("arch", "images-kept", needs=["builds"])
def images_kept(subject: ArchitectureSubject) -> None:
    """The images are as they were, in eval and in train mode."""
    import torch

    for mode in (False, True):
        model, images = subject.build().train(mode), subject.images()
        kept = images.clone()
        with torch.no_grad():
            model(images)
        if not torch.equal(kept, images):
            fail("they were changed in place", "write x = x - mean in place of x -= mean; no inplace=True on the input")


@check("arch", "stateless", needs=["deterministic", "sizes"])
def stateless(subject: ArchitectureSubject) -> None:
    """Images seen before, of another size or in train mode without a step, change no logits but through statistics."""
    import torch

    model = subject.build()
    other = tuple(side + subject.multiple for side in subject.size)
    first = subject.logits(model, subject.images())
    subject.logits(model, subject.images(1, other))
    if difference(first, subject.logits(model, subject.images())) > 0:
        fail(
            "after an image of another size the logits differ",
            "keep nothing of one call for the next, or keep it under the size that it belongs to",
        )
    weights = {name: value.clone() for name, value in model.named_parameters()}
    with torch.no_grad():
        model.train()(subject.images(3))
    changed = [name for name, value in model.named_parameters() if not torch.equal(value, weights[name])]
    if changed:
        fail(
            f"forward in train mode changes {listed(changed)}",
            "compute with a changed copy: weights themselves are changed by the optimizer alone",
        )


@check("arch", "aligned", needs=["sizes"])
def aligned(subject: ArchitectureSubject) -> None:
    """What changes in one corner of the image changes the logits there."""
    import torch

    size = tuple(2 * side + 1 for side in subject.size)
    images = subject.images(1, size)
    before = subject.logits(subject.network, images)
    for corner in (slice(0, 4), slice(-4, None)):
        changed = images.clone()
        place = (slice(None), slice(None), *(corner,) * subject.dims)
        changed[place] += 3
        moved = (subject.logits(subject.network, changed) - before).abs()
        if bool(torch.any(moved > 0)) and not bool(torch.any(moved[place] > 0)):
            fail(
                f"a change at the {'start' if corner.start == 0 else 'end'} of every axis moves logits elsewhere alone",
                "pad and crop on the same side; take out flips and transposed axes",
            )


@check("arch", "eval-gradients", needs=["builds"])
def eval_gradients(subject: ArchitectureSubject) -> None:
    """In eval mode gradients flow from the logits to the image and to the layers declared for explanations."""
    import torch

    model, images = shaken(subject.build()), subject.images().requires_grad_()
    kept: dict[str, torch.Tensor] = {}
    modules = dict(model.named_modules())
    handles = [
        modules[name].register_forward_hook(lambda _module, _inputs, output, name=name: kept.__setitem__(name, output))
        for name in subject.layer_names()
        if name in modules
    ]
    try:
        logits = model(images)
    finally:
        for handle in handles:
            handle.remove()
    mend = "take out torch.no_grad, inference_mode, detach and .data from forward: explainers need them"
    if not isinstance(logits, torch.Tensor) or not logits.requires_grad:
        fail("the logits of eval mode have no gradient", mend)
    given = {"the image": images} | {f"layer {name}": one for name, one in kept.items() if tensor_with_graph(one)}
    generator = torch.Generator().manual_seed(1)
    value = (logits * torch.randn(logits.shape, generator=generator)).sum()
    found = torch.autograd.grad(value, list(given.values()), allow_unused=True)
    dead = [name for name, one in zip(given, found, strict=True) if one is None or not bool(one.any())]
    dead += [f"layer {name}" for name, one in kept.items() if not tensor_with_graph(one) and hasattr(one, "shape")]
    if dead:
        fail(f"none reaches {listed(dead)}", mend)


def tensor_with_graph(value: Any) -> bool:
    """Whether a gradient can be asked for."""
    return bool(getattr(value, "requires_grad", False))


@check("arch", "released", needs=["builds"])
def released(subject: ArchitectureSubject) -> None:
    """Nobody holds on to the network or to a step's graph, and gradients are recorded as before."""
    import torch

    model = subject.build()
    all_logits(model.train()(subject.images()))
    held = [f"{name or 'the network'}.{key}" for name, key, value in attributes(model) if has_graph(value)]
    if held:
        fail(
            f"{listed(held)} hold{'s' * (len(held) == 1)} the graph of the last step",
            "keep nothing that forward computes on self, or keep it as value.detach()",
        )
    modes = []
    for mode in (True, False):
        with torch.set_grad_enabled(mode):
            model.eval()(subject.images())
            modes.append(torch.is_grad_enabled())
    if modes != [True, False]:
        fail(
            "forward switches gradients on or off",
            "write with torch.no_grad(): or with torch.enable_grad(): around lines, not torch.set_grad_enabled(...)",
        )
    gone = weakref.ref(model)
    del model
    gc.collect()
    if gone() is not None:
        fail("the network is still there once nobody uses it", "keep no networks in lists, caches or globals")


def attributes(model: nn.Module) -> Iterator[tuple[str, str, Any]]:
    """Yield what modules keep besides parameters, buffers and modules."""
    for name, module in model.named_modules():
        for key, value in vars(module).items():
            if key not in ("_parameters", "_buffers", "_modules"):
                yield name, key, value


def has_graph(value: Any) -> bool:
    """Whether a tensor with a graph is in a value."""
    import torch

    if isinstance(value, dict):
        return any(has_graph(one) for one in value.values())
    if isinstance(value, (list, tuple)):
        return any(has_graph(one) for one in value)
    # Not whatever has such an attribute: a network of a library may keep the class of its tensors.
    return isinstance(value, torch.Tensor) and value.grad_fn is not None


@check("arch", "device", needs=["copies"])
def device(subject: ArchitectureSubject) -> None:
    """Everything that forward needs moves with the network: parameters, buffers, and what forward makes itself."""
    import torch

    # A copy: of a factory that gives one network to all, every other check would find the weights gone.
    model, images = copy.deepcopy(subject.network), subject.images()
    try:
        found = model.to("meta")(images.to("meta"))
    except Exception as error:
        if "device" not in str(error) and "Cannot copy out of meta" not in str(error):
            raise NotChecked(f"torch has no device without memory for it: {type(error).__name__}") from None
        fail(
            f"on a device other than the CPU it raised {told(error)}",
            "make tensors in forward with device=x.device, keep constant ones with register_buffer, take out .cpu()",
        )
    if isinstance(found, torch.Tensor) and found.device.type != "meta":
        fail(f"logits of a network on another device are on {found.device}", "take .cpu() and device='cpu' out")


@check("arch", "float32", needs=["builds"])
def precision(subject: ArchitectureSubject) -> None:
    """Logits of float32 images are float32 and finite at images of any brightness, blank ones included."""
    import torch

    if subject.reference.dtype != torch.float32:
        fail(f"they are {subject.reference.dtype}", "make tensors in forward with dtype=x.dtype")
    for name, images in (("a blank image", subject.images() * 0), ("an image of 1,000", subject.images() * 1e3)):
        found = subject.logits(subject.network, images)
        if not bool(found.isfinite().all()):
            fail(f"{name} gives logits that are NaN or infinite", "add a small number under roots and denominators")
    if difference(subject.reference, subject.logits(subject.network, subject.images() * 0)) == 0:
        fail(f"a blank image gives the same logits as {times(subject.size)} of noise", "use x in forward")
