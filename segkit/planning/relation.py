"""What the data that a model is scored on are to it: its own, its own in another folder, others."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from segkit.config import read_file
from segkit.data.case import Case
from segkit.data.dataset import SPLITS
from segkit.data.roots import Root
from segkit.errors import UsageError
from segkit.files import real
from segkit.planning.dataset import ChosenDataset
from segkit.planning.one_of_several import OwnPart
from segkit.planning.splits import ALL, ScoredSplit, split_named
from segkit.planning.trained import TrainedModel, component


class Relation(enum.Enum):
    """What data are to a model."""

    OWN = "those it was trained, selected and tested on"
    ELSEWHERE = "its dataset, read from another folder"
    OTHER = "another dataset"
    REAL = "real cases, where its own were drawn"
    DRAWN = "drawn cases, where its own were real"


NOTES = {
    Relation.ELSEWHERE: "read from another folder than in training: whether its cases are the same is not known",
    Relation.OTHER: "another dataset than {dataset}, which the model was trained on",
    Relation.REAL: "real cases, none of which the model was trained on: its own were drawn by a program",
    Relation.DRAWN: "a generated sample, on which the model was not trained: its own cases were real",
}


def relation_to(
    model: TrainedModel, root: Root, dataset: ChosenDataset, *, is_own: bool, part: OwnPart | None = None
) -> Relation:
    """Tell what data are to a model, as far as that can be known without reading them.

    Args:
        part: which of several datasets they are.
    """
    if not is_own:
        return Relation.OTHER
    # Of several datasets that it was trained on some may have been drawn, and the model says so of all together.
    if part is None and bool(model.header.get("generated_sample")) != root.generated:
        return Relation.DRAWN if root.generated else Relation.REAL
    if model.config is None:
        # A checkpoint holds no folder: where data are named beside it, they may be any.
        return Relation.OWN if dataset.given_root is None else Relation.ELSEWHERE
    trained_in = read_file(model.config).values.get("data.root", "none")
    if part is not None and trained_in != "none":
        trained_in = part.root(str(trained_in)) or "none"
    if trained_in == "none":
        return Relation.OWN if dataset.given_root is None else Relation.ELSEWHERE
    if root.parts:
        return Relation.OWN if str(trained_in) == root.written else Relation.ELSEWHERE
    return Relation.OWN if real(Path(str(trained_in))) == real(root.path) else Relation.ELSEWHERE


def choose_scored(
    wanted: str, cases: dict[str, Sequence[Case]], relation: Relation, header: Mapping[str, Any]
) -> ScoredSplit:
    """Return what is scored of a model's data: of its own as a run does, of other data all cases; as asked instead."""
    if relation is not Relation.OWN:
        cases[ALL] = [case for split in SPLITS for case in cases[split]]
        split = split_named(ALL if wanted == "auto" and cases[ALL] else wanted, cases)
        known = None if relation is Relation.ELSEWHERE else False
        note = NOTES[relation].format(dataset=component(header, "data")["name"])
        return ScoredSplit(split, note, trained_on=known, selected_on=known)
    if wanted == ALL:
        raise UsageError("--split all would score training cases with the others", "score test, val or train")
    split = split_named(wanted, cases)
    selected = header["selected_on"] == split if "selected_on" in header else None if split == "val" else False
    if split == "train":
        note = "the model was trained on these cases: the scores say how well it has learnt them, no more"
    elif selected is None:
        note = "whether the epoch was chosen by its score on these cases is not known: the checkpoint is too old to say"
    elif selected:
        note = "SELECTED ON THIS SPLIT: the epoch was chosen by its score on these cases"
    elif split == "val":
        note = "the last epoch's weights: nothing was selected on these cases"
    else:
        note = "neither trained nor selected on these cases"
    return ScoredSplit(split, note, trained_on=split == "train", selected_on=selected)


def by_content(scored: ScoredSplit, seen: int, cases: int) -> ScoredSplit:
    """Return what scored cases are to a model once their images were compared with those that it was trained on.

    A split's name says nothing of another folder's cases, nor of what was moved since (issue 21).
    """
    if seen == 0 and scored.trained_on is False:
        return scored
    if seen == 0:
        note = f"none of these {cases} cases, by content, is one that the model was trained on"
        if scored.selected_on:
            note = f"{scored.note}; {note}"
        return replace(scored, note=note, trained_on=False)
    if seen == cases:
        note = "the model was trained on these cases: the scores say how well it has learnt them, no more"
        return replace(scored, note=note, trained_on=True)
    note = f"TRAINED ON {seen} OF THESE {cases} CASES, by content: scores on them say too much"
    return replace(scored, note=note, trained_on=True)
