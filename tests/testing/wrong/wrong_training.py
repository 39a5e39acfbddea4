"""Optimizers and schedules that are each wrong in one way."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from wrong import Table

import segkit

OPTIMIZERS, SCHEDULES = Table(), Table()


class Plain(torch.optim.Optimizer):
    """Gradient descent with decay, as it should be; what is wrong is a method of its own."""

    def __init__(self, groups, **defaults):
        super().__init__(groups, {"lr": 0.1, "weight_decay": 0.0, **defaults})

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is not None:
                    weight -= group["lr"] * self.change(weight, group)

    def change(self, weight, group):
        """What is subtracted, over the rate."""
        return weight.grad + group["weight_decay"] * weight


def optimizer(check, says, *also):
    """Register a class."""

    def register(kind):
        def build(groups, params):
            return kind(groups)

        build.__name__ = kind.__name__
        OPTIMIZERS.add(check, says, *also)(build)
        return kind

    return register


@OPTIMIZERS.add("builds", "not a torch.optim.Optimizer")
def function_for_an_optimizer(groups, params):
    return lambda: None


@OPTIMIZERS.add("builds", "a closure")
def wants_a_closure(groups, params):
    class Wolfe(Plain):
        def step(self, closure):
            closure()

    return Wolfe(groups)


@OPTIMIZERS.add("builds", "does not hold the parameters")
def leaves_out_a_group(groups, params):
    return Plain(groups[:1])


@OPTIMIZERS.add("builds", "wrong_training.py line")
def groups_as_parameters(groups, params):
    return torch.optim.SGD(list(groups[0]), lr=0.1)


@optimizer("descends", "step against the gradient")
class Ascends(Plain):
    def change(self, weight, group):
        return -weight.grad


@optimizer("descends", "step against the gradient", "rate")
class DoesNothing(Plain):
    def step(self, closure=None):
        return None


@optimizer("rate", 'multiply every change by group["lr"]')
class RateOfItsOwn(Plain):
    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is not None:
                    weight -= 0.01 * weight.grad


@optimizer("rate", "warm-up and schedule set it before every step")
class RateOfTheFirstStep(Plain):
    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            group.setdefault("first", 0.01)
            for weight in group["params"]:
                if weight.grad is not None and group["lr"] > 0:
                    weight -= group["first"] * weight.grad


@optimizer("decay", 'take the decay from group["weight_decay"]')
class DecaysEverything(Plain):
    def change(self, weight, group):
        return weight.grad + 0.1 * weight


@optimizer("no-gradient", "skip parameters with p.grad is None")
class DecaysWithoutGradient(Plain):
    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            for weight in group["params"]:
                change = weight * 0.1 if weight.grad is None else weight.grad
                weight -= group["lr"] * change


@optimizer("repeatable", "draw nothing", "resumes")
class NoisyGradients(Plain):
    def change(self, weight, group):
        return weight.grad + 0.01 * torch.randn_like(weight) * (weight.grad != 0)


@optimizer("resumes", "keep all that a step depends on")
class MomentumInADict(Plain):
    def __init__(self, groups):
        super().__init__(groups)
        self.kept = {}

    def change(self, weight, group):
        self.kept[weight] = 0.9 * self.kept.get(weight, 0) + weight.grad
        return self.kept[weight]


@optimizer("resumes", "keep tensors, numbers and text")
class KeepsAnObject(Plain):
    def change(self, weight, group):
        self.state[weight]["history"] = [object()]
        return weight.grad


@optimizer("resumes", "keep all that a step depends on")
class CountsSteps(Plain):
    steps = 0

    def change(self, weight, group):
        self.steps += 1
        return weight.grad / self.steps


def schedule(check, says, *also):
    """Register a function."""

    def register(function):
        def build(params):
            return function

        build.__name__ = function.__name__
        SCHEDULES.add(check, says, *also)(build)
        return function

    return register


@schedule("share", "neither a rate nor a factor")
def in_steps_of_a_thousand(done):
    return 1000 * (1 - done)


@schedule("share", "nothing would be learnt")
def a_rate(done):
    return 1e-5 * (1 - done)


@schedule("share", "of the run the share is -0.0")
def below_zero(done):
    return 1 - 1.1 * done


@schedule("share", "return a number")
def a_list(done):
    return [1 - done]


@schedule("share", "in wrong_training.py line")
def over_what_is_left(done):
    return 0.01 / (1 - done)


@schedule("share", "the share is nan")
def not_a_number(done):
    return float("nan") if done > 0.9 else 1 - done


@SCHEDULES.add("pure", "count nothing")
def counts_its_calls(params):
    calls = []

    def share(done):
        calls.append(done)
        return 1 / len(calls)

    return share


@SCHEDULES.add("pure", "count nothing")
def remembers_the_best(params):
    kept = [1.0]

    def share(done):
        kept[0] = min(kept[0], 1 - done)
        return kept[0]

    return share


@dataclass(frozen=True)
class Powers:
    """Params of which one does nothing."""

    power: float = segkit.param(0.9, "Power of the fall.", min=0.1)
    end: float = segkit.param(0.0, "Share at the end.", min=0, max=1)


@SCHEDULES.add("params-effect", "nothing reads end", params=Powers)
def forgets_a_param(params):
    return lambda done: (1 - done) ** params.power
