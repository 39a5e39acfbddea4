"""Several drawings of one image as one target: at each pixel the share of readers who gave each label (issue 22)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from segkit.contracts import IGNORE
from segkit.declarations import Task


@dataclass(frozen=True)
class Drawings:
    """Which training cases are drawings of one image, and of what task.

    Attributes:
        images: of each case the image that it is a drawing of.
    """

    images: tuple[str, ...]
    task: Task

    @cached_property
    def of_image(self) -> dict[str, list[int]]:
        """The cases of each image."""
        found: dict[str, list[int]] = {}
        for case, image in enumerate(self.images):
            found.setdefault(image, []).append(case)
        return found

    @cached_property
    def most(self) -> int:
        """How many drawings an image has at most."""
        return max(map(len, self.of_image.values()))

    def masks(self, case: int, read: Callable[[int], np.ndarray]) -> np.ndarray:
        """Return the masks of all drawings of a case's image, one plane after the other.

        Args:
            read: the mask of a case, (*S), or (classes, *S) where these overlap.

        Returns:
            (planes, *S), as many for each image: who drew less than others is ignored throughout, and has no vote.
        """
        drawn = [read(one) for one in self.of_image[self.images[case]]]
        drawn += [np.full_like(drawn[0], IGNORE)] * (self.most - len(drawn))
        return np.concatenate(drawn) if self.task.overlapping else np.stack(drawn)

    def shares(self, masks: torch.Tensor) -> torch.Tensor:
        """Return the soft target float32 (N, K, *S) of drawings (N, planes, *S), in the order of the task's logits.

        That is the share of the one class, of background and each class, or of each of overlapping classes. Who
        ignores a pixel has no vote; where all do every channel is 255.
        """
        task = self.task
        if task.overlapping:
            drawn = masks.unflatten(1, (-1, len(task.classes)))
            return share(drawn == 1, drawn != IGNORE)
        labels = [1] if task.out_channels == 1 else range(task.out_channels)
        voted = masks != IGNORE
        return torch.stack([share(masks == label, voted) for label in labels], dim=1)


def share(marked: torch.Tensor, voted: torch.Tensor) -> torch.Tensor:
    """Return the share of votes (N, ...) along the second axis that mark a pixel; 255 where nobody voted."""
    votes = voted.sum(dim=1)
    found = (marked & voted).sum(dim=1).to(torch.float32) / votes.clamp(min=1)
    return found.masked_fill(votes == 0, IGNORE)
