"""What the parts can be told."""

from __future__ import annotations

from dataclasses import dataclass

from segkit import param


@dataclass(frozen=True)
class Sgd:
    """Of stochastic gradient descent."""

    momentum: float = param(0.99, "Share of the step before that each step keeps.", min=0, max=0.9999)
    nesterov: bool = param(True, "Look ahead along the momentum.")

    def __post_init__(self) -> None:
        if self.nesterov and self.momentum == 0:
            raise ValueError("nesterov looks ahead along a momentum, and momentum is 0: set nesterov=false")


@dataclass(frozen=True)
class FromTorch:
    """Of an optimizer of torch."""

    name: str = param("NAdam", "Class of torch.optim, such as NAdam, RAdam, RMSprop or Adamax.")
    options: tuple[str, ...] = param(
        (), "What else the class is given, such as momentum=0.9; several numbers as in betas=0.9:0.99."
    )


@dataclass(frozen=True)
class Polynomial:
    """Of the polynomial schedule."""

    power: float = param(0.9, "Power of what is left of the run.", min=0.01, max=10)


@dataclass(frozen=True)
class Steps:
    """Of the schedule in steps."""

    at: tuple[float, ...] = param((0.5, 0.75), "Shares of the run after which the rate is lowered.", min=0, max=1)
    factor: float = param(0.1, "What it is multiplied with each time.", min=1e-6, max=1)
