"""How probable it is that the claim "this one is better" is false."""

from __future__ import annotations

import math

import numpy as np


def false_claim_probability(differences: np.ndarray, *, higher_is_better: bool) -> float | None:
    """Return the probability that the first of two models is not better on the mean, given the paired differences.

    Christodoulou et al. 2025, "False Promises in Medical Imaging AI?" (arXiv:2505.04720): with a flat prior of mean
    and log variance the mean difference of all cases like these follows Student's t with n - 1 degrees of freedom
    around the observed one. It is one minus the confidence in the claim, no p-value, and not corrected for several of
    them.

    Args:
        differences: (units,) first minus second, one per patient or case.

    Returns:
        None with fewer than two differences, or where one is infinite: there is no mean then.
    """
    if len(differences) < 2 or not np.isfinite(differences).all():
        return None
    mean, spread = float(differences.mean()), float(differences.std(ddof=1))
    mean = mean if higher_is_better else -mean
    if spread <= 1e-12 * max(abs(mean), 1e-300):
        return 0.0 if mean > 0 else 0.5 if mean == 0 else 1.0
    from scipy.stats import t

    return float(t.cdf(-math.sqrt(len(differences)) * mean / spread, len(differences) - 1))
