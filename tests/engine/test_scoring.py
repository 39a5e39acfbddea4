"""Scoring and keeping predictions of volumes, whatever part of them the network is shown; threads that score."""

import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from segkit import Case, Metric, Sample, SegkitError, Task
from segkit.data.normalize import Normalization
from segkit.discovery import Registry
from segkit.engine.infer import Predictor
from segkit.engine.measure import ChosenMetric
from segkit.engine.predictions import read_prediction
from segkit.engine.preprocessing import Preprocessing
from segkit.engine.progress import Progress
from segkit.engine.scoring import score_cases
from segkit.engine.volumes import make_predictor

CASES = [Case("b", files=(Path("b.vol"),)), Case("a", files=(Path("a.vol"),))]


class Volumes:
    """Two volumes with a bright half each, whose masks know the lower three planes only."""

    task = Task(1, ("bright",), 3)

    def __init__(self, shape=(6, 10, 8), mask_shape=None) -> None:
        self.shape, self.mask_shape = shape, mask_shape or shape

    def read(self, case: Case) -> Sample:
        image = np.full((1, *self.shape), -1, np.float32)
        image[:, :, :, 4:] = 1
        mask = np.zeros(self.mask_shape, np.uint8)
        mask[:3, :, 4:] = 1
        return Sample(image, mask, (5.0, 1.0, 1.0), np.diag([1.0, 1.0, 5.0, 1.0]))


class OwnFormat(Volumes):
    """Volumes whose reader writes label maps itself."""

    suffixes = (".labels",)

    @classmethod
    def write_labels(cls, stem: Path, labels: np.ndarray, like: Path) -> Path:
        path = stem.with_name(f"{stem.name}.labels")
        path.write_bytes(like.name.encode() + labels.tobytes())
        return path

    @classmethod
    def read_labels(cls, path: Path) -> np.ndarray:
        return np.frombuffer(path.read_bytes()[5:], np.uint8).reshape(6, 10, 8)


class Copy(nn.Module):
    """Logits that are the image."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x[:, :1]


@pytest.fixture
def overlap(toy_registry: Registry) -> ChosenMetric:
    """The toy plugin's 2 TP / (R + P)."""
    found = toy_registry.find("metric", "overlap")
    assert isinstance(found.component, Metric)
    params = found.component.params()
    return ChosenMetric(found.component, params, found.load("measure"), found.load()(None, params))


def score(reader, overlap, folder: Path | None, mode: str = "slices", workers: int = 0):
    dims = 3 if mode == "patches" else 2
    settings = Preprocessing(mode, (4, 5, 5) if dims == 3 else (10, 8), Normalization("unit"))
    predictor = make_predictor(Copy(), Task(1, ("bright",), dims), settings, torch.device("cpu"))
    more = {"predictions": folder, "workers": workers, "progress": Progress()}
    return score_cases(reader, "volumes", CASES, predictor, [overlap], **more)


@pytest.mark.parametrize("mode", ["slices", "patches"])
@pytest.mark.parametrize("workers", [0, 3])
def test_volumes_are_scored_whole(overlap, mode: str, workers: int) -> None:
    """One score a volume: 120 of 240 predicted voxels are right, so 2 * 120 / (240 + 120), not a mean over slices."""
    scores = score(Volumes(), overlap, None, mode, workers)
    assert [row.case for row in scores] == ["a", "b"]
    for row in scores:
        assert row.values["overlap"][0] == pytest.approx(2 / 3)
        assert (int(row.predicted[0]), int(row.reference[0])) == (240, 120)


def test_the_reader_writes_in_its_own_format(overlap, tmp_path: Path) -> None:
    """It is told which file to be like, and reads its predictions again."""
    reader = OwnFormat()
    score(reader, overlap, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.labels", "b.labels"]
    assert (tmp_path / "a.labels").read_bytes().startswith(b"a.vol")
    labels = read_prediction(reader, tmp_path, CASES[1])
    assert labels[:, :, 4:].all()
    assert labels[:, :, :4].sum() == 0


def test_volumes_without_a_format_are_kept_with_spacing_and_affine(overlap, tmp_path: Path) -> None:
    """An .npz holds what is needed to place the labels; nothing is pickled."""
    reader = Volumes()
    score(reader, overlap, tmp_path)
    with np.load(tmp_path / "a.npz", allow_pickle=False) as stored:
        assert stored["spacing"].tolist() == [5, 1, 1]
        assert np.array_equal(stored["affine"], np.diag([1.0, 1.0, 5.0, 1.0]))
        assert np.array_equal(stored["labels"], read_prediction(reader, tmp_path, CASES[1]))
        assert stored["labels"].dtype == np.uint8


def test_a_prediction_that_is_not_there(tmp_path: Path) -> None:
    """Its case is named."""
    with pytest.raises(SegkitError, match="no prediction of case a"):
        read_prediction(Volumes(), tmp_path, CASES[1])


def test_masks_on_another_grid_are_refused(overlap) -> None:
    """A reference that is one plane short is never cropped to fit."""
    with pytest.raises(SegkitError, match="differs from the image's"):
        score(Volumes(mask_shape=(5, 10, 8)), overlap, None)


class Photographs:
    """Thirty noisy photographs with a bright part each; knows how many were read."""

    task = Task(1, ("bright",))
    cases = tuple(Case(f"{number:02d}") for number in range(30))

    def __init__(self) -> None:
        self.read_so_far = 0

    def read(self, case: Case) -> Sample:
        self.read_so_far += 1
        values = np.random.default_rng(int(case.id)).normal(size=(1, 9, 11)).astype(np.float32)
        return Sample(values, (values[0] > 0.3).astype(np.uint8))


def score_photographs(reader, metric, folder: Path | None = None, workers: int = 0, progress=None, **more):
    predictor = Predictor(Copy().eval(), reader.task, (9, 11), Normalization("unit"), torch.device("cpu"))
    more |= {"predictions": folder, "workers": workers, "progress": progress or Progress()}
    return score_cases(reader, "photographs", reader.cases, predictor, [metric], **more)


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("workers", [1, 4])
def test_threads_change_no_score_and_no_file(overlap, tmp_path: Path, workers: int) -> None:
    """Scores to the last bit, digests and prediction files are those of one thread; so is the order."""
    (tmp_path / "alone").mkdir()
    (tmp_path / "threads").mkdir()
    inverted = {"postprocess": lambda labels: 1 - labels}
    alone = score_photographs(Photographs(), overlap, tmp_path / "alone", **inverted)
    shared = score_photographs(Photographs(), overlap, tmp_path / "threads", workers, **inverted)
    assert [row.case for row in shared] == [row.case for row in alone] == [f"{number:02d}" for number in range(30)]
    for one, other in zip(alone, shared, strict=True):
        assert one.values["overlap"].tobytes() == other.values["overlap"].tobytes()
        assert one.reference_digest == other.reference_digest != ""
    assert files(tmp_path / "alone") == files(tmp_path / "threads")


def test_what_a_metric_raises_in_a_thread_is_what_is_raised(overlap) -> None:
    """The very exception arrives, and no thread is left."""
    cause = ZeroDivisionError("the metric's own mistake")

    def measure(*_: object) -> None:
        raise cause

    with pytest.raises(ZeroDivisionError) as raised:
        score_photographs(Photographs(), replace(overlap, measure=measure), workers=3)
    assert raised.value is cause
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("segkit-data")]


def test_a_stop_while_threads_score_leaves_none(overlap) -> None:
    """Ctrl-C in the middle ends reading and scoring; not every case is read any more."""

    class Interrupting(Progress):
        def advance(self, count=1, details=None) -> None:
            raise KeyboardInterrupt

    reader = Photographs()
    with pytest.raises(KeyboardInterrupt):
        score_photographs(reader, overlap, workers=2, progress=Interrupting())
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("segkit-data")]
    assert reader.read_so_far < 30


def test_few_cases_are_held_at_once(overlap) -> None:
    """However many there are, reading is never further ahead of the scores than two cases per thread on both sides."""
    reader, ahead = Photographs(), []

    class Watching(Progress):
        done = 0

        def advance(self, count=1, details=None) -> None:
            self.done += count
            ahead.append(reader.read_so_far - self.done)

    score_photographs(reader, overlap, workers=2, progress=Watching())
    assert max(ahead) <= 2 * 2 + 2 * 2


def test_logits_that_are_no_numbers_name_their_case(overlap) -> None:
    """A case that the network gives NaN for is an error with its id, not a missed structure."""

    class Broken(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x[:, :1] * float("nan")

    settings = Preprocessing("slices", (10, 8), Normalization("unit"))
    predictor = make_predictor(Broken(), Task(1, ("bright",), 2), settings, torch.device("cpu"))
    with pytest.raises(SegkitError, match="case a: the network gives logits that are NaN"):
        score_cases(Volumes(), "volumes", CASES, predictor, [overlap], predictions=None, workers=0, progress=Progress())
