"""dataset.json, in the Decathlon's dialect and in nnU-Net's."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from segkit import SegkitError
from segkit.data.unions import Unions
from segkit.errors import did_you_mean
from segkit.files import read_json, whole_number
from segkit_msd.regions import read_regions

FILE = "dataset.json"
BACKGROUND = 0
ENDINGS = (".nii.gz", ".nii")
LISTS = {"train": "training", "val": "validation", "test": "test"}
EXAMPLE = (
    'it needs "labels" {"0": "background", "1": "liver"} and "modality" {"0": "CT"}, or nnU-Net\'s '
    '{"background": 0, "liver": 1} and "channel_names"'
)


@dataclass(frozen=True)
class Description:
    """What dataset.json says.

    Attributes:
        channels: their names, such as ("CT",).
        classes: the foreground names in label order.
        annotated: by case id the classes that it was annotated for, of those of which it says so.
        unions: the classes as nnU-Net's regions, made of labels; None where each is one.
        ignore: the label of voxels that count for nothing, None where there is none.
        suffixed: whether it is of nnU-Net's dialect, in which image files end in _0000, _0001 and so on.
        listed: the images that it lists by split, as it writes them; empty where it lists none.
        given: nnU-Net's "dataset": by case id the image's files, one per channel, and the label's, as it writes them;
            empty where the folders say it.
    """

    channels: tuple[str, ...]
    classes: tuple[str, ...]
    ignore: int | None
    suffixed: bool
    listed: Mapping[str, tuple[str, ...]]
    given: Mapping[str, tuple[tuple[str, ...], str]] = field(default_factory=dict)
    unions: Unions | None = None
    annotated: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def read_description(root: Path) -> Description:
    """Read `root`/dataset.json.

    Raises:
        SegkitError: it is missing, no JSON, or does not say which labels and channels there are.
    """
    content = read_object(root)
    regions = read_regions(content.get("labels"))
    labels, ignore = read_labels(content.get("labels") if regions is None else regions.labels)
    ending = content.get("file_ending", ENDINGS[0])
    if not isinstance(ending, str) or f".{ending.strip().lower().lstrip('.')}" not in ENDINGS:
        raise SegkitError(
            f"{FILE} says that files end in {ending!r}", "convert them to .nii.gz, such as with SimpleITK"
        )
    listed = {split: read_list(content.get(key), key) for split, key in LISTS.items()}
    return Description(
        read_channels(content),
        tuple(labels) if regions is None else regions.unions.names,
        ignore,
        "channel_names" in content,
        {k: v for k, v in listed.items() if v},
        read_given(content.get("dataset")),
        None if regions is None else regions.unions,
        read_annotated(content.get("annotated"), labels if regions is None else regions.unions.names),
    )


def read_object(root: Path) -> Mapping[str, Any]:
    """Return the JSON object in `root`/dataset.json, a byte order mark before it or not; raises SegkitError."""
    if not os.path.lexists(root / FILE):
        raise SegkitError(f"{root} holds no {FILE}", way_out(root))
    found: Mapping[str, Any] = read_json(root / FILE, dict, file=FILE, hint="write it as JSON in UTF-8")
    return found


def way_out(root: Path) -> str:
    """Say where the data may be, where they are not in `root`."""
    try:
        below = sorted(path.parent.name for path in root.glob(f"*/{FILE}"))
    except OSError:
        below = []
    if below:
        return f"did you mean {root / below[0]}?"
    if (root.parent / FILE).is_file():
        return f"did you mean the folder above it, {root.absolute().parent}?"
    return EXAMPLE


def read_labels(labels: Any) -> tuple[list[str], int | None]:
    """Return the foreground names in label order, and the ignored label.

    `labels` gives names by label ("1": "liver", the Decathlon) or labels by name ("liver": 1, nnU-Net).

    Raises:
        SegkitError: there are none, or they leave gaps or occur twice.
    """
    if not isinstance(labels, dict) or not labels:
        raise SegkitError(f'{FILE} has no "labels"', EXAMPLE)
    names: dict[int, str] = {}
    for key, value in labels.items():
        label, name = (key, value) if _is_label(key) else (value, key)
        if not _is_label(label) or not isinstance(name, str) or not name.strip():
            raise SegkitError(f"{FILE}: the label {key!r}: {value!r} is no number with a name", EXAMPLE)
        if int(label) in names:
            raise SegkitError(f"{FILE} names label {int(label)} twice", "give every label one name")
        names[int(label)] = name.strip()
    names.pop(BACKGROUND, None)
    ignore = next((label for label, name in names.items() if name.casefold() == "ignore"), None)
    found = sorted(label for label in names if label != ignore)
    if found != list(range(1, len(found) + 1)) or not found:
        wanted = next((label for label in range(1, len(found) + 2) if label not in names), 1)
        raise SegkitError(
            f"{FILE} names the labels {', '.join(map(str, sorted(names))) or 'of background only'}, and not {wanted}",
            "labels go from 1 without gaps: write them so, in the files too",
        )
    listed = [names[label] for label in found]
    twice = next((name for name in listed if listed.count(name) > 1), None)
    if twice is not None:
        raise SegkitError(f"{FILE} gives the name {twice!r} to two labels", "give every label a name of its own")
    return listed, ignore


def read_annotated(said: Any, classes: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return which classes cases were annotated for, by id: `"annotated": {"CASE": ["liver"]}`.

    Raises:
        SegkitError: it is no such table, or names what is no class.
    """
    if said is None:
        return {}
    wanted = 'write it as "annotated": {"CASE": ["liver"]}: the classes that were looked for in a case'
    if not isinstance(said, dict):
        raise SegkitError(f'{FILE}: "annotated" is no table of cases', wanted)
    for id, names in said.items():
        if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
            raise SegkitError(f'{FILE}: "annotated" has the entry {id!r}: {names!r}', wanted)
        odd = next((name for name in names if name not in classes), None)
        if odd is not None:
            hint = f"the classes are {', '.join(classes)}{did_you_mean(odd, classes)}"
            raise SegkitError(f"{FILE} says that {id} was annotated for {odd!r}, which is no class", hint)
    return {id: tuple(names) for id, names in said.items() if set(names) != set(classes)}


def read_channels(content: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the channels' names in order; raises SegkitError where there are none."""
    channels = content.get("channel_names", content.get("modality"))
    if isinstance(channels, str):
        return (channels,)
    if isinstance(channels, list):
        channels = dict(enumerate(channels))
    if not isinstance(channels, dict) or not channels:
        raise SegkitError(f'{FILE} has neither "modality" nor "channel_names"', EXAMPLE)
    if sorted(map(str, channels)) != sorted(map(str, range(len(channels)))):
        raise SegkitError(f"{FILE} numbers the channels {', '.join(map(str, channels))}", "they go from 0 without gaps")
    by_number = {int(number): str(name) for number, name in channels.items()}
    return tuple(by_number[number] for number in sorted(by_number))


def read_given(cases: Any) -> dict[str, tuple[tuple[str, ...], str]]:
    """Return the files of each training case as nnU-Net's "dataset" names them, or raise SegkitError."""
    if cases is None:
        return {}
    wanted = 'it names cases as {"CASE": {"images": ["a_t1.nii.gz", "a_t2.nii.gz"], "label": "a.nii.gz"}}'
    if not isinstance(cases, dict) or not cases:
        raise SegkitError(f'{FILE}: "dataset" is no table of cases', wanted)
    found = {}
    for id, files in cases.items():
        told: dict[str, Any] = files if isinstance(files, dict) else {}
        images, label = told.get("images", told.get("image")), told.get("label")
        names = images if isinstance(images, list) else [images]
        wrong = [name for name in [*names, label] if not isinstance(name, str) or not name]
        if wrong or not names or not id.strip() or "/" in id or "\\" in id:
            raise SegkitError(f'{FILE}: "dataset" has the entry {id!r}: {files!r}', wanted)
        found[id] = (tuple(names), str(label))
    return found


def read_list(entries: Any, key: str) -> tuple[str, ...]:
    """Return the images of a split as dataset.json lists them: names, or objects with an "image"."""
    if entries is None:
        return ()
    if not isinstance(entries, list):
        raise SegkitError(f'{FILE}: "{key}" is no list', 'it lists {"image": ..., "label": ...}')
    images = []
    for entry in entries:
        image = entry.get("image") if isinstance(entry, dict) else entry
        image = image[0] if isinstance(image, list) and image else image
        if not isinstance(image, str) or not image:
            raise SegkitError(f'{FILE}: "{key}" has the entry {entry!r}', 'it lists {"image": ..., "label": ...}')
        images.append(image)
    return tuple(images)


def _is_label(value: Any) -> bool:
    if isinstance(value, bool):
        return False
    return isinstance(value, int) or (isinstance(value, str) and whole_number(value.strip()) is not None)
