"""What of a dataset's recipe is meant for a run."""

from __future__ import annotations

from dataclasses import dataclass

from segkit.config import ChosenParams
from segkit.planning.dataset import meant_for


@dataclass(frozen=True)
class Params:
    absent: str = "keep"


def test_params_of_what_was_not_chosen_are_left_out():
    """A recipe's words about its own loss do not stand in the way of another loss."""
    recipe = {"loss.dice.absent": "skip", "metric.nsd.tolerance": 2, "data.size": (8, 8), "loss.smooth": 1}
    dice, other = (ChosenParams("loss", name, Params) for name in ("dice", "ce"))
    assert set(meant_for(recipe, [dice])) == {"loss.dice.absent", "data.size", "loss.smooth"}
    assert set(meant_for(recipe, [other])) == {"data.size", "loss.smooth"}
