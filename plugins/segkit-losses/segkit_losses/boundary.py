"""The boundary loss: the softmax weighted by the distance to the reference's boundary."""

from __future__ import annotations

import numpy as np
import torch

from segkit import IGNORE, Task
from segkit_losses.common import valid_pixels, with_background
from segkit_losses.params import Boundary


class BoundaryLoss:
    """Mean over valid pixels and classes of p times the signed distance, negative inside (Kervadec et al. 2019).

    Args:
        rise: share of the run over which the weight rises from 0 to 1, as the paper joins it to a regional loss.
    """

    def __init__(self, task: Task, rise: float) -> None:
        self.classes = len(task.classes)
        self.rise = rise

    def __call__(
        self, logits: torch.Tensor, mask: torch.Tensor, *, map: torch.Tensor, epoch: int, epochs: int
    ) -> torch.Tensor:
        """Return the loss (N,) of logits (N, K, *S); `map` has a signed distance per class."""
        with torch.autocast(logits.device.type, enabled=False):
            raised = with_background(logits.to(torch.promote_types(logits.dtype, torch.float32)))
            foreground = raised.softmax(dim=1)[:, 1:]
            valid = valid_pixels(mask).unsqueeze(1)
            weighted = (foreground * map.to(foreground.dtype) * valid).flatten(1).sum(dim=1)
            count = valid.flatten(1).sum(dim=1).clamp_min(1) * self.classes
        weight = 1.0 if self.rise == 0 else min(1.0, (epoch - 1) / max(1.0, self.rise * epochs))
        return weight * weighted / count


def build(task: Task, params: Boundary) -> BoundaryLoss:
    """Build the loss."""
    return BoundaryLoss(task, params.rise)


def signed_distances(mask: np.ndarray, spacing: tuple[float, ...] | None, task: Task, params: Boundary) -> np.ndarray:
    """Return for each class the distance to its boundary, negative inside (classes, *S), 0 where a mask lacks it.

    Distances are in pixels, or of volumes in voxels of the finest axis, and at most `params.limit`.
    """
    from scipy import ndimage

    sampling = None if spacing is None else np.asarray(spacing) / min(spacing)
    found = np.zeros((len(task.classes), *mask.shape), np.float32)
    for place in range(len(task.classes)):
        inside = mask == place + 1
        if not inside.any() or inside.all():
            continue
        outside = ndimage.distance_transform_edt(~inside, sampling=sampling)
        depth = ndimage.distance_transform_edt(inside, sampling=sampling)
        # The paper's: 0 on the inner side of the boundary, which belongs to the structure.
        found[place] = np.clip(np.where(inside, -(depth - 1), outside), -params.limit, params.limit)
        found[place][mask == IGNORE] = 0
    return found
