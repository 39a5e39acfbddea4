"""The running average of the weights."""

import torch
from torch import nn

from segkit.engine.average import WeightAverage


def test_average_equals_the_recurrence() -> None:
    """After three steps the average is what the formula gives by hand, and buffers are the newest."""
    model = nn.BatchNorm1d(1)
    average = WeightAverage(model, 0.9)
    expected = float(model.weight.detach())
    for step, value in enumerate((2.0, -1.0, 4.0)):
        with torch.no_grad():
            model.weight.fill_(value)
            model.running_mean.fill_(value)
        average.update(model, step)
        decay = min(0.9, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * value
    assert torch.isclose(average.model.weight, torch.tensor(expected))
    assert float(average.model.running_mean) == 4.0
    assert not average.model.training
