"""How image values are brought to the range that networks learn well in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch

from segkit.data.intensities import PER_CASE, STD_FLOOR, case_moments, foreground_scheme
from segkit.data.large_array import is_large
from segkit.data.store import Store
from segkit.data.survey import survey
from segkit.data.tile_store import TileStore
from segkit.data.volume_store import VolumeStore
from segkit.errors import SegkitError, UsageError
from segkit.settings import Data

KINDS = ("unit", "image", "dataset", "fixed", "ct", "body")
PLUGIN = "plugin"
"""The kind of those that a plugin measures."""
BY_CASE = (*PER_CASE, PLUGIN)
"""Kinds whose numbers are each case's own."""
Rows = tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class Measure:
    """A plugin's normalisation.

    Attributes:
        name: its full name.
        identity: what its numbers depend on besides the image: version and params, as JSON can hold them.
        function: image (C, *S) -> (low, high, mean, std), each (C,).
    """

    name: str
    identity: Any
    function: Callable[[np.ndarray], Any]

    def __call__(self, image: np.ndarray) -> Rows:
        """Return mean, std, low and high of a case (C, *S) of the file's type, each one number per channel.

        Raises:
            SegkitError: the plugin gave something else.
        """
        values = image.astype(np.float32) / np.float32(255) if image.dtype == np.uint8 else image.astype(np.float32)
        told = self.function(values)
        try:
            low, high, mean, std = (tuple(float(number) for number in row) for row in told)
        except (TypeError, ValueError):
            raise self.wrong(f"{type(told).__name__}") from None
        if not len(low) == len(high) == len(mean) == len(std) == len(image):
            raise self.wrong(f"rows of {len(low)}, {len(high)}, {len(mean)} and {len(std)} for {len(image)} channels")
        if not all(number > 0 for number in std) or not np.isfinite([*low, *high, *mean, *std]).all():
            raise self.wrong("numbers that are not finite, or a deviation of 0")
        return mean, std, low, high

    def wrong(self, what: str) -> SegkitError:
        """Describe what breaks the contract."""
        return SegkitError(
            f"normalization {self.name} gave {what}, not low, high, mean and std of each channel",
            "report it to its author",
        )


@dataclass(frozen=True)
class Normalization:
    """A fixed way of normalising images, stored with the weights.

    Attributes:
        kind: "unit" leaves values as they are; "image" gives every image and channel zero mean and unit deviation
            (deviations under 0.001 count as 0.001), "body" the same of the voxels inside the patient's body; "dataset",
            "fixed" and "ct" subtract `mean` and divide by `std`; "plugin" as "ct", by numbers that a plugin measures on
            each case.
        mean, std: per channel, for "dataset", "fixed" and "ct".
        low, high: per channel, what values are clipped to before, for "ct".
        measure: of "plugin".
    """

    kind: str
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()
    measure: Measure | None = None

    def apply(self, images: torch.Tensor, moments: tuple[torch.Tensor, ...] | None = None) -> torch.Tensor:
        """Normalise images (N, C, *S) as `to_float` gives them.

        Args:
            moments: mean and deviation (N, C) of the cases that the images are parts of, for "image" and "body"; for
                "plugin" also what they are clipped to.

        Several slices side by side, (N, slices * C, H, W), take each channel's numbers for every slice.
        """
        if self.kind == "unit":
            return images
        if self.kind == PLUGIN:
            return self._measured(images, moments)
        if self.kind in PER_CASE:
            if moments is not None:
                return (images - spread(moments[0], images)).div_(spread(moments[1], images))
            if self.kind == "body":
                raise ValueError("body normalisation takes the moments of a whole volume: use of_case")
            centred = images - channel_means(images)
            return centred.div_(channel_means(centred.square()).sqrt().clamp_min(STD_FLOOR))
        numbers = (self.low, self.high, self.mean, self.std)
        low, high, mean, std = (on_device(row, images.dtype, images.device) for row in numbers)
        if self.low:
            images = torch.clamp(images, spread(low, images), spread(high, images))
        return (images - spread(mean, images)).div_(spread(std, images))

    def _measured(self, images: torch.Tensor, moments: tuple[torch.Tensor, ...] | None) -> torch.Tensor:
        """Normalise by a plugin's numbers, measured now where they are not given."""
        if moments is None:
            assert self.measure is not None
            told = [self.measure(image) for image in images.detach().float().cpu().numpy()]
            moments = tuple(
                torch.tensor(rows, dtype=images.dtype).to(images.device) for rows in zip(*told, strict=True)
            )
        mean, std, low, high = (spread(row, images) for row in moments)
        return (torch.clamp(images, low, high) - mean).div_(std)

    def of_case(self, image: np.ndarray) -> Normalization:
        """Return the normalisation of one volume's parts, its numbers taken from the whole (C, *S) of the file's type.

        They are those of the volume on its own grid; the kinds with numbers for all cases stay as they are.
        """
        if self.measure is not None:
            return self.bound(*self.measure(image))
        if self.kind == "image" and is_large(image):
            return self.bound(*survey(image).moments)
        return self.bound(*case_moments(image, self.kind)) if self.kind in PER_CASE else self

    def bound(
        self, mean: tuple[float, ...], std: tuple[float, ...], low: tuple[float, ...] = (), high: tuple[float, ...] = ()
    ) -> Normalization:
        """Return the same with the numbers of one case."""
        return Normalization("ct" if low else "fixed", mean, std, low, high)

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        if self.measure is not None:
            return {"kind": PLUGIN, "name": self.measure.name, "mean": [], "std": []}
        found = {"kind": self.kind, "mean": list(self.mean), "std": list(self.std)}
        return found | ({"low": list(self.low), "high": list(self.high)} if self.low else {})

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Normalization:
        """Rebuild it from `to_dict`'s result; raises SegkitError where it is damaged. A plugin's lacks its measure."""
        try:
            rows = [values["mean"], values["std"], values.get("low", ()), values.get("high", ())]
            mean, std, low, high = (tuple(float(value) for value in row) for row in rows)
            kind = values["kind"]
        except (KeyError, TypeError, ValueError) as error:
            raise SegkitError(f"the checkpoint's normalization {dict(values)!r} is damaged", "copy it again") from error
        if kind == PLUGIN:
            return cls(PLUGIN)
        if kind not in KINDS:
            raise SegkitError(f"the checkpoint's normalization {kind!r} is unknown", "upgrade segkit-core")
        clipped = len(low) == len(high) == len(mean) or not low + high
        numbers = kind in ("dataset", "fixed", "ct")
        if len(mean) != len(std) or numbers != bool(mean) or not clipped or not all(value > 0 for value in std):
            raise SegkitError(f"the checkpoint's normalization {kind!r} has numbers that do not fit", "copy it again")
        return cls(kind, mean, std, low, high)


def spread(numbers: torch.Tensor, images: torch.Tensor) -> torch.Tensor:
    """Return numbers (N or 1, C) in a shape that broadcasts over images (N, slices * C, *S)."""
    slices = images.shape[1] // numbers.shape[1]
    repeated = numbers.repeat(1, slices) if slices > 1 else numbers
    return repeated.view(*repeated.shape, *[1] * (images.ndim - 2))


@lru_cache(64)
def on_device(row: tuple[float, ...], dtype: torch.dtype, device: torch.device) -> torch.Tensor:
    """Return numbers as (1, C) on a device; kept, as they are the same for every batch and a copy makes a GPU wait."""
    with torch.inference_mode(False):
        return torch.tensor([row], dtype=dtype, device=device)


def channel_means(images: torch.Tensor) -> torch.Tensor:
    """Return the mean of each image and channel, (N, C, 1, ...), whose bits do not depend on the batch."""
    # How a sum over a whole batch is split among threads depends on the batch's size; over one image it does not.
    spatial = tuple(range(1, images.ndim - 1))
    return torch.stack([image.mean(spatial, keepdim=True) for image in images])


def to_float(images: torch.Tensor) -> torch.Tensor:
    """Return images as float32: uint8 in 0 to 1, other types in their own unit."""
    values = images.to(torch.float32)
    return values.div_(255) if images.dtype == torch.uint8 else values


def make_normalization(
    settings: Data, store: Store | VolumeStore | None = None, measure: Measure | None = None
) -> Normalization:
    """Build the normalisation that the settings ask for.

    Args:
        measure: the plugin's, where the settings name one.
        store: the training split; "dataset" and "ct" take their numbers from it, "fixed" is checked against its
            channels.

    Raises:
        UsageError: data.mean and data.std do not fit fixed normalisation or the channels, or the kind is for volumes
            and the store is of photographs.
    """
    kind = settings.normalization
    if measure is not None:
        return Normalization(PLUGIN, measure=measure)
    if kind == "dataset":
        if store is None:
            raise UsageError("data.normalization=dataset needs a training split", "use fixed, image or unit")
        mean, std = store.channel_moments()
        return Normalization("dataset", tuple(mean.tolist()), tuple(np.maximum(std, STD_FLOOR).tolist()))
    if kind == "fixed":
        channels = store.channels if store is not None else len(settings.mean)
        if not len(settings.mean) == len(settings.std) == channels or channels == 0:
            raise UsageError(
                f"data.normalization=fixed has {len(settings.mean)} data.mean and {len(settings.std)} data.std",
                f"give one of each per channel{f' ({channels})' if channels else ''}",
            )
        return Normalization("fixed", settings.mean, settings.std)
    if kind in ("ct", "body"):
        if store is None or not store.volumes or isinstance(store, TileStore):
            raise UsageError(
                f"data.normalization={kind} is for volumes in mode slices, slab or patches",
                "use image, dataset or unit",
            )
        if kind == "ct":
            return ct_normalization(settings, store)
    return Normalization(kind)


def ct_normalization(settings: Data, store: VolumeStore) -> Normalization:
    """Clip to the window or to the foreground's percentiles, then z-score by the clipped foreground.

    Where window, mean and deviation are all said, as those that weights were trained with, they are taken as they are.
    """
    channels = store.channels
    if settings.window and len(settings.mean) == len(settings.std) == channels:
        low, high = ((value,) * channels for value in settings.window)
        return Normalization("ct", settings.mean, settings.std, low, high)
    values, weights = store.foreground_values()
    if not len(values):
        raise UsageError(
            "data.normalization=ct takes its numbers from the foreground, and no training case has any",
            "use body, or fixed with data.mean and data.std",
        )
    window = (settings.window[0], settings.window[1]) if settings.window else None
    low, high, mean, std = (tuple(row.tolist()) for row in foreground_scheme(values, weights, window))
    return Normalization("ct", mean, std, low, high)
