"""Everything that is wrong with a dataset's files."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from segkit.data.archives import FOLDER, missing_files, read_records, unfinished
from segkit.data.case import Case, Problem
from segkit.data.check import CONTRADICTION, contradiction_of
from segkit.data.dataset import SPLITS, DatasetReader
from segkit.data.in_time import read_case
from segkit.data.prefetch import prefetch
from segkit.data.sources import content_hash
from segkit.data.store import read_index, store_key
from segkit.data.store_build import INDEX
from segkit.errors import SegkitError

Progress = Callable[[str, int, int], None]
"""Called with the stage, and how much of how much is done."""
Cases = Mapping[str, Sequence[Case]]


def verify(
    reader: DatasetReader,
    dataset_name: str,
    root: Path,
    progress: Progress,
    *,
    deep: bool = False,
    stores: Path | None = None,
    settings: Mapping[str, Any] | None = None,
    workers: int = 1,
) -> list[Problem]:
    """Return every problem of a dataset: its own checks, its listing, its downloads.

    Args:
        progress: called as the work goes on.
        deep: also hash every file, and compare with what was recorded at download and when stores were built; equal
            files in different splits are told.
        stores: folder of the stores to compare with.
        settings: the dataset's params, as `open_store` takes them.

    Raises:
        SegkitError: the dataset's plugin fails in itself, or a record cannot be read.
    """
    try:
        problems = list(reader.verify(lambda done, total: progress("checking cases", done, total)))
    except SegkitError:
        raise
    except Exception as error:
        raise SegkitError(
            f"dataset {dataset_name} cannot be verified: {type(error).__name__}: {error}",
            "report it to the dataset plugin's author",
        ) from error
    problems += _download_problems(root)
    cases: Cases = {}
    try:
        cases = {split: list(reader.cases(split)) for split in SPLITS}
    except SegkitError as error:
        # A listing that cannot be used is what the reader has told above, file by file.
        if not problems:
            problems.append(Problem(".", str(error)))
    problems += _listing_problems(cases, root)
    problems += _annotation_problems(reader, cases, root, progress, told=bool(problems))
    if deep:
        problems += _content_problems(reader, dataset_name, cases, root, progress, stores, settings, workers)
    return list(dict.fromkeys(problems))


def relative(path: Path, root: Path) -> str:
    """Return a file's path relative to the data root, with "/" between the parts."""
    inside = path.is_relative_to(root)
    return (path.relative_to(root) if inside else path).as_posix()


def _download_problems(root: Path) -> Iterator[Problem]:
    for archive in unfinished(root):
        yield Problem(f"{FOLDER}/{archive}", "its download is not finished: run segkit data download again")
    for record in read_records(root):
        for file in record.damaged:
            yield Problem(file, f"is damaged in {record.archive}, and was left out")
        for file in missing_files(root, record):
            there = (root / file).exists()
            yield Problem(file, f"{'has another length than' if there else 'is missing, it was'} in {record.archive}")


def _listing_problems(cases: Cases, root: Path) -> Iterator[Problem]:
    yield from _shared_patients(cases, root)
    seen: dict[str, tuple[str, str]] = {}
    for split, listed in cases.items():
        for case in listed:
            file = relative(case.files[0], root) if case.files else case.id
            other = seen.setdefault(case.id.casefold(), (case.id, split))
            if other == (case.id, split):
                continue
            if other[0] == case.id:
                yield Problem(file, f"case {case.id} is in split {split} and in split {other[1]}")
            else:
                yield Problem(file, f"the ids {other[0]} and {case.id} differ in capitals only")


def _annotation_problems(
    reader: DatasetReader, cases: Cases, root: Path, progress: Progress, *, told: bool
) -> Iterator[Problem]:
    """Yield cases whose masks have a class that they say they were not annotated for.

    Args:
        told: whether there is a problem already: what stops a case from being read is then one of those.
    """
    partial = [case for listed in cases.values() for case in listed if case.annotated is not None]
    for done, case in enumerate(partial, start=1):
        file = relative(case.files[-1], root) if case.files else case.id
        try:
            found = contradiction_of(read_case(reader, case), case, reader.task)
        except SegkitError as error:
            found = None if told else error.message
        if found is not None:
            yield Problem(file, found, CONTRADICTION)
        progress("checking annotation", done, len(partial))


def _shared_patients(cases: Cases, root: Path) -> Iterator[Problem]:
    """Yield the first case of each patient in every split but the first: a run refuses them."""
    seen: dict[str, dict[str, Case]] = {}
    for split, listed in cases.items():
        for case in listed:
            if case.group is None or split in seen.setdefault(case.group, {}):
                continue
            for other_split, other in list(seen[case.group].items())[:1]:
                yield Problem(
                    relative(case.files[0], root) if case.files else case.id,
                    f"is of patient {case.group} in split {split}, who is in split {other_split} too: case {other.id}",
                    "keep all cases of a patient in one split",
                )
            seen[case.group][split] = case


def _content_problems(
    reader: DatasetReader,
    dataset_name: str,
    cases: Cases,
    root: Path,
    progress: Progress,
    stores: Path | None,
    settings: Mapping[str, Any] | None,
    workers: int,
) -> Iterator[Problem]:
    records = read_records(root)
    files = [path for listed in cases.values() for case in listed for path in case.files]
    files += [root / file for record in records for file in record.files]
    files = [path for path in dict.fromkeys(files) if path.exists()]
    hashes: dict[Path, str] = {}
    for path, found in zip(files, prefetch(_hash_or_reason, files, workers), strict=True):
        progress("hashing files", len(hashes) + 1, len(files))
        hashes[path] = found[0]
        if found[1]:
            yield Problem(relative(path, root), f"cannot be read: {found[1]}")
    hashes = {path: sha256 for path, sha256 in hashes.items() if sha256}
    for record in records:
        for file, recorded in record.files.items():
            if hashes.get(root / file, recorded.sha256) != recorded.sha256:
                yield Problem(file, f"its content is not what was in {record.archive}")
    if stores is not None:
        yield from _changed_since_stored(reader, dataset_name, cases, root, hashes, stores, settings)
    yield from _equal_files(cases, root, hashes)


def _hash_or_reason(path: Path) -> tuple[str, str]:
    try:
        return content_hash(path), ""
    except OSError as error:
        return "", error.strerror or str(error)


def _changed_since_stored(
    reader: DatasetReader,
    dataset_name: str,
    cases: Cases,
    root: Path,
    hashes: Mapping[Path, str],
    stores: Path,
    settings: Mapping[str, Any] | None,
) -> Iterator[Problem]:
    """Yield the files whose names, lengths and times are those of a store, but whose contents are not."""
    for folder in sorted(stores.glob(f"{dataset_name.rpartition(':')[2]}-*")):
        grid = _grid_of(folder)
        for listed in cases.values():
            if grid is None or not listed:
                continue
            index = read_index(folder, store_key(reader, dataset_name, listed, grid, settings))
            for case, entry in zip(listed, index["cases"] if index else (), strict=index is not None):
                for path, recorded in zip(case.files, entry["sources"], strict=True):
                    if hashes.get(path, recorded) != recorded:
                        yield Problem(relative(path, root), f"its content changed since the store {folder.name}")


def _grid_of(store: Path) -> Any:
    """The working grid of a store, as it is part of its key; None where the store cannot be read."""
    try:
        return json.loads((store / INDEX).read_text(encoding="utf-8"))["body"]["size"]
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _equal_files(cases: Cases, root: Path, hashes: Mapping[Path, str]) -> Iterator[Problem]:
    """Yield the images that are, byte for byte, in another split too."""
    seen: dict[str, tuple[str, Path]] = {}
    for split, listed in cases.items():
        for case in listed:
            if not case.files or case.files[0] not in hashes:
                continue
            image = case.files[0]
            other_split, other = seen.setdefault(hashes[image], (split, image))
            if other_split != split:
                yield Problem(
                    relative(image, root), f"is the same file as {relative(other, root)} of split {other_split}"
                )
