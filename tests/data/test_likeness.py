"""What a case is like in a few numbers, and that real data say of themselves that they are one place."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from segkit import Case, Sample, Task
from segkit.data.likeness import MOST_ROWS, by_patient, columns_of, likeness_record, numbers_of
from segkit.statistics.shift import far_out

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"


def named(sample: Sample, task: Task, **case: Any) -> dict[str, float | None]:
    """Return a sample's numbers by name."""
    return dict(zip(columns_of(task), numbers_of(sample, task, Case("one", **case)), strict=True))


def test_numbers_of_a_photograph() -> None:
    """Sizes as logarithms, no spacing, quantiles in 0 to 1, shares of what is not ignored."""
    source = np.random.default_rng(1)
    image = source.integers(0, 256, (3, 30, 40), np.uint8)
    mask = np.zeros((30, 40), np.uint8)
    mask[:10] = 1
    mask[25:] = 255
    found = named(Sample(image, mask), Task(3, ("lesion",), 2))
    assert found["size along H"] == pytest.approx(math.log(30), rel=1e-4)
    assert (found["spacing along H"], found["share of lesion"]) == (None, pytest.approx(10 / 25))
    expected = np.percentile(image[1] / 255, 95)
    assert found["intensity, 95th percentile of channel 2"] == pytest.approx(expected, rel=1e-4)


def test_numbers_of_a_volume_with_overlapping_classes() -> None:
    """Spacing in mm as logarithm, intensities in their own unit; a class that was not looked for has no share."""
    mask = np.zeros((2, 4, 6, 6), np.uint8)
    mask[:, :2] = 1
    image = np.full((1, 4, 6, 6), -700, np.int16)
    task = Task(1, ("whole", "core"), 3, overlapping=True)
    found = named(Sample(image, mask, spacing=(5.0, 1.0, 0.5)), task, annotated=("whole",))
    assert found["spacing along D"] == pytest.approx(math.log(5), rel=1e-4)
    assert found["intensity, 50th percentile"] == -700
    assert (found["share of whole"], found["share of core"]) == (0.5, None)


def test_a_patient_counts_once() -> None:
    """Rows are means of a patient's cases, of those where a number is known."""
    rows = by_patient([[1.0, None], [3.0, 4.0], [7.0, None], [8.0, None]], ["a", "a", None, None])
    np.testing.assert_array_equal(rows, [[2, 4], [7, np.nan], [8, np.nan]])


def test_the_record_tells_no_order_and_is_bounded() -> None:
    """The same cases in any order give the same record, of at most so many rows."""
    task = Task(1, ("a",), 2)
    rows = np.random.default_rng(2).normal(size=(MOST_ROWS + 50, len(columns_of(task))))
    record = likeness_record(task, rows)
    assert record == likeness_record(task, rows[::-1])
    assert (len(record["rows"]), record["patients"]) == (MOST_ROWS, MOST_ROWS + 50)
    assert record["rows"] != sorted(record["rows"])


def rows_of(plugin: str, root: Path, split: str) -> np.ndarray:
    """Read a split of real data and return a row per patient."""
    from segkit.config import Layer
    from segkit.discovery import Registry
    from segkit.planning.dataset import choose_dataset

    dataset = choose_dataset(Registry.discover().find("data", plugin), [Layer("test", {"data.root": str(root)})])
    reader, _ = dataset.open()
    cases = reader.cases(split)
    numbers = [numbers_of(reader.read(case), reader.task, case) for case in cases]
    return by_patient(numbers, [case.group for case in cases])


def alarms(rows: np.ndarray) -> int:
    """Return in how many of 100 random halves something is said to be far out in the other half."""
    count = 0
    for seed in range(100):
        order = np.random.default_rng(seed).permutation(len(rows))
        count += bool(far_out(rows[order[::2]], rows[order[1::2]]))
    return count


@pytest.mark.full
def test_photographs_of_one_place_are_quiet_and_drawn_ones_are_named(tmp_path: Path) -> None:
    """isic2017-small: at most 5 of 100 random halves are called another place; the generated sample always is."""
    root = SHARED / "isic2017-small"
    if not root.is_dir():
        pytest.skip("../shared/data/isic2017-small is not here")
    from segkit_isic.params import IsicParams
    from segkit_isic.reader import IsicReader

    trained = rows_of("isic", root, "train")
    assert alarms(trained) <= 5
    IsicReader.make_sample(tmp_path, IsicParams())
    assert far_out(trained, rows_of("isic", tmp_path, "train"))


@pytest.mark.full
def test_volumes_of_one_place_are_quiet_and_other_organs_are_named() -> None:
    """hippocampus: at most 5 of 100 random halves; amos-mini is named by either of its cases, without its classes."""
    if not (SHARED / "hippocampus").is_dir():
        pytest.skip("../shared/data/hippocampus is not here")
    trained = rows_of("amos", SHARED / "hippocampus", "train")
    classes = 15
    assert alarms(trained) <= 5
    for split in ("train", "val"):
        assert far_out(trained[:, :-classes], rows_of("amos", SHARED / "amos-mini", split)[:, :-classes])
