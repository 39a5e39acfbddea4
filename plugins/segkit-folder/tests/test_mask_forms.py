"""Masks of every form are read right or refused in a sentence, and never silently wrong."""

from __future__ import annotations

import itertools
import shutil
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest

from segkit import SegkitError
from segkit_folder.params import FolderParams
from segkit_folder.reader import FolderReader

sys.path.insert(0, str(Path(__file__).parent))
from mask_forms import VALUES, Form, all_forms, write

QUICK = 97
"""Of so many forms one is looked at in every change; a prime, so that it walks through all combinations."""
RIGHT, REFUSED, TOLD, WRONG = "read right", "refused", "told that it is open", "SILENTLY WRONG"


def outcome(form: Form, root: Path) -> tuple[str, str]:
    """Read the masks of a form; return what came of it, and the sentence where there is one."""
    marked = write(form, root)
    params = FolderParams(val=0.0, test=0.0, threshold=128.0 if form.naming == "threshold" else None)
    try:
        reader = FolderReader(root, params)
        samples = [reader.read(case) for case in reader.cases("train")]
    except SegkitError as error:
        text = str(error)
        assert "\n" not in text
        assert "; " in text, f"no way out: {text}"
        return REFUSED, text
    told = " ".join(reader.remarks())
    found = [sample.mask for sample in samples]
    shown = [(sample.image[0].astype(int) - 20) // 90 for sample in samples]
    assert all(mask is not None for mask in found)
    right = any(
        all(
            np.array_equal(np.array(order)[mask], wanted(form, picture))
            for mask, picture in zip(found, shown, strict=True)
        )
        for order in orders(form, len(reader.task.classes))
    )
    assert all(sorted(np.unique(a)) == sorted(np.unique(b)) for a, b in zip(shown, marked, strict=True))
    if right:
        return RIGHT, told
    lossy = form.format == "JPEG" or form.storage == "jpeg" or form.values == "soft"
    if lossy and all(nearly(mask, wanted(form, picture)) for mask, picture in zip(found, shown, strict=True)):
        return RIGHT, told
    return (TOLD if "EXIF" in told else WRONG), told


def wanted(form: Form, shown: np.ndarray) -> np.ndarray:
    """What the mask says: with a threshold, what is brighter."""
    if form.naming != "threshold":
        return shown
    luma = {"P-colour": (76, 150), "P-permuted": (76, 150), "RGB-colour": (76, 150)}
    values = luma.get(form.mode, (255, 0) if form.mode == "1" else VALUES[form.values])
    return (np.array([0, *values])[shown] > 128).astype(int)


def orders(form: Form, classes: int) -> Iterable[tuple[int, ...]]:
    """The ways in which found labels may be those of the areas; where they are named there is one."""
    labels = tuple(range(1, classes + 1))
    ways = [labels] if form.naming != "found" else itertools.permutations(labels)
    return ((0, *way) for way in ways)


def nearly(mask: np.ndarray, shown: np.ndarray) -> bool:
    """Whether two maps differ along rims only."""
    return mask.shape == shown.shape and set(np.unique(mask)) <= {0, 1} and float(np.mean(mask != shown)) < 0.05


def tally(forms: Iterable[Form], place: Path) -> tuple[Counter[str], list[str]]:
    """Count what comes of forms, and describe those that are silently wrong."""
    counts: Counter[str] = Counter()
    wrong = []
    for number, form in enumerate(forms):
        root = place / str(number)
        what, said = outcome(form, root)
        counts[what] += 1
        if what == WRONG:
            wrong.append(f"{form}: {said}")
        shutil.rmtree(root)
    return counts, wrong


def test_forms_are_read_right_or_refused(tmp_path):
    """A part of them, in every change."""
    counts, wrong = tally(itertools.islice(all_forms(), 0, None, QUICK), tmp_path)
    assert not wrong, wrong[:5]
    assert counts[RIGHT] > counts.total() / 8, counts


@pytest.mark.full
def test_all_forms_are_read_right_or_refused(tmp_path):
    """All of them, at least 3,000."""
    counts, wrong = tally(all_forms(), tmp_path)
    print(dict(counts))
    assert not wrong, (len(wrong), wrong[:5])
    assert counts.total() >= 3000
    assert counts[RIGHT] > counts.total() / 4, counts


@pytest.mark.parametrize(
    ("format", "mode", "values", "naming"),
    [
        *[(form, mode, "1/0", "found") for form in ("PNG", "TIFF", "BMP") for mode in ("1", "L", "RGB-grey", "P-grey")],
        *[("PNG", mode, "two", naming) for mode in ("L", "P-colour", "I;16", "LA") for naming in ("found", "values")],
        *[("PNG", mode, "two", "colours") for mode in ("RGB-colour", "P-colour", "P-permuted")],
        *[("GIF", mode, "1/0", "found") for mode in ("L", "P-grey", "P-white-first", "P-colour")],
        ("PNG", "P-permuted", "two", "found"),
        ("JPEG", "L", "1/0", "found"),
        ("JPEG", "RGB-grey", "1/0", "values"),
        ("PNG", "L", "soft", "threshold"),
    ],
)
def test_common_forms_are_not_refused(tmp_path, format, mode, values, naming):
    """Refusing everything would be no reading."""
    storage = {"TIFF": "tiff_lzw", "JPEG": "q90"}.get(format, "")
    what, said = outcome(Form(format, storage, mode, values, 1, "none", 1, naming), tmp_path)
    assert what == RIGHT, said
