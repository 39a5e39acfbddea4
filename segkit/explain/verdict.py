"""What the evidence of a map comes to: one verdict, and the remarks that it rests on, the doubts first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from segkit.explain.explanation import CONSTANT, NOTHING_POSITIVE, Explanation
from segkit.explain.targets import EMPTY

BELIEVE, DOUBTFUL, NOTHING = "believe", "doubtful", "empty"
"""Nothing measured speaks against the map; something does; there is no map."""
BARELY_CHANGES = 0.7
"""From this Spearman coefficient up, whatever its sign, a map counts as nearly the same.

Maps that follow the weights come to 0.39 at most once the decoder is random, those of edges, noise or the mask to 1.00
(docs/benchmarks/explainer-evidence.md).
"""
LITTLE_MORE_THAN_CHANCE = 0.6
"""Of the area under the ROC curve; noise has 0.50 (the same page)."""


def judge(explanation: Explanation, evidence: Mapping[str, Any]) -> tuple[str, list[str]]:
    """Return the verdict on a map and the remarks, the doubts first.

    A map that fits the prediction of a model that is wrong is doubtful beside the reference all the same: a reader who
    sees the verdict alone is not to take it for the place of the structure.
    """
    name = str(explanation.meta.get("class", "the class"))
    if explanation.status == EMPTY:
        return NOTHING, [f"there are no such pixels of {name}, so there is nothing to explain"]
    if explanation.status == NOTHING_POSITIVE:
        margin = str(explanation.meta.get("target", "")).startswith("margin")
        more = "" if margin else "; where classes compete, what counts is the difference to the next one: target margin"
        return NOTHING, [f"nothing in the map speaks for the target: the heat map is empty{more}"]
    if explanation.status == CONSTANT:
        return NOTHING, ["the map is the same everywhere: it says nothing about places, and its figures are undefined"]
    pixels = str(explanation.meta.get("target", "")).removeprefix("margin:").partition(":")[0]
    beside = beside_masks(evidence, name, whole=pixels in ("", "predicted", "reference", "all"))
    doubts, rest = beside_random(evidence["randomisation"] or {})
    doubts += beside
    return (DOUBTFUL if doubts else BELIEVE), doubts + rest


def beside_random(random: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """Say what the map has of the weights: what speaks against it, and what does not."""
    decoder, everything = random.get("decoder"), random.get("everything")
    if everything is not None and everything >= BARELY_CHANGES:
        return [
            "follows the image rather than the model: barely changes when all weights are randomised "
            f"(Spearman {everything:.2f})"
        ], []
    if decoder is not None and decoder >= BARELY_CHANGES:
        return [
            f"mostly encoder activations: barely changes when the decoder is randomised (Spearman {decoder:.2f})"
        ], []
    if everything is not None:
        return [], [f"depends on what was learnt: another map with random weights (Spearman {everything:.2f})"]
    return [], []


def beside_masks(evidence: Mapping[str, Any], name: str, *, whole: bool) -> list[str]:
    """Say where the heat lies: beside the class in both masks, or where a part of it was asked for beside that part."""
    words = []
    places = {"reference": f"{name} of the reference", "prediction": f"{name} of the prediction"}
    for mask, place in (places if whole else {"target": "the pixels asked for"}).items():
        figures = evidence[mask] or {}
        value = figures.get("auroc")
        if value is not None and value < 1 - LITTLE_MORE_THAN_CHANCE:
            words.append(f"inverted: coldest in {place} (AUROC {value:.2f})")
        elif value is not None and value < LITTLE_MORE_THAN_CHANCE:
            words.append(f"hardly tells {place} from the rest (AUROC {value:.2f})")
        if figures.get("pointing") == 0 and mask != "prediction":
            words.append(f"its hottest place lies outside {place}")
    return words
