"""Augmentations: image and mask stay together, and all randomness comes from the generator that is given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from segkit.contracts import IGNORE
from segkit.declarations import Task
from segkit.declarations.parts import Augmentation
from segkit.errors import SegkitError
from segkit.testing.check import NotChecked, check, fail
from segkit.testing.subjects import ComponentSubject

if TYPE_CHECKING:
    import torch

SIZES = {2: (24, 32), 3: (16, 20, 24)}
DRAWS = 12
"""Seeds with which an augmentation is tried: most change an image only now and then."""
NEAR, REACH = 3, 6
"""Cells by which an image is looked for elsewhere than where its mask is."""


def task_of(dims: int, classes: int = 2, channels: int = 3) -> Task:
    """A task with so many classes."""
    return Task(channels, tuple(f"class-{number}" for number in range(1, classes + 1)), dims)


def sample(dims: int = 2, channels: int = 3, classes: int = 2) -> tuple[torch.Tensor, torch.Tensor]:
    """An image whose structures are bright, with a little noise, its mask, and a rim that is ignored."""
    import torch

    size = SIZES[dims]
    mask = torch.zeros(size, dtype=torch.int64)
    mask[tuple(slice(side // 4, side // 2 + 1) for side in size)] = 1
    mask[tuple(slice(side // 2 + 2, side - 2) for side in size)] = classes
    noise = torch.randn(channels, *size, generator=torch.Generator().manual_seed(dims)) * 0.1
    image = (mask > 0).float() * 2 - 1 + noise
    mask[..., 0] = IGNORE
    return image, mask


def applied(
    subject: ComponentSubject, image: torch.Tensor, mask: torch.Tensor, seed: int, classes: int = 2, params: Any = None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Augment as the engine does; what the engine refuses is a failure."""
    from segkit.data.sampling import FurtherAugmentation

    task = task_of(mask.ndim, classes, len(image))
    function = subject.factory(task, subject.params if params is None else params)
    try:
        return FurtherAugmentation(subject.name, function).apply(image.clone(), mask.clone(), (seed, 0, 0), 0)
    except SegkitError as error:
        fail(error.message, "return (image, mask): float32 (C, *S) and int64 (*S), on the grid they came on")


def dims_of(subject: ComponentSubject) -> tuple[int, ...]:
    """The spatial dims that it says it can change."""
    assert isinstance(subject.component, Augmentation)
    return subject.component.spatial_dims


@check(
    "augmentation",
    "shape",
    needs=["resolves"],
    raised="take images (C, H, W) and (C, D, H, W), or declare spatial_dims=(2,)",
)
def shape(subject: ComponentSubject) -> None:
    """It gives image and mask back in their shape and type, finite, in every number of dimensions it declares."""
    for dims in dims_of(subject):
        for channels, classes in ((3, 2), (1, 1), (4, 15)):
            image, mask = sample(dims, channels, classes)
            for seed in range(DRAWS):
                changed, _ = applied(subject, image, mask, seed, classes)
                if not bool(changed.isfinite().all()):
                    fail(f"in {dims}D an image is not finite afterwards", "look at divisions and powers")


@check("augmentation", "blank", needs=["shape"])
def blank(subject: ComponentSubject) -> None:
    """An image that is the same everywhere, and one with negative values, stays finite."""
    for dims in dims_of(subject):
        image, mask = sample(dims)
        for given in (image * 0, image * 0 - 1, image * 0 + 3):
            for seed in range(DRAWS):
                if not bool(applied(subject, given, mask, seed)[0].isfinite().all()):
                    fail(
                        f"an image of {float(given.flatten()[0]) + 0.0:g} everywhere is not finite",
                        "guard the division: the values may all be equal",
                    )


@check("augmentation", "labels", needs=["shape"])
def labels(subject: ComponentSubject) -> None:
    """The mask holds the labels that it held, and 255: labels are never interpolated as numbers."""
    for dims in dims_of(subject):
        image, mask = sample(dims, classes=5)
        known = {*mask.unique().tolist(), 0, IGNORE}
        for seed in range(DRAWS):
            found = {*applied(subject, image, mask, seed, 5)[1].unique().tolist()} - known
            if found:
                fail(f"the mask holds {sorted(found)[0]}, which it did not", "move masks by nearest neighbour")


@check("augmentation", "random", needs=["shape"])
def random(subject: ComponentSubject) -> None:
    """All randomness comes from the generator that it is given."""
    import numpy as np
    import torch

    for dims in dims_of(subject):
        image, mask = sample(dims)
        for seed in range(DRAWS):
            found = []
            for other in (1, 2):
                torch.manual_seed(other)
                np.random.seed(other)
                found.append(applied(subject, image, mask, seed))
            if not all(torch.equal(one, two) for one, two in zip(*found, strict=True)):
                fail(
                    "the same sample comes out differently with other states of torch's and NumPy's generators",
                    "draw everything from random, the generator that it is given",
                )


@check("augmentation", "changes", needs=["shape"])
def changes(subject: ComponentSubject) -> None:
    """Among a hundred draws some change something, and not all in the same way."""
    import torch

    image, mask = sample(dims_of(subject)[0])
    found = [applied(subject, image, mask, seed) for seed in range(100)]
    if all(torch.equal(one[0], image) and torch.equal(one[1], mask) for one in found):
        fail("a hundred images came back as they were", "check the probability, and that what is changed is returned")
    if all(torch.equal(one[0], found[0][0]) for one in found):
        fail("a hundred images were changed alike", "draw what is done from random: a fixed change is a normalisation")


@check("augmentation", "mask-kept", needs=["random"])
def mask_kept(subject: ComponentSubject) -> None:
    """Without moves=True the mask is as it was, and the image lies where it lay."""
    import torch

    assert isinstance(subject.component, Augmentation)
    if subject.component.moves:
        raise NotChecked("it moves pixels")
    for dims in dims_of(subject):
        image, mask = sample(dims)
        astray = 0
        for seed in range(DRAWS):
            changed, after = applied(subject, image, mask, seed)
            if not torch.equal(mask, after):
                fail("the mask changed", "declare moves=True, or leave the mask alone")
            astray += elsewhere(image, changed)
        if astray > DRAWS // 3:
            fail(
                f"in {astray} of {DRAWS} draws the image lies elsewhere than its mask",
                "move both alike and declare moves=True",
            )


def elsewhere(image: torch.Tensor, changed: torch.Tensor) -> bool:
    """Whether a changed image looks more like the image moved, mirrored or turned than like the image in its place."""
    import torch

    places = [image]
    for axis in range(1, image.ndim):
        # By a cell or two an image is moved by being made smaller and larger again.
        places += [image.roll(shift, axis) for shift in range(-REACH, REACH + 1) if abs(shift) >= NEAR]
        places.append(image.flip(axis))
    likeness = [abs(float(torch.corrcoef(torch.stack([one.flatten(), changed.flatten()]))[0, 1])) for one in places]
    return likeness[0] < max(likeness[1:]) - 0.1


@check("augmentation", "together", needs=["random"])
def together(subject: ComponentSubject) -> None:
    """With moves=True image and mask move alike: what the mask calls a structure is still the bright one."""
    assert isinstance(subject.component, Augmentation)
    if not subject.component.moves:
        raise NotChecked("it moves nothing")
    for dims in dims_of(subject):
        image, mask = sample(dims)
        wrong = tried = 0
        for seed in range(DRAWS):
            changed, after = applied(subject, image, mask, seed)
            inside = (after > 0) & (after != IGNORE)
            outside = after == 0
            if not bool(inside.any()) or not bool(outside.any()):
                continue
            tried += 1
            values = changed.mean(dim=0)
            wrong += float(values[inside].mean()) < float(values[outside].mean()) + 1.2
        if wrong > tried // 3:
            fail(
                f"in {wrong} of {tried} draws the mask no longer lies on the structures of the image",
                "move the mask by the same grid as the image",
            )
