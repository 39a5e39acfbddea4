"""What the figures of a map come to."""

from __future__ import annotations

import numpy as np
import pytest

from segkit.explain import Explanation
from segkit.explain.verdict import judge


def explanation(status: str = "ok") -> Explanation:
    return Explanation(np.zeros((2, 2)), np.zeros((2, 2)), 1.0, status, 1.0, {"class": "lesion", "target": "predicted"})


def evidence(decoder: float | None, everything: float | None, auroc: float | None = 0.9) -> dict:
    beside = {"auroc": auroc, "energy": 0.5, "pointing": 1.0}
    return {
        "reference": beside,
        "prediction": beside,
        "target": beside,
        "randomisation": {"decoder": decoder, "everything": everything},
    }


@pytest.mark.parametrize(
    ("figures", "said"),
    [
        (evidence(0.83, 0.1), "mostly encoder activations: barely changes when the decoder is randomised"),
        (evidence(1.0, 1.0), "follows the image rather than the model"),
        (evidence(0.1, 0.0), "depends on what was learnt"),
        (evidence(0.1, 0.0, 0.02), "inverted: coldest in lesion of the reference"),
        (evidence(0.1, 0.0, 0.55), "hardly tells lesion of the reference from the rest"),
    ],
)
def test_figures_in_words(figures, said):
    """The sentence that stands beside a map; a doubt stands first and makes the verdict."""
    verdict, remarks = judge(explanation(), figures)
    assert remarks[0].startswith(said)
    assert verdict == ("believe" if said.startswith("depends") else "doubtful")


@pytest.mark.parametrize(
    ("status", "said"),
    [
        ("empty target", "no such pixels"),
        ("nothing positive", "heat map is empty"),
        ("constant map", "same everywhere"),
    ],
)
def test_statuses_in_words(status, said):
    """What is not ok is said alone."""
    verdict, (remark,) = judge(explanation(status), evidence(None, None))
    assert verdict == "empty"
    assert said in remark


def test_a_hottest_place_outside_is_a_doubt():
    """Also where the ranks are right."""
    figures = evidence(0.1, 0.0)
    figures["reference"] = {**figures["reference"], "pointing": 0.0}
    verdict, remarks = judge(explanation(), figures)
    assert (verdict, remarks[0]) == ("doubtful", "its hottest place lies outside lesion of the reference")


def test_without_any_figure_there_is_nothing_against_it():
    """Nothing is said of random weights where there are none."""
    figures = evidence(None, None) | {"randomisation": None}
    assert judge(explanation(), figures) == ("believe", [])
