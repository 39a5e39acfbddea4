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


@dataclass(frozen=True)
class Gamma:
    """Of the random power."""

    limit: float = param(0.5, "Largest relative change: 0.5 means powers from 1/1.5 to 1.5.", min=0, max=4)
    probability: float = param(0.3, "Share of samples that are changed.", min=0, max=1)


@dataclass(frozen=True)
class Blur:
    """Of the Gaussian."""

    limit: float = param(1.0, "Largest width of the Gaussian, in pixels.", min=0.1, max=10)
    probability: float = param(0.2, "Share of samples that are changed.", min=0, max=1)


@dataclass(frozen=True)
class Holes:
    """Of the boxes that are cut out."""

    count: int = param(1, "Boxes of one sample.", min=1, max=100)
    limit: float = param(0.3, "Largest side of a box as a share of the image's.", min=0.01, max=1)
    probability: float = param(0.3, "Share of samples that are changed.", min=0, max=1)


@dataclass(frozen=True)
class BiasField:
    """Of the uneven field."""

    limit: float = param(
        0.3, "Largest coefficient of a polynomial: 0.3 makes an end 1.35 times as bright.", min=0, max=2
    )
    order: int = param(3, "Largest degree of the polynomials.", min=1, max=6)
    probability: float = param(0.2, "Share of samples that are changed.", min=0, max=1)


@dataclass(frozen=True)
class Ghosting:
    """Of the ghosts."""

    limit: float = param(0.5, "How much the lines that make ghosts are weakened at most.", min=0, max=1)
    copies: int = param(8, "Largest number of ghosts along the axis.", min=2, max=64)
    probability: float = param(0.1, "Share of samples that are changed.", min=0, max=1)


@dataclass(frozen=True)
class Motion:
    """Of a patient who moves."""

    moves: int = param(2, "Largest number of movements.", min=1, max=20)
    rotation: float = param(5.0, "Largest rotation of each, in degrees.", min=0, max=90)
    shift: float = param(3.0, "Largest shift of each, in pixels.", min=0, max=100)
    still: float = param(
        0.2, "Share of the spectrum, about its middle, that is taken before all movements.", min=0.02, max=1
    )
    probability: float = param(0.1, "Share of samples that are changed.", min=0, max=1)


@dataclass(frozen=True)
class LowResolution:
    """Of the coarse sampling."""

    limit: float = param(0.5, "Smallest share of the samples along an axis that is kept.", min=0.05, max=1)
    thick: float = param(
        0.0, "Share of the changed samples that are coarse along one axis alone: thick slices.", min=0, max=1
    )
    probability: float = param(0.25, "Share of samples that are changed.", min=0, max=1)


@dataclass(frozen=True)
class Percentile:
    """Of the percentiles that become 0 and 1."""

    low: float = param(0.5, "Percentile that becomes 0; what is below is clipped.", min=0, max=50)
    high: float = param(99.5, "Percentile that becomes 1; what is above is clipped.", min=50, max=100)


@dataclass(frozen=True)
class Robust:
    """Of median and quartiles."""

    nonzero: bool = param(False, "Take them over what is not 0, as of brains that were cut out.")


@dataclass(frozen=True)
class ValueRange:
    """Of a range for every case."""

    low: float = param(0.0, "Value that becomes 0.")
    high: float = param(1.0, "Value that becomes 1.")

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise ValueError(f"low={self.low:g} is not below high={self.high:g}")


@dataclass(frozen=True)
class Balanced:
    """Of the class-balanced sampler."""

    anywhere: float = param(0.33, "Share of samples that are drawn among all cases, whatever they hold.", min=0, max=1)


@dataclass(frozen=True)
class ForegroundShare:
    """Of the share of samples with foreground."""

    share: float = param(0.5, "Share of samples that have foreground.", min=0, max=1)
