"""Maps of how unsure a network is: the entropy of its answer, and of its answers under dropout."""

from __future__ import annotations

__version__ = "0.1.0"

from segkit import Explainer, hookimpl


@hookimpl
def segkit_explainers() -> list[Explainer]:
    """Return the entropy of one pass and that of many under dropout."""
    return [
        Explainer(
            name="entropy",
            factory="segkit_uncertainty.method:build_entropy",
            summary="Entropy of the predicted probabilities: 0 where the network is sure, 1 where classes are equal.",
            reference="Shannon 1948; against errors of medical segmentation: Jungo, Reyes: Assessing Reliability and "
            "Challenges of Uncertainty Estimations for Medical Image Segmentation. MICCAI 2019, "
            "https://arxiv.org/abs/1907.03338",
            layered=False,
            overlapping=True,
            map="uncertainty",
        ),
        Explainer(
            name="mc-dropout",
            factory="segkit_uncertainty.method:build_mc_dropout",
            summary="Monte Carlo dropout: entropy of the mean of many passes, or what they know of each other.",
            params="segkit_uncertainty.params:McDropoutParams",
            reference="Gal, Ghahramani: Dropout as a Bayesian Approximation. ICML 2016, "
            "https://arxiv.org/abs/1506.02142; mutual information: Houlsby et al.: Bayesian Active Learning for "
            "Classification and Preference Learning. 2011, https://arxiv.org/abs/1112.5745",
            layered=False,
            overlapping=True,
            needs=("dropout",),
            map="uncertainty",
        ),
    ]
