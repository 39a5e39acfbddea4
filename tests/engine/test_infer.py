"""Applying a model to one image on its own grid."""

import numpy as np
import pytest
import torch
from torch import nn

from segkit.data.normalize import Normalization
from segkit.declarations import Task
from segkit.engine.infer import Predictor, mirrored_axes

CPU = torch.device("cpu")


def predictor(model: nn.Module, task: Task, size: tuple[int, ...], *, mirror: bool = False) -> Predictor:
    return Predictor(model.eval(), task, size, Normalization("unit"), CPU, mirror=mirror)


class Offset(nn.Module):
    """Logits that are the image minus a half: a threshold at grey 127.5."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x[:, :1] - 0.5


def test_labels_are_on_the_own_grid() -> None:
    """A bright half in an image of another size than the working grid is found where it is."""
    image = np.zeros((1, 40, 60), np.uint8)
    image[:, :, 30:] = 255
    labels = predictor(Offset(), Task(1, ("x",)), (16, 16)).labels(image)
    assert labels.shape == (40, 60)
    assert np.array_equal(labels, (image[0] > 127).astype(np.uint8))


@pytest.mark.parametrize("classes", [("x",), ("x", "y")])
def test_mirroring_averages_probabilities(classes: tuple[str, ...]) -> None:
    """The mirrored score is the mean of the probabilities of all flipped copies, flipped back, done here by hand."""
    task = Task(1, classes)
    torch.manual_seed(0)
    model = nn.Conv2d(1, task.out_channels, 3, padding=1)
    images = torch.rand(1, 1, 8, 8)
    scores = predictor(model, task, (8, 8), mirror=True).scores(images, (8, 8))
    squash = torch.sigmoid if len(classes) == 1 else (lambda logits: logits.softmax(1))
    copies = [squash(model(images.flip(axes))).flip(axes) for axes in [(), (2,), (3,), (2, 3)]]
    expected = torch.stack(copies).mean(0)
    assert torch.allclose(squash(scores), expected, atol=1e-5)


def test_mirrored_axes_are_all_subsets() -> None:
    """Four copies in 2D, eight in 3D."""
    assert list(mirrored_axes(2)) == [(), (2,), (3,), (2, 3)]
    assert len(list(mirrored_axes(3))) == 8


def test_volumes_come_back_on_their_own_grid() -> None:
    """A volume is resampled to the working grid and back."""
    image = np.zeros((1, 10, 12, 14), np.uint8)
    image[:, 5:] = 255
    labels = predictor(Offset(), Task(1, ("x",), 3), (8, 8, 8)).labels(image)
    assert labels.shape == (10, 12, 14)
    assert np.array_equal(labels, (image[0] > 127).astype(np.uint8))
