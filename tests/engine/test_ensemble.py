"""Probabilities of several models, averaged however each cuts its volume into pieces."""

import itertools

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from segkit.data.normalize import Normalization
from segkit.declarations import Task
from segkit.engine.ensemble import Ensemble, averaged
from segkit.engine.infer import Predictor


def pieces(values: np.ndarray, cuts: list[int]):
    """Cut values (K, D, ...) along D and yield them in order."""
    bounds = [0, *sorted(set(cuts)), values.shape[1]]
    for start, stop in itertools.pairwise(bounds):
        if stop > start:
            yield slice(start, stop), torch.from_numpy(values[:, start:stop])


@given(
    st.integers(1, 12).flatmap(
        lambda depth: st.tuples(
            st.just(depth), st.lists(st.lists(st.integers(0, depth), max_size=4), min_size=1, max_size=4)
        )
    )
)
def test_however_they_are_cut_the_mean_is_the_same(drawn) -> None:
    """The mean over the whole, its planes each once and in order."""
    depth, cuts = drawn
    values = np.random.default_rng(depth).random((len(cuts), 2, depth, 3)).astype(np.float32)
    found = list(averaged([pieces(each, cut) for each, cut in zip(values, cuts, strict=True)]))
    assert [plane for planes, _ in found for plane in range(planes.start, planes.stop)] == list(range(depth))
    joined = np.concatenate([part.numpy() for _, part in found], axis=1)
    np.testing.assert_allclose(joined, values.mean(axis=0), rtol=1e-6)


class Constant(torch.nn.Module):
    """Gives the same logits everywhere."""

    def __init__(self, logits: list[float]) -> None:
        super().__init__()
        self.logits = torch.tensor(logits)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.logits.view(1, -1, 1, 1).expand(len(x), -1, *x.shape[2:])


def predictor(logits: list[float], size: tuple[int, int]) -> Predictor:
    classes = tuple(f"c{n}" for n in range(max(1, len(logits) - 1)))
    task = Task(1, classes, 2)
    return Predictor(Constant(logits), task, size, Normalization("unit"), torch.device("cpu"))


def test_probabilities_are_averaged_not_votes() -> None:
    """Two models that lean one way do not outvote one that is sure of the other."""
    ensemble = Ensemble(tuple(predictor([logit], (4, 4)) for logit in (0.5, 0.5, -9.0)))
    image = np.zeros((1, 6, 5), np.uint8)
    expected = np.mean([1 / (1 + np.exp(-logit)) for logit in (0.5, 0.5, -9.0)])
    ((planes, values),) = ensemble.probabilities(image)
    assert planes == slice(0, 6)
    np.testing.assert_allclose(values.numpy(), np.full((1, 6, 5), expected), rtol=1e-5)
    assert expected < 0.5
    assert not ensemble.labels(image).any()


def test_images_are_read_whole_for_models_of_different_sizes() -> None:
    """One common working size can be read at; several cannot."""
    assert Ensemble((predictor([0.0], (4, 4)), predictor([1.0], (4, 4)))).size == (4, 4)
    assert Ensemble((predictor([0.0], (4, 4)), predictor([1.0], (8, 4)))).size is None
    several = Ensemble((predictor([0, 2, 1.0], (4, 4)), predictor([0, 1, 3.0], (8, 8))))
    assert (several.labels(np.zeros((1, 5, 7), np.uint8)) == 2).all()
