"""Cases drawn by integers alone, for what other libraries were asked about calibration and risk."""

import numpy as np

SIDE = 24


def draw_risk(seed):
    """Return probabilities (cases, H, W) float64 and masks of the same shape, each with foreground."""
    draw = np.random.default_rng(seed)
    cases = 20 + 15 * (seed % 4)
    masks = np.zeros((cases, SIDE, SIDE), np.uint8)
    values = draw.integers(1, 1_000_003, masks.shape) / 2_000_011
    for index in range(cases):
        top, left = draw.integers(0, 14, 2)
        masks[index, top : top + 8, left : left + 8] = 1
        lift = draw.integers(200_000, 900_000) / 2_000_011
        values[index] += lift * masks[index]
    return np.minimum(values, 0.9999), masks


def draw_scores(seed):
    """Return logits (pixels, K) float64 and labels (pixels,)."""
    draw = np.random.default_rng(1000 + seed)
    labels = 2 + seed % 3
    scores = (draw.integers(-1_000_003, 1_000_003, (3000, labels)) / 250_007).astype(np.float64)
    right = draw.integers(0, 10, 3000) < 6
    return scores, np.where(right, scores.argmax(axis=1), draw.integers(0, labels, 3000))
