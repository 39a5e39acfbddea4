"""Networks: shapes, sizes and what a prediction may depend on."""

from __future__ import annotations

from segkit.config import ChosenParams, Layer, resolve
from segkit.errors import SegkitError
from segkit.testing.check import NotChecked, check, fail
from segkit.testing.subjects import ArchitectureSubject
from segkit.testing.tensors import SAME, difference, times

CHANNELS_AND_CLASSES = ((1, 1), (3, 2), (4, 15))
SIZES = {2: ((64, 64), (97, 131)), 3: ((16, 16, 16), (17, 11, 23))}
LARGE = (767, 1022)


@check("arch", "defaults", needs=["params"])
def defaults(subject: ArchitectureSubject) -> None:
    """The declared defaults name fields and params that exist, with values that fit."""
    declared = subject.component.defaults.get(subject.dims, {})
    try:
        resolve([Layer("defaults", declared)], [ChosenParams("arch", subject.name, subject.component.params)])
    except SegkitError as error:
        fail(error.message, f"mend defaults={{{subject.dims}: ...}}; {error.hint}")


@check(
    "arch",
    "builds",
    needs=["resolves"],
    raised="take the channels from task.in_channels and task.out_channels, in whatever follows them too",
)
def builds(subject: ArchitectureSubject) -> None:
    """It is built for 1, 3 and 4 channels and 1, 2 and 15 classes, and gives finite logits (N, K, *S)."""
    for channels, classes in CHANNELS_AND_CLASSES:
        task = subject.task(channels, classes)
        model = subject.build(channels, classes)
        images = subject.images(1, channels=channels)
        logits = subject.logits(model, images)
        expected = (1, task.out_channels, *subject.size)
        if tuple(logits.shape) != expected:
            fail(
                f"for {channels} channels and {classes} classes {times(images.shape)} gave {times(logits.shape)}",
                "take the channels from task.in_channels and task.out_channels, and return logits on the image's grid",
                f"logits of shape {times(expected)}",
            )
        if not logits.isfinite().all():
            fail(
                f"logits for {channels} channels and {classes} classes are NaN or infinite",
                "look for divisions by zero and first weights that are too large",
                "finite logits",
            )


@check("arch", "repeatable", needs=["builds"])
def repeatable(subject: ArchitectureSubject) -> None:
    """Equal seeds of torch give equal first weights."""
    first, second = subject.network.state_dict(), subject.build().state_dict()
    for name, value in first.items():
        if name not in second or difference(value, second[name]) > 0:
            fail(f"{name} differs", "draw first weights with torch alone: torch.manual_seed has to be enough")


@check(
    "arch",
    "sizes",
    needs=["builds"],
    raised="compute from x.shape in forward what depends on the size: positions and grids of one size are interpolated",
)
def sizes(subject: ArchitectureSubject) -> None:
    """Images of any size from the stated minimum up give logits on the same grid, odd sides included."""
    least = subject.minimum
    wanted = [tuple(max(side, least) for side in size) for size in SIZES[subject.dims]]
    wanted += [LARGE] if subject.dims == 2 else []
    wanted.append(tuple(least + extra for extra in (1, 3, 2)[: subject.dims]))
    for size in wanted:
        logits = subject.logits(subject.network, subject.images(1, size))
        if tuple(logits.shape[2:]) != size:
            fail(
                f"an image of {times(size)} gave logits of {times(logits.shape[2:])}",
                "pad inside and crop the logits, or resize the logits to x.shape[2:]",
            )


@check("arch", "minimum", needs=["builds"])
def minimum(subject: ArchitectureSubject) -> None:
    """The smallest side it states works, and one below is refused by a SegkitError that says so."""
    least, dims = subject.minimum, subject.dims
    size = (least,) * dims
    try:
        logits = subject.logits(subject.network, subject.images(2, size))
    except Exception as error:
        fail(f"{times(size)} raised {type(error).__name__}: {error}", "state a larger size_minimum on the module")
    if tuple(logits.shape[2:]) != size:
        fail(f"{times(size)} gave logits of {times(logits.shape[2:])}", "state a larger size_minimum on the module")
    if least == 1:
        return
    below = (*size[1:], least - 1)
    try:
        subject.logits(subject.network, subject.images(2, below))
    except SegkitError as error:
        if str(least) not in str(error):
            fail(f"the message {str(error)!r} does not name {least}", "say in it which side is the smallest")
    except Exception as error:
        fail(
            f"{times(below)} raised {type(error).__name__}: {error}", "raise segkit.SegkitError(message, hint) instead"
        )
    else:
        fail(f"{times(below)} went through, the stated minimum is {least}", "state the true size_minimum")


@check("arch", "deterministic", needs=["builds"])
def deterministic(subject: ArchitectureSubject) -> None:
    """In eval mode the same images give the same logits, bit for bit."""
    again = subject.logits(subject.network, subject.images())
    if difference(subject.reference, again) > 0:
        fail(
            f"a second call differs by {difference(subject.reference, again):.2g} of the largest logit",
            "let dropout and noise act only in train mode",
        )


@check("arch", "independent", needs=["deterministic"])
def independent(subject: ArchitectureSubject) -> None:
    """In eval mode an image's logits do not depend on the batch's other images."""
    alone = subject.logits(subject.network, subject.images()[:1])
    apart = difference(subject.reference[:1], alone)
    if apart > SAME:
        fail(
            f"alone the first image's logits differ by {apart:.2g} of the largest",
            "normalise with running statistics or per sample, not over the batch",
            f"a difference of at most {SAME:g}",
        )


@check("arch", "layers", needs=["sizes"])
def layers(subject: ArchitectureSubject) -> None:
    """The layers declared for explanations exist and give maps (N, channels, *grid)."""
    import torch

    declared = subject.found.layers(subject.params)
    if not declared:
        raise NotChecked("it declares no layers; explainers that need one have to be told with --layer")
    modules = dict(subject.network.named_modules())
    images = subject.images()
    for label, name in declared.items():
        if name not in modules:
            fail(f"layers[{label!r}] = {name!r} is no module of the network", "take a name from model.named_modules()")
        shapes: list[tuple[int, ...]] = []

        def note(_module: object, _inputs: object, output: object, shapes: list[tuple[int, ...]] = shapes) -> None:
            shapes.append(tuple(output.shape) if isinstance(output, torch.Tensor) else ())

        handle = modules[name].register_forward_hook(note)
        try:
            subject.logits(subject.network, images)
        finally:
            handle.remove()
        if not shapes:
            fail(f"layers[{label!r}] = {name!r} is not called in eval mode", "name a module that forward calls")
        if any(len(shape) != subject.dims + 2 or shape[0] != len(images) for shape in shapes):
            fail(f"layers[{label!r}] = {name!r} gives {shapes[0] or 'no tensor'}", "name a module that keeps the grid")
        # Sides grow with the image's, channels do not: (N, *grid, channels) of a transformer looks right at one size.
        channels = shapes[0][1]
        handle = modules[name].register_forward_hook(note)
        try:
            subject.logits(subject.network, subject.images(size=tuple(2 * side for side in subject.size)))
        finally:
            handle.remove()
        if shapes[-1][1] != channels:
            fail(f"layers[{label!r}] = {name!r} gives {shapes[0]}", "name a module that has channels second")
