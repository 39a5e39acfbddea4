"""The cases of every split, that no split leaks into another, and what the scored ones are to the model."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from segkit.data.case import Case
from segkit.data.dataset import SPLITS, DatasetReader
from segkit.data.inventory import is_text
from segkit.errors import SegkitError, UsageError

ON_TRAINING_CASES = "these scores are on the training cases, and say nothing about others"
CASE_ID = re.compile(r"[^/\\\x00-\x1f.][^/\\\x00-\x1f]*\Z")
ALL = "all"
"""What the cases of every split together are called, of data that a model was not trained on."""


@dataclass(frozen=True)
class ScoredSplit:
    """The cases that are scored, and what they are to the model.

    Attributes:
        name: of the split.
        note: why it is scored and what its cases are, in words; nothing is decided by them.
        trained_on: whether the model was trained on these cases; None where that is not known.
        selected_on: whether the epoch was chosen by its score on them; None where that is not known.
    """

    name: str
    note: str
    trained_on: bool | None = False
    selected_on: bool | None = False


def list_cases(reader: DatasetReader, dataset_name: str) -> dict[str, Sequence[Case]]:
    """List every split.

    Raises:
        SegkitError: there is nothing to train on, an id cannot name a file, or a case or a group is in two splits.
    """
    cases: dict[str, Sequence[Case]] = {split: list(reader.cases(split)) for split in SPLITS}
    if not cases["train"]:
        raise SegkitError(f"dataset {dataset_name} has no training cases", "check --data-root")
    ids: dict[str, tuple[str, str]] = {}
    groups: dict[str, tuple[str, str]] = {}
    for split, listed in cases.items():
        for case in listed:
            if not is_text(case.id):
                raise SegkitError(f"case id {case.id!r} is not UTF-8", "rename its files: results have its name")
            if not CASE_ID.match(case.id):
                raise SegkitError(f"case id {case.id!r} cannot name a file", "report it to the dataset's author")
            other, where = ids.setdefault(case.id.casefold(), (case.id, split))
            if other != case.id:
                raise SegkitError(f"cases {other} and {case.id} differ in case only", "rename one of them")
            if where != split:
                raise SegkitError(f"case {case.id} is in {where} and in {split}", "a case may be in one split only")
            if case.group is None:
                continue
            other, where = groups.setdefault(case.group, (case.id, split))
            if where != split:
                raise SegkitError(
                    f"patient {case.group} is in {where} (case {other}) and in {split} (case {case.id}): scores would "
                    "be too good",
                    "keep all cases of a patient in one split",
                )
    return cases


def choose_split(wanted: str, cases: Mapping[str, Sequence[Case]], dealt: Collection[str] = ()) -> ScoredSplit:
    """Return what a run scores: as asked, else test, else val, else train; nothing is ever selected on it.

    Args:
        dealt: the splits that were dealt out here, where the dataset's author named none.
    """
    if wanted == ALL:
        raise UsageError(
            "evaluate.split=all would score training cases with the others",
            "all cases of other data are scored with: segkit evaluate RUN --data-root DIR",
        )
    split = split_named(wanted, cases)
    if wanted != "auto":
        note = f"as asked: {ON_TRAINING_CASES}" if split == "train" else "as asked"
    elif split == "test":
        note = "dealt out of all cases by segkit" if "test" in dealt else "the dataset's own test split"
    elif split == "val":
        note = "there is no test split: the last epoch's weights are scored, nothing is selected on these cases"
    else:
        note = f"there is neither a test nor a validation split: {ON_TRAINING_CASES}"
    return ScoredSplit(split, note, trained_on=split == "train")


def split_named(wanted: str, cases: Mapping[str, Sequence[Case]]) -> str:
    """Return the split asked for, else the first there is of test, val and train; raises UsageError without one."""
    present = [split for split in (*SPLITS, ALL) if cases.get(split)]
    if wanted != "auto" and wanted not in present:
        raise UsageError(
            f"evaluate.split={wanted}: the data have no such split", f"there are: {', '.join(present) or 'none'}"
        )
    if not present:
        raise SegkitError("the dataset has no cases", "check --data-root")
    return wanted if wanted != "auto" else next(split for split in ("test", "val", "train") if split in present)


def scored_cases(reader: DatasetReader, split: str) -> list[Case]:
    """List the cases of a split that was scored, "all" too."""
    return [case for name in (SPLITS if split == ALL else (split,)) for case in reader.cases(name)]


def check_names(cases: Sequence[Case]) -> None:
    """Raise SegkitError where the files of cases that are scored together could not be told apart."""
    seen: dict[str, str] = {}
    for case in cases:
        if not CASE_ID.match(case.id):
            raise SegkitError(f"case id {case.id!r} cannot name a file", "report it to the dataset's author")
        if case.id.casefold() in seen:
            raise SegkitError(
                f"cases {seen[case.id.casefold()]} and {case.id} of several splits share a name",
                "score one split: --split test",
            )
        seen[case.id.casefold()] = case.id
