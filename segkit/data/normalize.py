"""How image values are brought to the range that networks learn well in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from segkit.data.store import Store
from segkit.errors import SegkitError, UsageError
from segkit.settings import Data

STD_FLOOR = 1e-3
CHUNK = 16
"""Images taken into memory at a time where a whole store is read."""


@dataclass(frozen=True)
class Normalization:
    """A fixed way of normalising images, stored with the weights.

    Attributes:
        kind: "unit" leaves values as they are; "image" gives every image and channel zero mean and unit deviation
            (deviations under 0.001 count as 0.001); "dataset" and "fixed" subtract `mean` and divide by `std`.
        mean, std: per channel, for "dataset" and "fixed".
    """

    kind: str
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()

    def apply(self, images: torch.Tensor) -> torch.Tensor:
        """Normalise images (N, C, *S) as `to_float` gives them."""
        if self.kind == "unit":
            return images
        if self.kind == "image":
            centred = images - channel_means(images)
            return centred / channel_means(centred.square()).sqrt().clamp_min(STD_FLOOR)
        shape = (1, -1, *[1] * (images.ndim - 2))
        mean, std = (torch.tensor(values, dtype=images.dtype, device=images.device) for values in (self.mean, self.std))
        return (images - mean.view(shape)) / std.view(shape)

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        return {"kind": self.kind, "mean": list(self.mean), "std": list(self.std)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Normalization:
        """Rebuild it from `to_dict`'s result; raises SegkitError where that is damaged."""
        try:
            mean, std = (tuple(float(value) for value in values[name]) for name in ("mean", "std"))
            kind = values["kind"]
        except (KeyError, TypeError, ValueError) as error:
            raise SegkitError(f"the checkpoint's normalization {dict(values)!r} is damaged", "copy it again") from error
        if kind not in ("unit", "image", "dataset", "fixed"):
            raise SegkitError(f"the checkpoint's normalization {kind!r} is unknown", "upgrade segkit-core")
        return cls(kind, mean, std)


def channel_means(images: torch.Tensor) -> torch.Tensor:
    """Return the mean of each image and channel, (N, C, 1, ...), whose bits do not depend on the batch."""
    # How a sum over a whole batch is split among threads depends on the batch's size; over one image it does not.
    spatial = tuple(range(1, images.ndim - 1))
    return torch.stack([image.mean(spatial, keepdim=True) for image in images])


def to_float(images: torch.Tensor) -> torch.Tensor:
    """Return images as float32: uint8 in 0 to 1, other types in their own unit."""
    values = images.to(torch.float32)
    return values.div_(255) if images.dtype == torch.uint8 else values


def make_normalization(settings: Data, store: Store | None = None) -> Normalization:
    """Build the normalisation that the settings ask for.

    Args:
        store: the training split; "dataset" takes its mean and deviation, "fixed" is checked against its channels.

    Raises:
        UsageError: data.mean and data.std do not fit fixed normalisation or the channels.
    """
    if settings.normalization == "dataset":
        if store is None:
            raise UsageError("data.normalization=dataset needs a training split", "use fixed, image or unit")
        mean, std = channel_moments(store)
        return Normalization("dataset", tuple(mean.tolist()), tuple(np.maximum(std, STD_FLOOR).tolist()))
    if settings.normalization == "fixed":
        channels = store.channels if store is not None else len(settings.mean)
        if not len(settings.mean) == len(settings.std) == channels or channels == 0:
            raise UsageError(
                f"data.normalization=fixed has {len(settings.mean)} data.mean and {len(settings.std)} data.std",
                f"give one of each per channel{f' ({channels})' if channels else ''}",
            )
        return Normalization("fixed", settings.mean, settings.std)
    return Normalization(settings.normalization)


def channel_moments(store: Store) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and deviation (C,) over all pixels of a store, in float64; values are those of `to_float`."""
    pixels = len(store) * int(np.prod(store.size))

    def total(shift: np.ndarray | None) -> np.ndarray:
        parts = []
        for start in range(0, len(store), CHUNK):
            values = _values(store, np.arange(start, min(start + CHUNK, len(store))))
            parts.append((values if shift is None else (values - shift[:, None]) ** 2).sum(axis=(0, 2)))
        summed: np.ndarray = np.stack(parts).sum(axis=0)
        return summed

    mean = total(None) / pixels
    return mean, np.sqrt(total(mean) / pixels)


def _values(store: Store, indices: np.ndarray) -> np.ndarray:
    """Return values (n, C, pixels) float64."""
    stored = store.images(indices).reshape(len(indices), store.channels, -1).astype(np.float64)
    if store.dtype == np.uint8:
        return stored / 255
    slopes, intercepts = store.scale(indices)
    values: np.ndarray = stored * slopes[..., None] + intercepts[..., None]
    return values
