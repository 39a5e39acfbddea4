"""Which case is for training, validation and testing: a CSV file, or seeded shares, patients kept together."""

from __future__ import annotations

import csv
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from segkit import Case, SegkitError
from segkit.data.folds import deal
from segkit_folder import FolderParams
from segkit_folder.layout import SPLITS, photograph_stem
from segkit_nifti.files import stem_of

FILE = "splits.csv"
ID_COLUMNS = ("id", "case", "image", "file", "filename", "name", "stem")
SPLIT_COLUMNS = ("split", "set", "subset", "fold")
PATIENT_COLUMNS = ("patient", "patient_id", "group", "subject")
EXAMPLE = "it needs the columns id and split (train, val or test), or id and patient, or all three"


@dataclass(frozen=True)
class Table:
    """What a CSV file says, by case id.

    Attributes:
        splits, patients: empty where it has no such column.
    """

    splits: Mapping[str, str]
    patients: Mapping[str, str]


def read_table(path: Path, ids: Sequence[str]) -> Table:
    """Read a CSV file of splits and patients.

    Args:
        ids: of the cases; the file may give them with a suffix.

    Raises:
        SegkitError: it cannot be read, lacks a column, or names a case that is not there or names one twice.
    """
    rows = read_rows(path)
    columns = {(name or "").strip().lower(): name for name in rows[0]} if rows else {}
    id_column, split_column, patient_column = (
        next((columns[name] for name in names if name in columns), None)
        for names in (ID_COLUMNS, SPLIT_COLUMNS, PATIENT_COLUMNS)
    )
    if id_column is None or (split_column is None and patient_column is None):
        raise SegkitError(f"{path.name} has the columns {', '.join(columns) or 'of none'}", EXAMPLE)
    splits: dict[str, str] = {}
    patients: dict[str, str] = {}
    known = {id.casefold(): id for id in ids}
    seen: set[str] = set()
    for row in rows:
        written = (row[id_column] or "").strip()
        name = Path(written.replace("\\", "/")).name
        names = (name, photograph_stem(name), stem_of(name))
        id = next((known[form.casefold()] for form in names if form and form.casefold() in known), None)
        if id is None:
            raise SegkitError(f"{path.name} names the case {written!r}, which is not there", "take its row out")
        if id in seen:
            raise SegkitError(f"{path.name} names the case {id} twice", "keep one row for each")
        seen.add(id)
        if split_column is not None:
            splits[id] = split_of((row[split_column] or "").strip(), path.name)
        if patient_column is not None and (row[patient_column] or "").strip():
            patients[id] = row[patient_column].strip()
    missing = sorted(set(ids) - seen)
    if missing:
        raise SegkitError(
            f"{path.name} does not name {len(missing)} of {len(ids)} cases, first: {missing[0]}", "give each a row"
        )
    return Table(splits, patients)


def read_rows(path: Path) -> list[dict[str, str]]:
    """Return the rows of a CSV file with commas, semicolons or tabs; raises SegkitError."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise SegkitError(f"{path.name} cannot be read: {error.strerror}", "check the path") from None
    except UnicodeDecodeError:
        raise SegkitError(f"{path.name} is not written in UTF-8", "save it as CSV UTF-8") from None
    head = text.partition("\n")[0]
    delimiter = max(",;\t", key=head.count)
    return list(csv.DictReader(text.splitlines(), delimiter=delimiter, restval=""))


def split_of(written: str, file: str) -> str:
    """Return the split that a word means; raises SegkitError where it means none."""
    for split, names in SPLITS.items():
        if written.lower() in names:
            return split
    raise SegkitError(f"{file} has the split {written!r}", "splits are train, val and test")


def deal_out(cases: Sequence[Case], params: FolderParams) -> tuple[dict[str, list[Case]], str]:
    """Return cases by split where nothing says it, one fold or shares, and how in words; raises SegkitError."""
    if params.fold is not None:
        train, validation = deal(cases, params.fold, params.folds, params.split_seed)
        said = f"fold {params.fold} of {params.folds} to validate on (seed {params.split_seed})"
        return {"train": train, "val": validation, "test": []}, said
    said = f"{params.val:.0%} to validate on, {params.test:.0%} to test on (seed {params.split_seed})"
    return share_out(cases, params.val, params.test, params.split_seed), said


def share_out(cases: Sequence[Case], val: float, test: float, seed: int) -> dict[str, list[Case]]:
    """Deal cases out by seeded shares, patients kept together; every share above 0 gets a patient at least.

    Raises:
        SegkitError: there are too few patients, or the shares leave nothing to train on.
    """
    groups: dict[str, list[Case]] = {}
    for case in sorted(cases, key=lambda case: case.id):
        groups.setdefault(case.group or case.id, []).append(case)
    order = sorted(groups)
    random.Random(seed).shuffle(order)
    shares = {"test": test, "val": val}
    wanted = {split: max(1, round(share * len(order))) if share else 0 for split, share in shares.items()}
    if sum(wanted.values()) >= len(order):
        raise SegkitError(
            f"{len(order)} patients cannot be shared out: {wanted['val']} to validate on, {wanted['test']} to test on",
            "set smaller shares, --set data.test=0 --set data.val=0 for none",
        )
    parts: dict[str, list[Case]] = {"train": [], "val": [], "test": []}
    for place, group in enumerate(order):
        split = "test" if place < wanted["test"] else "val" if place < sum(wanted.values()) else "train"
        parts[split] += groups[group]
    return {split: sorted(members, key=lambda case: case.id) for split, members in parts.items()}
