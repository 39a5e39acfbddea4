"""Apply a model to volumes, slice by slice or window by window, and bring the result back to their own grid."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from torch import nn

from segkit.data.large_array import let_go
from segkit.data.normalize import Normalization, to_float
from segkit.data.working_grid import (
    TILES,
    WorkingPlanes,
    coarse_axis,
    neighbour_indices,
    slab_input,
    working_shape,
)
from segkit.declarations import Task
from segkit.engine.calibration import Calibration, calibrated, labelled
from segkit.engine.decoding import probabilities
from segkit.engine.feeding import Watch
from segkit.engine.infer import Copies, Predictor
from segkit.engine.memory import check_memory, check_planes
from segkit.engine.preprocessing import Preprocessing
from segkit.engine.restore import resize_planes, restore
from segkit.engine.scratch import held_bytes, new_labels
from segkit.engine.tiles import STRIP, tile_blocks, tile_scores
from segkit.engine.windows import AxisWindows, PaddedPlanes, Place, blend_windows, cropped
from segkit.errors import UsageError

SLICES_AT_ONCE = 8
WINDOWS_AT_ONCE = {"cpu": 1}
"""On a CPU one window fills all cores; elsewhere four."""


@dataclass(frozen=True)
class VolumePredictor:
    """A model with everything needed to apply it to a volume, or a tiled photograph, at its own resolution.

    Beside the image and the label map there are at most one slab of scores, whatever the volume's length.

    Attributes:
        volumes: True, as images are shown part by part; tells it from a `Predictor`.
        model: in eval mode, on `device`.
        task: the network's: `spatial_dims` is 2 in slices and slab, `in_channels` counts all slices of a slab.
        preprocessing: its mode is slices, slab, patches or tiles.
        calibration: what is done to scores before they are probabilities and labels; `scores` are as blended.
        copies: told of what each mirrored copy of a slice or window is labelled, on the working grid; None: nobody.
    """

    volumes: ClassVar[Literal[True]] = True

    model: nn.Module
    task: Task
    preprocessing: Preprocessing
    device: torch.device
    precision: str = "auto"
    calibration: Calibration | None = None
    copies: Copies | None = None

    @property
    def size(self) -> tuple[int, ...]:
        """Working size of a slice; of patches and tiles the window that is shown, at most."""
        return self.preprocessing.shown

    @property
    def normalization(self) -> Normalization:
        """How values are normalised."""
        return self.preprocessing.normalization

    @property
    def mirror(self) -> bool:
        """Whether probabilities are averaged over mirrored copies."""
        return self.preprocessing.mirror

    @property
    def turn(self) -> bool:
        """Whether they are averaged over copies turned by quarters, too."""
        return self.preprocessing.turn

    @property
    def mirrored(self) -> tuple[str, ...] | None:
        """Names of the axes that are mirrored then; None: all."""
        return self.preprocessing.mirrored

    @property
    def channels(self) -> int:
        """Channels of the image."""
        return self.task.in_channels // (self.preprocessing.slab if self.preprocessing.mode == "slab" else 1)

    @property
    def image_dims(self) -> int:
        """Spatial axes of an image."""
        return 2 if self.preprocessing.tiles else 3

    @property
    def score_channels(self) -> int:
        """Channels of what `window` gives for every voxel."""
        return self.task.out_channels

    @property
    def window(self) -> Predictor:
        """The model on its working size: what slices and windows go through."""
        return Predictor(
            self.model,
            self.task,
            self.size,
            self.normalization,
            self.device,
            self.precision,
            self.mirror,
            self.preprocessing.mirrored,
            copies=self.copies,
            turn=self.turn,
        )

    def labels(
        self,
        image: np.ndarray,
        shape: tuple[int, ...] | None = None,
        spacing: Sequence[float] | None = None,
        watch: Watch | None = None,
    ) -> np.ndarray:
        """Return the label map (D, H, W) uint8, or (classes, D, H, W), of a volume of the file's type, on its own grid.

        Args:
            image: (C, D, H, W).
            shape: the own grid; the image's where not given.
            spacing: mm per voxel of the own grid, (D, H, W) order.
            watch: told of every block of scores (K, n, H, W); the labels are the same with or without.

        Raises:
            UsageError: patches are taken at a spacing in mm and the volume's is not given.
        """
        own = tuple(shape or image.shape[1:])
        # Labels are all that is held of the whole volume: a byte a voxel, whatever the number of exclusive classes.
        labels = new_labels(self.task.mask_shape(own))
        for block, scores in self.blocks(image, own, spacing):
            where: Any = (..., *block)
            labels[where] = labelled(scores, self.calibration, overlapping=self.task.overlapping).cpu().numpy()
            let_go(labels)
            if watch is not None:
                watch(block, calibrated(scores, self.calibration))
        return labels

    def blocks(
        self, image: Any, own: tuple[int, ...], spacing: Sequence[float] | None
    ) -> Iterator[tuple[tuple[slice, ...], torch.Tensor]]:
        """Yield scores (K, *block) float32 in the order in which they are finished, and where they lie."""
        if self.preprocessing.tiles:
            check_memory(self.bytes_needed(own, spacing, 0), own)
            working, normalise = self.working_shape(own, spacing), self._normaliser(image)
            at_once = WINDOWS_AT_ONCE.get(self.device.type, 4)
            with torch.inference_mode():
                for rows, columns, scores in tile_blocks(self, image, own, working, normalise, at_once):
                    yield (rows, columns), scores
            return
        axis = self.walked_axis(own, spacing)
        for planes, scores in self.scores(image, own, spacing, axis):
            block = tuple(planes if other == axis else slice(0, side) for other, side in enumerate(own))
            yield block, scores.movedim(1, 1 + axis)

    def probabilities(
        self,
        image: np.ndarray,
        shape: tuple[int, ...] | None = None,
        spacing: Sequence[float] | None = None,
    ) -> Iterator[tuple[slice, torch.Tensor]]:
        """Yield probabilities on the own grid, a few planes of its first axis at a time.

        Args: as of `labels`.

        Yields:
            Which planes, and (K', n, H, W) float32 on the device: the foreground's for one class, else one per label.
        """
        for planes, scores in self.scores(image, tuple(shape or image.shape[1:]), spacing, 0):
            yield planes, probabilities(calibrated(scores, self.calibration), overlapping=self.task.overlapping)

    def walked_axis(self, own: Sequence[int], spacing: Sequence[float] | None) -> int:
        """The axis along which planes are finished: that with the smallest slab of scores."""
        if self.preprocessing.mode != "patches":
            return 0
        shape = self.working_shape(own, spacing)
        patch = self.patch_on(shape)
        working = np.maximum(shape, patch)
        # One window's depth of scores is all that is held: 1,359 MiB beyond the input for 735 x 512 x 512 voxels and
        # 16 classes, of which whole maps are 11.5 GiB (docs/benchmarks/volume.md). In nnU-Net 64 GB do not do
        # (#2795).
        return int(np.argmin([depth * working.prod() / working[axis] for axis, depth in enumerate(patch)]))

    def patch_on(self, working: Sequence[int]) -> tuple[int, ...]:
        """The window on a volume: no larger than the volume, where the network was not trained on padding either."""
        trained = self.preprocessing.size
        return tuple(min(most, max(least, side)) for most, least, side in zip(self.size, trained, working, strict=True))

    def working_shape(self, own: Sequence[int], spacing: Sequence[float] | None) -> tuple[int, ...]:
        """Shape of a volume at the spacing that patches are taken at."""
        if self.preprocessing.tiles:
            return self.preprocessing.resolution.working_size(own, spacing)
        target = self.preprocessing.spacing
        if target is not None and spacing is None:
            raise UsageError(
                "the model takes patches at a spacing in mm, that of the image is not known",
                "give the millimetres per voxel along each axis",
            )
        return working_shape(own, spacing, target)

    def bytes_needed(self, own: Sequence[int], spacing: Sequence[float] | None, axis: int) -> int:
        """About how much memory a volume takes beside its image: its labels, and twice the slab that is finished."""
        slab = SLICES_AT_ONCE * math.prod(own[1:])
        if self.preprocessing.mode in ("patches", TILES):
            shape = self.working_shape(own, spacing)
            patch = self.size if self.preprocessing.tiles else self.patch_on(shape)
            working = [max(pair) for pair in zip(shape, patch, strict=True)]
            slab = patch[axis] * math.prod(side for other, side in enumerate(working) if other != axis)
        if self.preprocessing.tiles and tuple(working) == tuple(own):
            slab = self.size[0] * min(working[1], STRIP + 2 * self.size[1])
        return held_bytes(self.task.mask_shape(own)) + 2 * 4 * self.score_channels * slab

    @torch.inference_mode()
    def scores(
        self, image: np.ndarray, own: Sequence[int], spacing: Sequence[float] | None, axis: int = 0
    ) -> Iterator[tuple[slice, torch.Tensor]]:
        """Yield logits (of copies the logarithms of mean probabilities) on the own grid, slab by slab along `axis`.

        Yields:
            Which planes of the axis, and scores (K, n, *the other two axes) float32.
        """
        if self.preprocessing.tiles:
            check_memory(self.bytes_needed(own, spacing, axis), own)
            working, normalise = self.working_shape(own, spacing), self._normaliser(image)
            yield from tile_scores(self, image, own, working, normalise, WINDOWS_AT_ONCE.get(self.device.type, 4))
            return
        check_planes(own)
        check_memory(self.bytes_needed(own, spacing, axis), own)
        slabs = self._patches(image, own, spacing, axis) if self.preprocessing.mode == "patches" else None
        yield from self._slices(image, own) if slabs is None else slabs

    def _slices(self, image: np.ndarray, own: Sequence[int]) -> Iterator[tuple[slice, torch.Tensor]]:
        """Scores of axial slices, batch by batch."""
        planes = WorkingPlanes(image, (own[0], *self.size))
        normalise, slab, window = self._normaliser(image), self.preprocessing.slab, self.window
        for start in range(0, own[0], SLICES_AT_ONCE):
            indices = neighbour_indices(own[0], range(start, min(start + SLICES_AT_ONCE, own[0])), slab)
            first = int(indices.min())
            read = planes.read(first, int(indices.max()) + 1).swapaxes(0, 1)
            batch = slab_input(read[indices - first])
            values = normalise(batch).contiguous(memory_format=torch.channels_last)
            scores = resize_planes(window.scores(values, self.size), own[1:])
            yield slice(start, start + len(indices)), scores.transpose(0, 1)

    def _patches(
        self, image: np.ndarray, own: Sequence[int], spacing: Sequence[float] | None, axis: int
    ) -> Iterator[tuple[slice, torch.Tensor]]:
        """Blended scores of windows, walked along `axis`."""
        order = (axis, *(other for other in range(3) if other != axis))
        coarse = coarse_axis(self.preprocessing.spacing)
        coarse = None if coarse is None else order.index(coarse)
        shape = self.working_shape(own, spacing)
        shown = self.patch_on(shape)
        working, patch = [shape[index] for index in order], [shown[index] for index in order]
        padded = [max(pair) for pair in zip(working, patch, strict=True)]
        before = [(full - side) // 2 for full, side in zip(padded, working, strict=True)]
        turned = image.transpose(0, *(1 + index for index in order))
        planes = WorkingPlanes(turned, working, coarse)
        source = PaddedPlanes(planes.read, planes.size, self._normaliser(image), padded, before)
        axes = [
            AxisWindows.cover(full, side, self.preprocessing.overlap) for full, side in zip(padded, patch, strict=True)
        ]
        window, back = self.window, [2 + order.index(index) for index in range(3)]
        turn = [2 + index for index in order]

        def forward(windows: torch.Tensor, places: Sequence[Place]) -> torch.Tensor:
            straight = windows.to(self.device).permute(0, 1, *back)
            straight = straight.contiguous(memory_format=torch.channels_last_3d)
            return window.scores(straight, shown).permute(0, 1, *turn)

        blended = blend_windows(
            source.read,
            axes,
            forward,
            channels=self.score_channels,
            device=self.device,
            at_once=WINDOWS_AT_ONCE.get(self.device.type, 4),
        )
        turned_own = [own[index] for index in order]
        yield from restore(cropped(blended, working, before), working, turned_own, coarse)

    def _normaliser(self, image: np.ndarray) -> Callable[[np.ndarray], torch.Tensor]:
        """Return what normalises parts of the image (n, slices * C, ...), by statistics of the whole."""
        normalization = self.normalization.of_case(image)

        def normalise(values: np.ndarray) -> torch.Tensor:
            return normalization.apply(to_float(torch.from_numpy(np.ascontiguousarray(values)).to(self.device)))

        return normalise


def make_predictor(
    model: nn.Module,
    task: Task,
    preprocessing: Preprocessing,
    device: torch.device,
    precision: str = "auto",
    calibration: Calibration | None = None,
) -> Predictor | VolumePredictor:
    """Return what applies a model: to volumes part by part where the mode says so, else to whole images."""
    if preprocessing.volumes:
        return VolumePredictor(model, task, preprocessing, device, precision, calibration)
    return Predictor(
        model,
        task,
        preprocessing.size,
        preprocessing.normalization,
        device,
        precision,
        preprocessing.mirror,
        preprocessing.mirrored,
        calibration,
        turn=preprocessing.turn,
    )
