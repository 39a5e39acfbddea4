"""What networks answer that are none of segkit's kind."""

import pytest
import torch
from torch import nn

from segkit import Outputs, SegkitError, Task
from segkit.engine.answers import check_answers, check_outputs

TASK = Task(3, ("organ", "lesion"))
CPU = torch.device("cpu")


class Answering(nn.Module):
    """A network whose answer is made of right logits."""

    def __init__(self, answer) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(3, 3, 1)
        self.norm = nn.BatchNorm2d(3)
        self.answer = answer

    def forward(self, x):
        torch.rand(1)  # a network that draws leaves the caller's randomness alone
        return self.answer(self.norm(self.convolution(x)))


def check(model: nn.Module) -> None:
    """Show the network an image."""
    check_answers(model, TASK, (8, 8), CPU, "none", "segkit-x:net")


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda y: {"out": y, "aux": y}, "a dict of 'out', 'aux' in eval mode.*one entry, the logits"),
        (lambda y: (y, y), "a tuple of 2 in eval mode.*segkit.Outputs"),
        (lambda y: [y], "a list of 1 in eval mode"),
        (lambda y: y.detach().numpy(), "a ndarray in eval mode"),
        (lambda y: None, "a NoneType in eval mode"),
        (lambda y: y[:, :1], r"a tensor \(1, 1, 8, 8\) in eval mode.*task.out_channels"),
        (lambda y: y[..., ::2, ::2], r"a tensor \(1, 3, 4, 4\) in eval mode.*segkit.padding"),
        (lambda y: y[0], r"a tensor \(3, 8, 8\) in eval mode"),
        (lambda y: Outputs([y], (1.0,)), "a Outputs in eval mode"),
    ],
)
def test_other_answers_name_the_architecture(answer, said: str) -> None:
    """What came, in which mode, what was wanted, and what its author has to do."""
    with pytest.raises(SegkitError, match=f"arch segkit-x:net answered with {said}"):
        check(Answering(answer))


def test_looking_leaves_no_trace() -> None:
    """Mode, statistics, gradients and random states are as they were."""
    model = Answering(lambda y: y).train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    torch.manual_seed(3)
    wanted = torch.rand(2)
    torch.manual_seed(3)
    check(model)
    assert torch.equal(torch.rand(2), wanted)
    assert model.training
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())


def test_training_takes_several_outputs() -> None:
    """The main one on the image's grid, coarse ones on their own; a tuple is none."""
    images, logits = torch.rand(2, 3, 8, 8), torch.rand(2, 3, 8, 8)
    check_outputs(Outputs([logits, logits[..., ::2, ::2]], (1.0, 0.5)), images, 3, "net")
    with pytest.raises(SegkitError, match="a tuple of 2 in train mode"):
        check_outputs((logits, logits), images, 3, "net")
    with pytest.raises(SegkitError, match=r"a tensor \(2, 3, 4, 4\) in train mode as logits 1 of 2"):
        check_outputs(Outputs([logits[..., ::2, ::2], logits], (1.0, 0.5)), images, 3, "net")
