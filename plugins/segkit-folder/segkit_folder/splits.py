"""Which case is for training, validation and testing: a CSV file, or seeded shares, patients kept together."""

from __future__ import annotations

import csv
import io
import random
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from segkit import Case, SegkitError
from segkit.data.folds import deal
from segkit.data.naming import SPLITS
from segkit.errors import did_you_mean
from segkit.files import read_bytes
from segkit_folder.listing import composed, file_stem
from segkit_folder.pairing import Pair
from segkit_folder.params import DealtParams

FILE = "splits.csv"
LARGEST = 256 * 2**20
"""Bytes of a table that are read: a line for each of two million cases."""
SEPARATORS = ",;\t"
ID_COLUMNS = ("id", "case", "image", "file", "filename", "name", "stem")
SPLIT_COLUMNS = ("split", "set", "subset", "fold")
ANNOTATED_COLUMNS = ("annotated", "annotated_for")
PATIENT_COLUMNS = ("patient", "patient_id", "group", "subject")
EXAMPLE = "it needs the columns id and split (train, val or test), or id and patient, or all three"


@dataclass(frozen=True)
class Table:
    """What a CSV file says, by case id.

    Attributes:
        splits, patients: empty where it has no such column.
        annotated: the classes that cases were annotated for, of those of which it says so.
    """

    splits: Mapping[str, str]
    patients: Mapping[str, str]
    annotated: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def read_table(path: Path, ids: Sequence[str], stems: Mapping[str, str] | None = None) -> Table:
    """Read a CSV file of splits and patients.

    Args:
        ids: of the cases; the file may give them with a suffix.
        stems: ids by the names of the cases' files without suffixes, which the file may give as well.

    Raises:
        SegkitError: it cannot be read, lacks a column, or names a case that is not there or names one twice.
    """
    head, rows = read_rows(path)
    columns = {name.lower(): place for place, name in reversed(list(enumerate(head))) if name}
    id_column, split_column, patient_column, annotated_column = (
        next((columns[name] for name in names if name in columns), None)
        for names in (ID_COLUMNS, SPLIT_COLUMNS, PATIENT_COLUMNS, ANNOTATED_COLUMNS)
    )
    if id_column is None or split_column is patient_column is annotated_column is None:
        # A link may lead to any file of the reader's: a stranger's folder does not get it quoted (issue 19).
        named = (
            "columns of another table" if path.is_symlink() else f"columns {', '.join(filter(None, head)) or 'of none'}"
        )
        raise SegkitError(f"{path.name} has the {named}", EXAMPLE)
    splits: dict[str, str] = {}
    patients: dict[str, str] = {}
    annotated: dict[str, tuple[str, ...]] = {}
    known = {stem.casefold(): id for stem, id in (stems or {}).items()} | {id.casefold(): id for id in ids}
    seen: set[str] = set()
    for line, row in rows:
        written = row[id_column]
        id = known.get(id_of(written, known))
        if not written:
            raise SegkitError(f"{path.name}, line {line} names no case", "fill in its id, or take the line out")
        if id is None:
            hint = f"take its row out{did_you_mean(written, ids)}"
            raise SegkitError(f"{path.name} names the case {written!r}, which is not there", hint)
        if id in seen:
            raise SegkitError(f"{path.name} names the case {id} twice", "keep one row for each")
        seen.add(id)
        if split_column is not None:
            splits[id] = split_of(row[split_column], path.name)
        if patient_column is not None and row[patient_column]:
            patients[id] = row[patient_column]
        if annotated_column is not None and row[annotated_column]:
            annotated[id] = tuple(name.strip() for name in re.split(r"[|+]", row[annotated_column]) if name.strip())
    missing = sorted(set(ids) - seen)
    if missing:
        raise SegkitError(
            f"{path.name} does not name {len(missing)} of {len(ids)} cases, first: {missing[0]}", "give each a row"
        )
    return Table(splits, patients, annotated)


def stems_of(pairs: Sequence[Pair]) -> dict[str, str]:
    """Return ids by the stems of images and masks, those left out that several cases have."""
    found: dict[str, str | None] = {}
    for pair in pairs:
        for path in dict.fromkeys(pair.files):
            stem = file_stem(path.name) or path.name
            found[stem] = pair.id if found.get(stem, pair.id) == pair.id else None
    return {stem: id for stem, id in found.items() if id is not None}


def id_of(written: str, known: Collection[str]) -> str:
    """Return the id that is meant, in small letters: a name with folders, of Windows too, and with a suffix or not."""
    name = composed(written.replace("\\", "/").rpartition("/")[2])
    forms = (name, file_stem(name), composed(written))
    return next((form.casefold() for form in forms if form and form.casefold() in known), "")


def read_rows(path: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Return the head and the rows of a CSV file, each with its line, as spreadsheets write it.

    Between commas, semicolons or tabs, in UTF-8 or what Excel calls Unicode text; rows without anything are left out,
    a line "sep=;" is heeded, cells are trimmed, and rows that are too short are filled up.

    Raises:
        SegkitError: it cannot be read.
    """
    content = read_bytes(path, hint="check the path", file=path.name, most=LARGEST)
    try:
        utf16 = content.startswith((b"\xff\xfe", b"\xfe\xff"))
        text = content.decode("utf-16" if utf16 else "utf-8-sig")
    except UnicodeDecodeError:
        raise SegkitError(f"{path.name} is not written in UTF-8", "save it as CSV UTF-8") from None
    said = re.match(r"\s*\"?sep=(.)\"?[^\r\n]*[\r\n]+", text, re.IGNORECASE)
    lines = text[said.end() :] if said else text
    first = next((line for line in lines.splitlines() if line.strip(f'{SEPARATORS} "')), "")
    delimiter = said[1] if said else max(SEPARATORS, key=first.count)
    reader = csv.reader(io.StringIO(lines, newline=""), delimiter=delimiter)
    try:
        rows = [
            (reader.line_num, [cell.strip() for cell in row])
            for row in reader
            if any(cell.strip(f"{SEPARATORS} ") for cell in row)
        ]
    except csv.Error as error:
        raise SegkitError(f"{path.name}, line {reader.line_num} is no CSV: {error}", "save it as CSV UTF-8") from None
    if not rows:
        return [], []
    (_, head), *rest = rows
    skipped = 1 if said else 0
    return head, [(line + skipped, row + [""] * (len(head) - len(row))) for line, row in rest]


def split_of(written: str, file: str) -> str:
    """Return the split that a word means; raises SegkitError where it means none."""
    for split, names in SPLITS.items():
        if written.lower() in names:
            return split
    raise SegkitError(f"{file} has the split {written!r}", "splits are train, val and test")


def by_folder(pairs: Sequence[Pair]) -> dict[str, str]:
    """Return the splits by id that folders say; none where they say "train" of all, which is to be dealt out.

    Raises:
        SegkitError: they say it of some.
    """
    told = {pair.id: pair.split for pair in pairs if pair.split is not None}
    silent = next((pair for pair in pairs if pair.split is None), None)
    if told and silent is not None:
        raise SegkitError(
            f"{silent.image.name} is in no folder that is called like a split, {len(told)} others are",
            "put it in train, val or test, or say the splits of all in splits.csv",
        )
    return {} if set(told.values()) == {"train"} else told


def deal_out(cases: Sequence[Case], params: DealtParams) -> tuple[dict[str, list[Case]], str]:
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
