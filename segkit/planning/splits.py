"""The cases of every split, and that no split leaks into another."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from segkit.data.case import Case
from segkit.data.dataset import SPLITS, DatasetReader
from segkit.data.inventory import is_text
from segkit.errors import SegkitError, UsageError

ON_TRAINING_CASES = "these scores are on the training cases, and say nothing about others"
CASE_ID = re.compile(r"[^/\\\x00-\x1f.][^/\\\x00-\x1f]*\Z")


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


def choose_split(wanted: str, cases: Mapping[str, Sequence[Case]]) -> tuple[str, str]:
    """Return the split to score and, in words, why."""
    if wanted != "auto":
        if not cases[wanted]:
            present = ", ".join(split for split in SPLITS if cases[split])
            raise UsageError(f"evaluate.split={wanted}: the data have no such split", f"there are: {present}")
        return wanted, f"as asked: {ON_TRAINING_CASES}" if wanted == "train" else "as asked"
    if cases["test"]:
        return "test", "the official test split"
    if cases["val"]:
        return "val", "there is no test split: the last epoch's weights are scored, nothing is selected on these cases"
    return "train", f"there is neither a test nor a validation split: {ON_TRAINING_CASES}"
