"""Optimizers and schedules: what the engine asks of them at every step, and what a resumed run needs of them."""

from __future__ import annotations

import copy
import math
from typing import TYPE_CHECKING, Any

from segkit.errors import SegkitError
from segkit.testing.check import check, fail
from segkit.testing.subjects import ComponentSubject

if TYPE_CHECKING:
    import torch

RATE = 0.01
STEPS = 60
PLACES = [place / 20 for place in range(21)]
"""Shares of a run at which a schedule is asked for its rate."""


class Fit:
    """A small least-squares problem, its weights in the two groups that the engine makes: matrices and vectors."""

    def __init__(self, subject: ComponentSubject, decay: float = 0.0, idle: bool = False, params: Any = None) -> None:
        import torch

        generator = torch.Generator().manual_seed(0)
        self.matrix = torch.nn.Parameter(torch.randn(4, 3, generator=generator))
        self.vector = torch.nn.Parameter(torch.randn(3, generator=generator))
        # One that is never part of the loss, as the head of a task that a batch has nothing of.
        self.idle = torch.nn.Parameter(torch.randn(2, 2, generator=generator))
        self.x = torch.randn(16, 4, generator=generator)
        self.y = torch.randn(16, 3, generator=generator)
        groups = [
            {"params": [self.matrix, *([self.idle] if idle else [])], "weight_decay": decay, "lr": RATE},
            {"params": [self.vector], "weight_decay": 0.0, "lr": RATE},
        ]
        self.weights = [self.matrix, self.vector, *([self.idle] if idle else [])]
        self.optimizer = subject.factory(groups, subject.params if params is None else params)

    def loss(self) -> torch.Tensor:
        """The mean squared error."""
        return (self.x @ self.matrix + self.vector - self.y).square().mean()

    def step(self, rate: float = RATE, times: int = 1) -> Fit:
        """Step as the engine does: the rate is set in every group, then gradients are made and one step is taken."""
        for _ in range(times):
            for group in self.optimizer.param_groups:
                group["lr"] = rate
            self.optimizer.zero_grad(set_to_none=True)
            self.loss().backward()
            self.optimizer.step()
        return self

    def values(self) -> list[torch.Tensor]:
        """Copies of the weights."""
        return [weight.detach().clone() for weight in self.weights]


def moved(before: list[torch.Tensor], after: list[torch.Tensor]) -> float:
    """The largest change of a weight."""
    return max(float((one - other).abs().max()) for one, other in zip(before, after, strict=True))


@check("optimizer", "builds", needs=["resolves"], raised="hand the list of groups on as it is: SGD(groups, ...)")
def builds(subject: ComponentSubject) -> None:
    """It is a torch.optim.Optimizer of the groups it was given, which steps without a closure."""
    from segkit.engine.schedule import check_optimizer

    fit = Fit(subject)
    try:
        check_optimizer(fit.optimizer, fit.weights, subject.name)
    except SegkitError as error:
        fail(
            error.message,
            "return a torch.optim.Optimizer of all the groups as they are given, which steps without a closure",
        )
    fit.step()


@check("optimizer", "descends", needs=["builds"])
def descends(subject: ComponentSubject) -> None:
    """Sixty steps at a small rate lower the error of a least-squares fit."""
    fit = Fit(subject)
    before = float(fit.loss().detach())
    after = float(fit.step(times=STEPS).loss().detach())
    if not after < before:
        fail(f"the error went from {before:.4g} to {after:.4g}", "step against the gradient, by a share of lr")


@check("optimizer", "rate", needs=["builds"])
def rate_obeyed(subject: ComponentSubject) -> None:
    """The rate is read from its groups at every step: with 0 nothing moves, with a larger one weights move further."""
    fit = Fit(subject).step(times=3)
    before = fit.values()
    change = moved(before, fit.step(rate=0.0).values())
    if change:
        fail(f"at a rate of 0 weights move by {change:.3g}", 'multiply every change by group["lr"], read in step()')
    small, large = (moved(Fit(subject).values(), Fit(subject).step(rate=rate).values()) for rate in (1e-4, 1e-2))
    if not large > 1.5 * small:
        fail(
            f"a step at a rate of 0.01 moves weights by {large:.3g}, one at 0.0001 by {small:.3g}",
            'read group["lr"] in step(): warm-up and schedule set it before every step',
        )


@check("optimizer", "decay", needs=["rate"])
def decay_obeyed(subject: ComponentSubject) -> None:
    """Groups without weight decay, such as biases and norms, are not decayed."""
    import torch

    fit = Fit(subject, decay=0.5)
    before = fit.vector.detach().clone()
    for weight in fit.weights:
        weight.grad = torch.zeros_like(weight)
    fit.optimizer.step()
    change = moved([before], [fit.vector.detach()])
    if change:
        fail(
            f"weights of a group with weight_decay 0 move by {change:.3g} where all gradients are 0",
            'take the decay from group["weight_decay"], not from a param of your own',
        )


@check("optimizer", "no-gradient", needs=["builds"])
def no_gradient(subject: ComponentSubject) -> None:
    """A parameter that has no gradient in a step is left as it is."""
    fit = Fit(subject, idle=True)
    before = fit.idle.detach().clone()
    fit.step(times=2)
    if moved([before], [fit.idle.detach()]):
        fail("a parameter whose grad is None moved", "skip parameters with p.grad is None")


@check("optimizer", "repeatable", needs=["builds"])
def repeatable(subject: ComponentSubject) -> None:
    """The same steps give the same weights, bit for bit, wherever shared generators are."""
    import torch

    found = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        found.append(Fit(subject).step(times=5).values())
    if moved(*found):
        fail(f"weights differ by {moved(*found):.3g}", "draw nothing, or with a generator of the params' seed")


@check("optimizer", "resumes", needs=["builds"])
def resumes(subject: ComponentSubject) -> None:
    """What it keeps is tensors and numbers, and a run that is resumed from them takes the same steps."""
    import torch

    from segkit.engine.state import KEPT

    fit = Fit(subject).step(times=5)
    state = copy.deepcopy(fit.optimizer.state_dict())
    for own in state["state"].values():
        for name, value in own.items():
            if not isinstance(value, (torch.Tensor, *KEPT)):
                fail(f"it keeps {name} as {type(value).__name__}", "keep tensors, numbers and text in self.state[p]")
    twin = Fit(subject)
    with torch.no_grad():
        for own, weight in zip(twin.weights, fit.weights, strict=True):
            own.copy_(weight)
    twin.optimizer.load_state_dict(state)
    difference = moved(fit.step(times=3).values(), twin.step(times=3).values())
    if difference:
        fail(
            f"three steps later weights differ by {difference:.3g}",
            "keep all that a step depends on in self.state[p], or in param_groups",
        )


@check("schedule", "share", needs=["resolves"], raised="let it work from done = 0 to done = 1, both included")
def share(subject: ComponentSubject) -> None:
    """From 0 to 1 of the run it gives a finite share of the highest rate, from 0 to 1, and not 0 all the way."""
    function = subject.factory(subject.params)
    shares = []
    for place in PLACES:
        told = function(place)
        try:
            value = float(told)
        except (TypeError, ValueError):
            fail(f"at {place:g} of the run it gave {type(told).__name__}", "return a number")
        if not 0 <= value <= 1 or math.isnan(value):
            fail(
                f"at {place:g} of the run the share is {value:g}",
                "return a share of the highest rate, from 0 to 1 both ends included: neither a rate nor a factor",
            )
        shares.append(value)
    if sum(shares) / len(shares) < 1e-3:
        fail(
            f"the mean share is {sum(shares) / len(shares):.2g}", "return a share from 0 to 1: nothing would be learnt"
        )


@check("schedule", "pure", needs=["share"])
def pure(subject: ComponentSubject) -> None:
    """The share depends on the place alone: a resumed run asks for the later ones first."""
    function, twin = subject.factory(subject.params), subject.factory(subject.params)
    forwards = [float(function(place)) for place in PLACES]
    backwards = [float(twin(place)) for place in reversed(PLACES)][::-1]
    for place, one, other in zip(PLACES, forwards, backwards, strict=True):
        if one != other:
            fail(
                f"at {place:g} of the run it gives {one:.4g}, and {other:.4g} when it is asked in another order",
                "count nothing: compute the share from done",
            )
