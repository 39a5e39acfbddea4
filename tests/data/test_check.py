from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from segkit import Case, Sample, SegkitError, Task
from segkit.data.check import check_sample

TASK = Task(3, ("liver", "spleen"), 2)
CASE = Case("a7", files=(Path("somewhere/a7.png"), Path("somewhere/a7_mask.png")))
IMAGE = np.zeros((3, 4, 5), np.uint8)
MASK = np.zeros((4, 5), np.uint8)


def with_values(array, *values):
    changed = array.copy()
    changed.flat[: len(values)] = values
    return changed


GOOD = {
    "no mask": Sample(IMAGE),
    "every label and ignore": Sample(IMAGE, with_values(MASK, 0, 1, 2, 255)),
    "wide integers": Sample(IMAGE, MASK.astype(np.int64)),
    "floats": Sample(IMAGE.astype(np.float32), MASK),
    "spacing": Sample(IMAGE.astype(np.int16), MASK, (0.7, 0.7)),
}

BAD = {
    "no channels": (Sample(IMAGE[0]), r"shape \(4, 5\), expected \(channels, height, width\)"),
    "a volume": (Sample(IMAGE[:, None]), "expected"),
    "grey": (Sample(IMAGE[:1]), "1 channels, the task 3"),
    "no pixels": (Sample(IMAGE[:, :0], MASK[:0]), "empty"),
    "double": (Sample(IMAGE.astype(np.float64)), "float64 is none of uint8, int16, float32"),
    "nan": (Sample(with_values(IMAGE.astype(np.float32), np.nan, np.inf)), "2 values of the image are NaN or infinite"),
    "other size": (Sample(IMAGE, MASK.T), "mask's size 5x4 differs from the image's 4x5"),
    "float mask": (Sample(IMAGE, MASK.astype(np.float32)), "mask's type float32"),
    "bool mask": (Sample(IMAGE, MASK.astype(bool)), "mask's type bool"),
    "label 3": (Sample(IMAGE, with_values(MASK, 3, 254)), "labels outside 0 to 2: 3, 254"),
    "label -1": (Sample(IMAGE, with_values(MASK.astype(np.int16), -1)), "labels outside 0 to 2: -1"),
    "label 256": (Sample(IMAGE, with_values(MASK.astype(np.int16), 256)), "labels outside 0 to 2: 256"),
    "spacing 0": (Sample(IMAGE, MASK, (0.0, 1.0)), "spacing"),
    "spacing nan": (Sample(IMAGE, MASK, (float("nan"), 1.0)), "spacing"),
    "three spacings": (Sample(IMAGE, MASK, (1.0, 1.0, 1.0)), "spacing"),
}


@pytest.mark.parametrize("sample", GOOD.values(), ids=GOOD.keys())
def test_what_fits_the_task_passes(sample):
    """Nothing is raised for samples of the task."""
    check_sample(sample, CASE, TASK, "organs")


@pytest.mark.parametrize(("sample", "problem"), BAD.values(), ids=BAD.keys())
def test_what_does_not_fit_is_named(sample, problem):
    """The message names dataset, case, files and the problem, and no folder."""
    with pytest.raises(SegkitError, match=problem) as raised:
        check_sample(sample, CASE, TASK, "organs")
    assert str(raised.value).startswith("dataset organs, case a7 (a7.png, a7_mask.png): ")
    assert "somewhere" not in str(raised.value)
    assert raised.value.hint
