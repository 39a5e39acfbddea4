"""Apply a model to one case and bring the result back to the case's own grid."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from segkit.data.normalize import Normalization, to_float
from segkit.data.resample import resize_image
from segkit.declarations import Task
from segkit.engine.calibration import Calibration, calibrated, labelled
from segkit.engine.decoding import decode, probabilities
from segkit.engine.device import autocast
from segkit.engine.feeding import Watch
from segkit.engine.memory import check_memory
from segkit.engine.plane_labels import ROWS, plane_labels, plane_scores
from segkit.errors import SegkitError
from segkit.settings import AXES

Copies = Callable[[Sequence[torch.Tensor]], None]
"""Told of the label maps (N, *S) of all mirrored copies of a batch, turned back; of overlapping classes (K, N, *S)."""


@dataclass(frozen=True)
class Predictor:
    """A model with everything needed to apply it to an image at its own resolution.

    Attributes:
        volumes: False, as images are shown whole; tells it from a `VolumePredictor`.
        model: in eval mode, on `device`.
        size: the working grid.
        mirror: average probabilities over mirrored copies.
        mirrored: names of the axes that are mirrored then; None: all.
        turn: average them over copies turned by quarters in the plane of the last two axes, too.
        calibration: what is done to scores before they are probabilities and labels; `scores` and `logits` are as the
            network gives them.
        copies: told of what each copy is labelled, before the mean is taken; None: nobody wants to know.
    """

    volumes: ClassVar[Literal[False]] = False

    model: nn.Module
    task: Task
    size: tuple[int, ...]
    normalization: Normalization
    device: torch.device
    precision: str = "auto"
    mirror: bool = False
    mirrored: tuple[str, ...] | None = None
    calibration: Calibration | None = None
    copies: Copies | None = None
    turn: bool = False

    @property
    def averages(self) -> bool:
        """Whether an image is shown more than once."""
        return self.mirror or self.turn

    @property
    def channels(self) -> int:
        """Channels of an image."""
        return self.task.in_channels

    @property
    def image_dims(self) -> int:
        """Spatial axes of an image."""
        return self.task.spatial_dims

    def labels(
        self,
        image: np.ndarray,
        shape: tuple[int, ...] | None = None,
        spacing: Sequence[float] | None = None,
        watch: Watch | None = None,
    ) -> np.ndarray:
        """Return the label map (*S) uint8, or (classes, *S), of an image of the file's type, on its own grid.

        Args:
            image: (C, *S), or on the working grid already.
            shape: the own grid S; the image's where not given.
            spacing: taken as a predictor of volumes takes it; the whole image is shown whatever it is.
            watch: told of every block of scores (K, *block); the labels are the same with or without.

        Scores are interpolated as numbers, then thresholded (one class) or compared (several); labels never are.
        """
        own = tuple(shape or image.shape[1:])
        plane = not self.averages and len(own) == 2
        # Of a plane the scores are interpolated along its rows alone; else there are three copies of them on its grid.
        held = 2 * self.size[0] * own[1] if plane else 3 * math.prod(own)
        check_memory(4 * self.task.out_channels * held + math.prod(self.task.mask_shape(own)), own)
        images = self.prepare(image)
        if not plane:
            scores = self.scores(images, own)[0]
            if watch is not None:
                for start in range(0, own[0], ROWS):
                    rows = slice(start, min(start + ROWS, own[0]))
                    watch((rows, *(slice(0, side) for side in own[1:])), calibrated(scores[:, rows], self.calibration))
            return labelled(scores, self.calibration, overlapping=self.task.overlapping).cpu().numpy()
        logits = self.logits(images)[0]
        linear = self.calibration is None or (self.calibration.threshold is None and self.calibration.keeps_labels)
        if watch is None and linear:
            return plane_labels(logits, own, overlapping=self.task.overlapping)
        overlapping = self.task.overlapping
        labels = plane_labels(logits, own, overlapping=overlapping) if linear else np.empty(own, np.uint8)
        for rows, part in plane_scores(logits, own):
            if watch is not None:
                watch((rows, slice(0, own[1])), calibrated(part, self.calibration))
            if not linear:
                labels[rows] = labelled(part, self.calibration, overlapping=self.task.overlapping).cpu().numpy()
        return labels

    def probabilities(
        self,
        image: np.ndarray,
        shape: tuple[int, ...] | None = None,
        spacing: Sequence[float] | None = None,
    ) -> Iterator[tuple[slice, torch.Tensor]]:
        """Yield probabilities on the own grid, of a plane some rows at a time.

        Args: as of `labels`.

        Yields:
            Which part of the first axis, and (K', *S) float32: the foreground's for one class, else one per label.
        """
        own = tuple(shape or image.shape[1:])
        if not self.averages and len(own) == 2:
            check_memory(2 * 4 * self.task.out_channels * self.size[0] * own[1], own)
            for rows, part in plane_scores(self.logits(self.prepare(image))[0], own):
                yield rows, probabilities(calibrated(part, self.calibration), overlapping=self.task.overlapping)
            return
        check_memory(3 * 4 * self.task.out_channels * math.prod(own), own)
        scores = self.scores(self.prepare(image), own)[0]
        yield slice(0, own[0]), probabilities(calibrated(scores, self.calibration), overlapping=self.task.overlapping)

    def prepare(self, image: np.ndarray) -> torch.Tensor:
        """Turn an image (C, *S) of the file's type into a normalised batch of one, (1, C, *size)."""
        at_size = image if image.shape[1:] == self.size else resize_image(image, self.size)
        batch = to_float(torch.from_numpy(np.ascontiguousarray(at_size))[None].to(self.device))
        # Channels last in memory, as in training: with the trainer's optimizer a U-Net's step is 1.08 times as fast
        # as in the default way (docs/benchmarks/training.md).
        layout = torch.channels_last if batch.ndim == 4 else torch.channels_last_3d
        return self.normalization.apply(batch).contiguous(memory_format=layout)

    @torch.inference_mode()
    def scores(self, images: torch.Tensor, shape: tuple[int, ...]) -> torch.Tensor:
        """Return logits, or with several copies the logarithms of mean probabilities, (N, K, *shape).

        Args:
            images: normalised, (N, C, *size).
        """
        if not self.averages:
            return self._restored(images, shape)
        shown = list(shown_copies(len(shape), self.mirrored if self.mirror else (), turn=self.turn))
        mean = torch.zeros((), device=self.device)
        maps = []
        for axes, quarters in shown:
            turned = images.flip(axes).rot90(quarters, TURNED)
            grid = shape if quarters % 2 == 0 else (*shape[:-2], shape[-1], shape[-2])
            logits = self._restored(turned, grid).rot90(-quarters, TURNED).flip(axes)
            mean = mean + probabilities(logits, dim=1, overlapping=self.task.overlapping) / len(shown)
            if self.copies is not None:
                maps.append(decode(logits.movedim(1, 0), overlapping=self.task.overlapping))
        if self.copies is not None:
            self.copies(maps)
        # The limit keeps them finite, so that blending and interpolating them gives numbers.
        alone = self.task.overlapping or self.task.out_channels == 1
        return mean.logit(eps=1e-7) if alone else mean.clamp_min(1e-7).log()

    @torch.inference_mode()
    def logits(self, images: torch.Tensor) -> torch.Tensor:
        """Return the network's logits (N, K, *size) float32 for normalised images (N, C, *size), not mirrored.

        Raises:
            SegkitError: some are NaN or infinite.
        """
        with autocast(self.device, self.precision):
            logits: torch.Tensor = self.model(images)
        logits = logits.float()
        check_finite(logits)
        return logits

    def _restored(self, images: torch.Tensor, shape: tuple[int, ...]) -> torch.Tensor:
        logits = self.logits(images)
        if logits.shape[2:] == tuple(shape):
            return logits
        mode = "bilinear" if len(shape) == 2 else "trilinear"
        return functional.interpolate(logits, size=tuple(shape), mode=mode, align_corners=False)


def check_finite(logits: torch.Tensor, whose: str = "the network") -> None:
    """Raise SegkitError where logits are not all numbers: NaN is above no threshold and would pass for background."""
    # One pass that holds nothing; a sum that only overflowed is looked into.
    if math.isfinite(float(logits.sum())) or bool(torch.isfinite(logits).all()):
        return
    raise SegkitError(
        f"{whose} gives logits that are NaN or infinite",
        "its training has diverged, or the image holds extreme values: check both, and train with a lower --lr",
    )


def mirrored_axes(dims: int, names: Sequence[str] | None = None) -> Iterator[tuple[int, ...]]:
    """Every combination of spatial axes of a batch (N, C, *S), none first.

    Args:
        names: of the axes that may be mirrored; None: all.
    """
    axes = axes_of(dims, names)
    for count in range(len(axes) + 1):
        yield from itertools.combinations(axes, count)


TURNED = (-2, -1)
"""Axes of the plane that copies are turned in."""


def shown_copies(
    dims: int, names: Sequence[str] | None = None, *, turn: bool = False
) -> Iterator[tuple[tuple[int, ...], int]]:
    """Every copy of a batch (N, C, *S) that differs, as axes to flip and then quarters to turn by; itself first.

    Args:
        names: of the axes that may be mirrored; None: all.
    """
    plane = {dims, dims + 1}
    for axes in mirrored_axes(dims, names):
        if not turn:
            yield axes, 0
        # Turned images that are mirrored along either axis of the plane, or both, are the same four: one axis stands
        # for them.
        elif not plane & {*axes} or plane & {*axes} == {max(axis for axis in axes_of(dims, names) if axis in plane)}:
            yield from ((axes, quarters) for quarters in range(4))


def axes_of(dims: int, names: Sequence[str] | None) -> list[int]:
    """The spatial axes of a batch (N, C, *S) that bear these names; None: all."""
    return [2 + place for place, name in enumerate(AXES[dims]) if names is None or name in names]
