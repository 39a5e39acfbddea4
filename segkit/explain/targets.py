"""What is explained: the logits of one class, summed over a set of pixels of each sample."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from segkit.contracts import IGNORE
from segkit.declarations import Task
from segkit.errors import SegkitError, UsageError, did_you_mean
from segkit.files import whole_number

if TYPE_CHECKING:
    import numpy as np
    import torch

EMPTY = "empty target"
OK = "ok"
BACKGROUND = "background"
SETS = {
    "predicted": "pixels predicted as the class",
    "reference": "pixels of the class in the reference",
    "fp": "pixels predicted as the class that are none in the reference",
    "fn": "pixels of the class in the reference that are not predicted as it",
    "component": "one connected part of the pixels predicted as the class; component:2 is the second largest",
    "boundary": "pixels at most so many steps from the edge of what is predicted as the class; boundary:3",
    "all": "every pixel",
    "pixel": "one pixel of the image, row and column from the top left; pixel:120,80",
}
"""The sets of pixels by the word that names them."""
ALIASES = {"false-positive": "fp", "false-negative": "fn"}
NEEDS_REFERENCE = ("reference", "fp", "fn")
GRAMMAR = "[margin:]SET[:NUMBER][:CLASS], as in predicted, fp:lesion, component:2:lesion, pixel:120,80, margin:boundary"


@dataclass(frozen=True)
class Target:
    """Which pixels of which class; `segkit explain --target` writes it as text.

    Attributes:
        pixels: a key of SETS.
        label: of the class, 0 background; None where it is left open.
        number: of the component, 1 the largest; of the boundary, the steps to either side.
        place: the pixel, along every axis of the grid.
        margin: the logit less that of the next class, in the place of the logit itself.
    """

    pixels: str = "predicted"
    label: int | None = None
    number: int = 1
    place: tuple[int, ...] = ()
    margin: bool = False

    @property
    def needs_reference(self) -> bool:
        """Whether the set exists only where there is a reference mask."""
        return self.pixels in NEEDS_REFERENCE

    def text(self, task: Task) -> str:
        """Write the target as `parse_target` reads it, class included."""
        parts = ["margin"] if self.margin else []
        parts.append(self.pixels)
        if self.pixels in ("component", "boundary"):
            parts.append(str(self.number))
        if self.pixels == "pixel":
            parts.append(",".join(map(str, self.place)))
        if self.label is not None:
            parts.append(class_name(task, self.label))
        return ":".join(parts)

    def on_grid(self, shape: Sequence[int], size: Sequence[int]) -> Target:
        """Return the target of a grid `shape` for the same image on another grid; only a pixel's place changes.

        Raises:
            UsageError: the pixel is not on the grid.
        """
        if self.pixels != "pixel":
            return self
        if len(self.place) != len(shape) or any(not 0 <= at < side for at, side in zip(self.place, shape, strict=True)):
            limits = " x ".join(map(str, shape))
            raise UsageError(
                f"target pixel:{','.join(map(str, self.place))} is not on the image, which has {limits}",
                "count from 0 at the top left, row first",
            )
        moved = zip(self.place, shape, size, strict=True)
        return replace(self, place=tuple(int((at + 0.5) * new / old) for at, old, new in moved))


def class_name(task: Task, label: int) -> str:
    """The name of a label."""
    return BACKGROUND if label == 0 else task.classes[label - 1]


def parse_target(text: str, task: Task) -> Target:
    """Read a target: `[margin:]SET[:NUMBER][:CLASS]`.

    Raises:
        UsageError: there is no such set or class, or a number is missing or is none.
    """
    parts = [part.strip() for part in text.split(":")]
    margin = parts[0] == "margin"
    parts = parts[1:] if margin else parts
    if margin and (not parts or label_of(parts[0], task) is not None):
        parts = ["predicted", *parts]
    word = ALIASES.get(parts[0], parts[0])
    if word not in SETS:
        raise UsageError(f"target {text!r}: there is no set of pixels {word!r}{did_you_mean(word, SETS)}", GRAMMAR)
    target, rest = Target(word, margin=margin), parts[1:]
    if word == "pixel":
        target, rest = replace(target, place=read_place(text, rest)), rest[1:]
    elif word == "boundary":
        target = replace(target, number=2)
    if word in ("component", "boundary") and rest and (rest[0] == "largest" or whole_number(rest[0]) is not None):
        target, rest = replace(target, number=read_number(text, rest[0])), rest[1:]
    if not rest:
        return target
    label = label_of(":".join(rest), task)
    if label is None:
        names = [BACKGROUND, *task.classes]
        raise UsageError(
            f"target {text!r}: there is no class {':'.join(rest)!r}{did_you_mean(':'.join(rest), names)}",
            f"classes: {', '.join(f'{number} {name}' for number, name in enumerate(names))}",
        )
    return replace(target, label=label)


def label_of(text: str, task: Task) -> int | None:
    """Return the label of a class given by name or number; None where there is none."""
    names = [BACKGROUND, *task.classes]
    if text in names:
        return names.index(text)
    number = whole_number(text)
    return number if number is not None and number < len(names) else None


def read_number(text: str, word: str) -> int:
    """Read the number of a component or the width of a boundary."""
    number = 1 if word == "largest" else whole_number(word) or 0
    if number < 1:
        raise UsageError(f"target {text!r}: {word} is not 1 or more", GRAMMAR)
    return number


def read_place(text: str, rest: Sequence[str]) -> tuple[int, ...]:
    """Read a pixel's place."""
    numbers = [whole_number(part.strip()) for part in rest[0].split(",")] if rest else []
    place = tuple(number for number in numbers if number is not None)
    if len(numbers) not in (2, 3) or len(place) < len(numbers):
        raise UsageError(f"target {text!r}: a pixel is given by whole numbers, one per axis", "as in pixel:120,80")
    return place


class BoundTarget:
    """A target with what it needs to be found in logits: what an explainer calls.

    Calling it with logits (N, K, *S) returns (N,): per sample the sum over its pixels of the class's logit. With one
    logit channel that is +logit for the foreground and -logit for the background. Pixels that depend on the
    prediction are found in the first logits it is called with, and stay.

    Attributes:
        masks: bool (N, *S), the pixels of each sample; None before the first call.
        scores: (N,) float32, the sums of the last call.
        status: per sample "ok" or "empty target"; an empty set sums to 0.

    Raises:
        UsageError: the class is not among the logits, or the reference is missing.
        SegkitError: the logits are not finite, or masks and logits differ in size.
    """

    def __init__(
        self,
        target: Target,
        task: Task,
        reference: torch.Tensor | None = None,
        masks: torch.Tensor | None = None,
    ) -> None:
        if target.label is None:
            raise ValueError("a target is bound with its class")
        if not 0 <= target.label <= len(task.classes):
            raise UsageError(
                f"target: class {target.label} is out of range", f"labels go from 0 to {len(task.classes)}"
            )
        if target.label == 0 and task.overlapping:
            raise UsageError(
                "target: overlapping classes have no background among them", f"classes: {', '.join(task.classes)}"
            )
        if target.needs_reference and reference is None and masks is None:
            raise missing_reference(target, task)
        self.target, self.task, self.reference, self.masks = target, task, reference, masks
        self.label: int = target.label
        self.scores: torch.Tensor | None = None
        self.status: tuple[str, ...] = ()

    def __call__(self, logits: torch.Tensor) -> torch.Tensor:
        """Return the sum over each sample's pixels."""
        import torch

        check_logits(logits, self.task)
        if self.masks is None:
            self.masks = find_pixels(self.target, logits.detach(), self.task, self.reference)
        if self.masks.is_inference():
            # One that was made in inference mode cannot be kept for a gradient.
            self.masks = self.masks.clone()
        if self.masks.shape != logits.shape[:1] + logits.shape[2:]:
            raise SegkitError(
                f"the target is on a grid of {tuple(self.masks.shape)}, the logits on one of "
                f"{tuple(logits.shape[:1] + logits.shape[2:])}",
                "give the target on the working grid",
            )
        values = class_logit(logits, self.label, margin=self.target.margin, overlapping=self.task.overlapping)
        sums = torch.where(self.masks, values, torch.zeros_like(values)).flatten(1).sum(dim=1)
        self.scores = sums.detach()
        self.status = tuple(OK if any_ else EMPTY for any_ in self.masks.flatten(1).any(dim=1).tolist())
        return sums

    def fixed(self, samples: int | None = None) -> BoundTarget:
        """Return the target with the pixels found, whatever is predicted next.

        Args:
            samples: repeat the only sample's pixels so often.
        """
        if self.masks is None:
            raise ValueError("the target was not found in logits yet")
        masks = self.masks if samples is None else self.masks.expand(samples, *self.masks.shape[1:])
        return BoundTarget(self.target, self.task, masks=masks)

    def probability(self, logits: torch.Tensor) -> torch.Tensor:
        """Return (N,): the mean probability of the class over each sample's pixels, 0 where there are none."""
        import torch

        assert self.masks is not None
        if logits.shape[1] == 1 or self.task.overlapping:
            values = class_logit(logits, self.label, overlapping=self.task.overlapping).sigmoid()
        else:
            values = logits.softmax(dim=1)[:, self.label]
        total = torch.where(self.masks, values, torch.zeros_like(values)).flatten(1).sum(dim=1)
        return total / self.masks.flatten(1).sum(dim=1).clamp_min(1)


def check_logits(logits: torch.Tensor, task: Task) -> None:
    """Raise SegkitError unless logits are (N, K, *S) and finite."""
    if logits.ndim != task.spatial_dims + 2 or logits.shape[1] != task.out_channels:
        raise SegkitError(
            f"the model returned logits of shape {tuple(logits.shape)}, expected {task.out_channels} channels "
            f"and {task.spatial_dims} axes",
            "report it to the architecture's author",
        )
    finite = logits.detach().flatten(1).isfinite().all(dim=1)
    if not bool(finite.all()):
        broken = [number for number, fine in enumerate(finite.tolist()) if not fine]
        raise SegkitError(
            f"the model's logits are not finite (sample {', '.join(map(str, broken))} of the batch)",
            "look whether the image or the weights hold NaN or infinity",
        )


def class_logit(logits: torch.Tensor, label: int, *, margin: bool = False, overlapping: bool = False) -> torch.Tensor:
    """Return the logit (N, *S) of one class, or with `margin` what it is above the largest other one.

    With one channel the background's logit counts as 0, and as -logit where it is the class asked for. Overlapping
    classes do not compete: the margin of one is its logit.
    """
    import torch

    if overlapping:
        return logits[:, label - 1]
    if logits.shape[1] == 1:
        return logits[:, 0] if label == 1 else -logits[:, 0]
    if not margin:
        return logits[:, label]
    others = torch.cat([logits[:, :label], logits[:, label + 1 :]], dim=1)
    return logits[:, label] - others.amax(dim=1)


def find_pixels(target: Target, logits: torch.Tensor, task: Task, reference: torch.Tensor | None) -> torch.Tensor:
    """Return the pixels (N, *S) of a target in logits, bool; raises what `find_in_labels` raises."""
    from segkit.engine.decoding import decode

    return find_in_labels(target, decode(logits.transpose(0, 1), overlapping=task.overlapping), reference, task)


def find_in_labels(target: Target, predicted: torch.Tensor, reference: torch.Tensor | None, task: Task) -> torch.Tensor:
    """Return the pixels (N, *S) of a target, bool.

    Args:
        predicted, reference: labels (N, *S); of overlapping classes predicted (classes, N, *S), reference
            (N, classes, *S).

    Raises:
        UsageError: the target needs a reference and there is none.
        SegkitError: the reference is on another grid.
    """
    import torch

    label = target.label or 0
    if task.overlapping:
        predicted = predicted[label - 1].eq(1) * label
        if reference is not None:
            plane = reference[:, label - 1]
            reference = torch.where(plane == 1, label, plane)
    grid = predicted.shape
    if target.pixels == "all":
        return torch.ones(grid, dtype=torch.bool, device=predicted.device)
    if target.pixels == "pixel":
        masks = torch.zeros(grid, dtype=torch.bool, device=predicted.device)
        masks.view(len(masks), -1)[:, flat_index(target.place, grid[1:])] = True
        return masks
    inside = predicted.eq(label)
    if target.pixels == "predicted":
        return inside
    if target.pixels in ("component", "boundary"):
        part = component if target.pixels == "component" else band
        parts = [part(sample, target.number) for sample in inside.cpu().numpy()]
        return torch.stack([torch.from_numpy(sample) for sample in parts]).to(predicted.device)
    if reference is None:
        raise missing_reference(target, task)
    if reference.shape != grid:
        raise SegkitError(
            f"the reference mask is on a grid of {tuple(reference.shape)}, the logits on one of {tuple(grid)}",
            "bring it to the working grid",
        )
    reference = reference.to(predicted.device)
    is_class = reference.eq(label)
    if target.pixels == "reference":
        return is_class
    if target.pixels == "fn":
        return is_class & ~inside
    return inside & ~is_class & reference.ne(IGNORE)


def missing_reference(target: Target, task: Task) -> UsageError:
    """Say that a set exists only beside a reference."""
    return UsageError(f"target {target.text(task)!r} needs a reference mask", "give one, or explain predicted pixels")


def flat_index(place: Sequence[int], size: Sequence[int]) -> int:
    """Return where a pixel lies in the flattened grid."""
    index = 0
    for at, side in zip(place, size, strict=True):
        index = index * side + at
    return index


def component(mask: np.ndarray, number: int) -> np.ndarray:
    """Return the number-th largest connected part of a mask (*S), 1 the largest; of equal ones the first counts first.

    Parts touch by faces, edges or corners.
    """
    import numpy as np
    from scipy import ndimage

    parts, count = ndimage.label(mask, structure=np.ones((3,) * mask.ndim))
    if number > count:
        return np.zeros_like(mask)
    sizes = np.bincount(parts.ravel(), minlength=count + 1)[1:]
    ranked = np.argsort(-sizes, kind="stable")
    return np.asarray(parts == ranked[number - 1] + 1)


def band(mask: np.ndarray, steps: int) -> np.ndarray:
    """Return the pixels at most `steps` king's moves from a mask's edge, on both sides; the image's rim is no edge."""
    import numpy as np
    from scipy import ndimage

    structure = np.ones((3,) * mask.ndim)
    wider = ndimage.binary_dilation(mask, structure, iterations=steps)
    narrower = ndimage.binary_erosion(mask, structure, iterations=steps, border_value=1)
    return np.asarray(wider & ~narrower)
