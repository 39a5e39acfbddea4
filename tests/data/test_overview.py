"""What a dataset holds."""

from __future__ import annotations

import math

import numpy as np
import pytest

from segkit import Case, Sample, SegkitError, Task
from segkit.data.facts import facts_of
from segkit.data.large_array import LargeArray
from segkit.data.overview import overview


@pytest.fixture
def describe(array_reader):
    """Summarise samples by split and id."""

    def call(splits, classes=("lesion",), dims=2, **extra):
        samples = {name: sample for listed in splits.values() for name, sample in listed.items()}
        channels = next(sample for sample in samples.values() if isinstance(sample, Sample)).image.shape[0]
        reader = array_reader(samples, Task(channels, classes, dims))
        known = reader.read

        def read(case):
            sample = known(case)
            if isinstance(sample, Exception):
                raise sample
            return sample

        reader.read = read
        cases = {split: [Case(name, group=extra.get("group")) for name in listed] for split, listed in splits.items()}
        steps = []
        found = overview(reader, cases, "arrays", workers=2, progress=lambda *step: steps.append(step))
        assert steps == [(done, len(samples)) for done in range(1, len(samples) + 1)]
        return found

    return call


def sample(seed, shape, mask=None):
    """A picture of noise."""
    image = np.random.default_rng(seed).integers(0, 256, (3, *shape), dtype=np.uint8)
    return Sample(image, np.zeros(shape, np.uint8) if mask is None else mask)


def test_counts_and_sizes(describe):
    """Cases, patients and grids are counted per split; a split without cases is left out."""
    train = {f"t{n}": sample(n, shape) for n, shape in enumerate([(8, 9), (20, 10), (8, 9), (30, 40)])}
    found = describe({"train": train, "val": {"v": sample(9, (5, 5))}, "test": {}}, group="one")
    assert [split.split for split in found.splits] == ["train", "val"]
    split = found.splits[0]
    assert (split.cases, split.groups, split.without_mask, split.grids) == (4, 1, 0, 3)
    assert (split.smallest, split.median, split.largest) == ((8, 9), (20, 10), (30, 40))
    assert (split.spacing, split.dtypes) == (None, ("uint8",))
    assert found.twins == found.unreadable == ()


def test_a_file_of_many_cases_is_counted_once(array_reader, tmp_path):
    """A description that all cases of a split share adds its bytes once, an image of its own each time."""
    shared = tmp_path / "all.json"
    shared.write_bytes(bytes(1000))
    cases = []
    for name in ("a", "b"):
        (tmp_path / name).write_bytes(bytes(10))
        cases.append(Case(name, files=(tmp_path / name, shared)))
    samples = {name: sample(seed, (4, 4)) for seed, name in enumerate("ab")}
    reader = array_reader(samples, Task(3, ("lesion",)))
    found = overview(reader, {"train": cases}, "arrays", workers=1, progress=lambda *_: None)
    assert found.splits[0].bytes == 1020


def test_class_shares(describe):
    """Each case counts the same, ignored pixels do not count, and absent classes are seen to be absent."""
    half = np.zeros((4, 4), np.uint8)
    half[:2] = 1
    ignoring = np.zeros((10, 10), np.uint8)
    ignoring[:5] = 255
    ignoring[5, :5] = 2
    found = describe(
        {"train": {"a": sample(0, (4, 4), half), "b": sample(1, (10, 10), ignoring)}}, classes=("one", "two")
    )
    one, two = found.splits[0].classes
    assert (one.name, one.cases, one.mean, one.largest) == ("one", 1, pytest.approx(0.25), 0.5)
    assert (two.name, two.cases, two.mean, two.largest) == ("two", 1, pytest.approx(0.05), 0.1)


def test_leaks_and_duplicates(describe):
    """An image in two splits is a leak, one twice in its split is not; both are named."""
    same, other = sample(1, (20, 20)), sample(2, (20, 20))
    near = Sample(np.clip(other.image.astype(int) + 1, 0, 255).astype(np.uint8), other.mask)
    found = describe({"train": {"a": same, "b": same, "c": other}, "test": {"d": near, "e": sample(3, (20, 20))}})
    assert [(twins.first, twins.second, twins.exact, twins.leak) for twins in found.twins] == [
        (("train", "a"), ("train", "b"), True, False),
        (("train", "c"), ("test", "d"), False, True),
    ]


def test_what_cannot_be_read_is_left_out_and_named(describe):
    """One bad case, whatever its reader raises, does not hide the others."""
    bad = {"b": SegkitError("b.jpg is cut short", "fetch it again"), "c": ValueError("odd"), "d": sample(0, (4, 5, 6))}
    found = describe({"train": {"a": sample(1, (8, 8)), **bad}})
    assert found.splits[0].cases == 1
    assert [(problem.file, problem.reason[:18]) for problem in found.unreadable] == [
        ("b", "b.jpg is cut short"),
        ("c", "ValueError: odd"),
        ("d", "dataset arrays, ca"),
    ]


def test_volumes_without_masks(describe):
    """Spacing is the median; shares of what has no mask are no number."""
    volumes = {
        str(n): Sample(np.random.default_rng(n).normal(size=(1, 4, 5, 6)).astype(np.float32), None, (n, 1.0, 2.0))
        for n in (1, 2, 4)
    }
    [split] = describe({"test": volumes}, dims=3).splits
    assert (split.spacing, split.without_mask, split.dtypes) == ((2, 1, 2), 3, ("float32",))
    assert math.isnan(split.classes[0].mean)


def test_facts_of_what_is_not_in_memory(array_reader):
    """Counted band by band, an image and its mask give the facts that they give as arrays."""
    random = np.random.default_rng(0)
    mask = np.zeros((700, 333), np.uint8)
    mask[100:300, 50:90], mask[:5], mask[600, 200:] = 1, 255, 1
    whole = Sample(random.integers(0, 256, (3, 700, 333)).astype(np.uint8), mask)
    parts = Sample(ReadByParts(whole.image), ReadByParts(mask))
    reader = array_reader({"whole": whole, "parts": parts}, Task(3, ("lesion",), 2))
    one, other = (facts_of(reader, "train", Case(name), "arrays") for name in ("whole", "parts"))
    for name in ("shape", "dtype", "counts", "valid", "pieces", "border", "mask_print"):
        assert getattr(one, name) == getattr(other, name), name
    for name in ("mean", "std", "contrast"):
        assert getattr(one, name) == pytest.approx(getattr(other, name), rel=1e-9), name
    assert np.mean(one.prints.bits != other.prints.bits) < 0.01


class ReadByParts(LargeArray):
    """An array that is in memory after all."""

    band = 96

    def __init__(self, values: np.ndarray) -> None:
        self.values, self.shape, self.dtype = values, values.shape, values.dtype

    def read(self, rows: slice, columns: slice) -> np.ndarray:
        """Return a rectangle."""
        return self.values[..., rows, columns].copy()
