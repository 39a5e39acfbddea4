"""What the intensities of volumes are like: moments of a case and of its body, percentiles of the foreground."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

STD_FLOOR = 1e-3
"""Smaller deviations count as this, so that a constant image is not blown up."""
BINS = 256
LOOKED_AT = 2**20
"""Voxels, evenly spread, that the upper end of a histogram is taken from."""
AIR_AROUND = 0.75
"""Least share of the slices' borders that air takes: 0.95 and more in scans of AMOS, 0.4 to 0.63 in a brain's crops."""
PER_CASE = ("image", "body")
"""Kinds of normalisation whose numbers are each case's own."""

Moments = tuple[tuple[float, ...], tuple[float, ...]]
"""Mean and deviation, one of each per channel."""


def case_moments(image: np.ndarray, kind: str) -> Moments:
    """Return mean and deviation of a volume (C, D, H, W): of all voxels ("image") or of the body's ("body").

    They are in the unit that networks are given values in: uint8 in 0 to 1, other types as they are. Plane by plane: no
    second volume is held.
    """
    scale = 1 / 255 if image.dtype == np.uint8 else 1.0
    means, deviations = [], []
    for channel in image:
        floor = body_threshold(channel) if kind == "body" else -np.inf
        parts = [(values.size, values.sum()) for values in _planes(channel, floor)]
        count = sum(size for size, _ in parts)
        mean = sum(total for _, total in parts) / count
        spread = sum(((values - mean) ** 2).sum() for values in _planes(channel, floor))
        means.append(float(mean * scale))
        deviations.append(max(float(np.sqrt(spread / count) * scale), STD_FLOOR))
    return tuple(means), tuple(deviations)


def body_threshold(channel: np.ndarray) -> float:
    """Return the value above which a voxel is the patient's body and not the air around it.

    Otsu's threshold (1979, largest variance between the two classes) of a histogram from the smallest value to the
    99.5th percentile, so that a few bright voxels do not take its bins. A volume with no air around it, constant or cut
    out of the body, is body altogether: the threshold would part bright tissue from dark.

    Args:
        channel: (D, H, W), D axial slices.
    """
    low = float(channel.min())
    high = float(np.percentile(channel.reshape(-1)[:: max(1, channel.size // LOOKED_AT)], 99.5))
    if high <= low:
        return -np.inf
    counts = np.zeros(BINS, np.int64)
    for plane in channel:
        codes = ((plane.astype(np.float32) - low) * (BINS / (high - low))).astype(np.int64)
        counts += np.bincount(np.clip(codes, 0, BINS - 1).ravel(), minlength=BINS)
    threshold = low + (otsu(counts) + 1) * (high - low) / BINS
    border = np.concatenate([channel[:, (0, -1)].ravel(), channel[:, :, (0, -1)].ravel()])
    return threshold if np.mean(border <= threshold) >= AIR_AROUND else -np.inf


def otsu(counts: np.ndarray) -> int:
    """Return the bin of a histogram after which its two parts differ most (Otsu 1979, equation 18).

    Cuts through empty bins between two parts are equally good: the middle one is taken.
    """
    total = counts.sum()
    weight = np.cumsum(counts) / total
    mean = np.cumsum(counts * np.arange(len(counts))) / total
    with np.errstate(divide="ignore", invalid="ignore"):
        between = (mean[-1] * weight - mean) ** 2 / (weight * (1 - weight))
    between = np.where(np.isfinite(between), between, -1.0)
    best = np.flatnonzero(between >= between.max() * (1 - 1e-9))
    return int(best[len(best) // 2])


def _planes(channel: np.ndarray, floor: float) -> Iterator[np.ndarray]:
    """Yield the values of a volume (D, H, W) above a threshold, plane by plane, in float64."""
    for plane in channel:
        yield plane[plane > floor].astype(np.float64) if np.isfinite(floor) else plane.astype(np.float64)


def weighted_percentiles(values: np.ndarray, weights: np.ndarray, percents: tuple[float, ...]) -> np.ndarray:
    """Return percentiles of values (n,) that stand for `weights` others each; equal weights give numpy's percentile."""
    order = np.argsort(values, kind="stable")
    before = np.cumsum(weights[order]) - weights[order]
    result: np.ndarray = np.interp(np.asarray(percents) / 100 * before[-1], before, values[order].astype(np.float64))
    return result


def foreground_scheme(
    values: np.ndarray, weights: np.ndarray, window: tuple[float, float] | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return how CT is normalised: low and high to clip to, then mean and deviation of the clipped foreground.

    As nnU-Net does (Isensee et al. 2021): the 0.5th and 99.5th percentile, unless a window is given.

    Args:
        values: foreground voxels (n, C); each stands for `weights` (n,) of them.

    Returns:
        Four arrays (C,) float64.
    """
    if window is None:
        bounds = np.stack([weighted_percentiles(channel, weights, (0.5, 99.5)) for channel in values.T], axis=1)
    else:
        bounds = np.repeat(np.asarray(window, np.float64)[:, None], values.shape[1], axis=1)
    clipped = np.clip(values.astype(np.float64), *bounds)
    mean = np.average(clipped, axis=0, weights=weights)
    std = np.sqrt(np.average((clipped - mean) ** 2, axis=0, weights=weights))
    return bounds[0], bounds[1], mean, np.maximum(std, STD_FLOOR)
