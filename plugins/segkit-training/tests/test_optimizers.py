"""Optimizers and schedules against torch's own."""

import pytest

pytest.importorskip("segkit_training")

import torch
from torch import nn

from segkit import UsageError
from segkit_training import optimizers, schedules
from segkit_training.params import FromTorch, Polynomial, Sgd, Steps


def steps(make: object) -> list[torch.Tensor]:
    """Weights after three steps of a small network."""
    torch.manual_seed(0)
    model = nn.Linear(3, 2)
    groups = [
        {"params": [model.weight], "lr": 0.1, "weight_decay": 0.01},
        {"params": [model.bias], "lr": 0.1, "weight_decay": 0.0},
    ]
    optimizer = make(groups)
    for _ in range(3):
        optimizer.zero_grad()
        model(torch.ones(4, 3)).square().mean().backward()
        optimizer.step()
    return [parameter.detach().clone() for parameter in model.parameters()]


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (
            lambda groups: optimizers.sgd(groups, Sgd()),
            lambda groups: torch.optim.SGD(groups, momentum=0.99, nesterov=True),
        ),
        (lambda groups: optimizers.from_torch(groups, FromTorch()), torch.optim.NAdam),
        (
            lambda groups: optimizers.from_torch(groups, FromTorch("RMSprop", ("momentum=0.9", "centered=true"))),
            lambda groups: torch.optim.RMSprop(groups, momentum=0.9, centered=True),
        ),
        (
            lambda groups: optimizers.from_torch(groups, FromTorch("AdamW", ("betas=0.8:0.9",))),
            lambda groups: torch.optim.AdamW(groups, betas=(0.8, 0.9)),
        ),
    ],
)
def test_steps_are_torch_s(ours: object, theirs: object) -> None:
    """Weights equal those of the class called by hand."""
    assert all(torch.equal(one, other) for one, other in zip(steps(ours), steps(theirs), strict=True))


@pytest.mark.parametrize(
    ("params", "said"),
    [
        (FromTorch("Adamm"), "torch.optim has no 'Adamm'"),
        (FromTorch("SGD", ("momentun=0.9",)), "SGD takes no 'momentun'.*did you mean 'momentum'"),
        (FromTorch("SGD", ("momentum",)), "is not NAME=VALUE"),
        (FromTorch("SGD", ("momentum=-1",)), "SGD: Invalid momentum value"),
        (FromTorch("SGD", ("momentum=fast",)), "SGD: "),
    ],
)
def test_what_torch_does_not_take_is_a_sentence(params: FromTorch, said: str) -> None:
    """The option, what is wrong, and what there is."""
    with pytest.raises(UsageError, match=said):
        optimizers.from_torch([{"params": [nn.Parameter(torch.ones(2))], "lr": 0.1, "weight_decay": 0.0}], params)


def test_polynomial_is_nnunet_s() -> None:
    """(1 - epoch / epochs) ** 0.9."""
    share = schedules.polynomial(Polynomial())
    assert [share(done) for done in (0.0, 0.5, 1.0)] == [1.0, pytest.approx(0.5**0.9), 0.0]


def test_stepwise_lowers_the_rate_at_each_place() -> None:
    """By the factor, from the place on."""
    share = schedules.steps(Steps())
    assert [share(done) for done in (0.0, 0.5, 0.6, 0.75, 1.0)] == pytest.approx([1, 0.1, 0.1, 0.01, 0.01])
