"""Temperature and vector scaling: logits made as sure as they are right (Guo et al. 2017, arXiv:1706.04599)."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize, minimize_scalar
from scipy.special import expit, logsumexp, softmax

LARGEST = np.log(1000.0)
"""Of the logarithm of a temperature: further away the logits say nothing, or everything."""


def nll(scores: np.ndarray, labels: np.ndarray) -> float:
    """Return the mean negative log-likelihood of labels.

    Args:
        scores: float64 (pixels, K) logits; K = 1 is one class by its sigmoid.
        labels: (pixels,) from 0.
    """
    if scores.shape[1] == 1:
        signed = np.where(labels > 0, scores[:, 0], -scores[:, 0])
        return float(np.logaddexp(0, -signed).mean())
    return float((logsumexp(scores, axis=1) - scores[np.arange(len(labels)), labels]).mean())


def fit_temperature(scores: np.ndarray, labels: np.ndarray) -> float:
    """Return the temperature that logits are divided by for the smallest negative log-likelihood.

    Arguments as of `nll`. It is one number, found by a search of one dimension over its logarithm; the likelihood is
    convex in its inverse.
    """
    found = minimize_scalar(
        lambda log: nll(scores * np.exp(-log), labels),
        bounds=(-LARGEST, LARGEST),
        method="bounded",
        options={"xatol": 1e-10, "maxiter": 500},
    )
    return float(np.exp(found.x))


def fit_vector(scores: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the factor and the shift of each logit, float64 (K,), of the smallest negative log-likelihood.

    Arguments as of `nll`. Factors and shifts are free, so the most probable label may become another.
    """
    pixels, channels = scores.shape
    truth = np.zeros_like(scores)
    if channels == 1:
        truth[:, 0] = labels > 0
    else:
        truth[np.arange(pixels), labels] = 1

    def cost(both: np.ndarray) -> tuple[float, np.ndarray]:
        scaled = scores * both[:channels] + both[channels:]
        apart = (expit(scaled) if channels == 1 else softmax(scaled, axis=1)) - truth
        gradient = np.concatenate([(apart * scores).mean(axis=0), apart.mean(axis=0)])
        return nll(scaled, labels), gradient

    start = np.concatenate([np.full(channels, 1 / fit_temperature(scores, labels)), np.zeros(channels)])
    found = minimize(cost, start, jac=True, method="L-BFGS-B", options={"maxiter": 1000, "ftol": 1e-12, "gtol": 1e-8})
    scale, shift = np.split(found.x, 2)
    # Softmax does not see a shift of all labels alike.
    return scale, shift if channels == 1 else shift - shift.mean()
