"""A dataset in memory, and its store."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from segkit import Case, Sample, Task
from segkit.data.store import Store, open_store


class ArrayReader:
    """Reads samples from a dictionary; each case may name files that are only looked at."""

    reader_version = 1
    recipe: dict = {}

    def __init__(self, samples: dict[str, Sample], task: Task):
        self.samples, self.task = samples, task

    def read(self, case: Case) -> Sample:
        return self.samples[case.id]


def random_samples(count: int, shape: tuple[int, ...], *, channels=3, classes=1, seed=0) -> dict[str, Sample]:
    """Return samples of noise with masks of all labels and some ignored pixels."""
    random = np.random.default_rng(seed)
    samples = {}
    for index in range(count):
        mask = random.integers(0, classes + 1, shape, dtype=np.uint8)
        mask[random.random(shape) < 0.05] = 255
        samples[f"case-{index:02}"] = Sample(random.integers(0, 256, (channels, *shape), dtype=np.uint8), mask)
    return samples


@pytest.fixture
def make_store(tmp_path: Path):
    """A function that stores samples and returns the opened store."""

    def make(samples: dict[str, Sample], size: tuple[int, ...], classes: tuple[str, ...] = ("lesion",)) -> Store:
        first = next(iter(samples.values())).image
        reader = ArrayReader(samples, Task(len(first), classes, first.ndim - 1))
        cases = [Case(name, group=f"patient-{index // 2}") for index, name in enumerate(samples)]
        return open_store(reader, "arrays", cases, size, folder=tmp_path / "stores", workers=2)

    return make


@pytest.fixture
def noise():
    """The function that makes random samples."""
    return random_samples


@pytest.fixture
def array_reader():
    """The class of readers of arrays."""
    return ArrayReader
