"""A model scored again: how it predicts is as the plan says."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from segkit.engine.progress import Progress
from segkit.jobs.evaluate import LookedAt, score_model
from segkit.settings import Evaluate


class AskedError(Exception):
    """What the model was asked to be."""


class Model:
    """A model that only tells how it is to predict."""

    def adjusted(self, **settings: object) -> None:
        raise AskedError(settings)


def test_overlap_and_mirroring_are_the_plan_s() -> None:
    """Whether they are the run's, the checkpoint's or a flag's, what the config of the scores says is what is done."""
    plan = SimpleNamespace(config=SimpleNamespace(evaluate=Evaluate(overlap=0.25, mirror=True)))
    with pytest.raises(AskedError) as asked:
        score_model(LookedAt(plan), SimpleNamespace(model=Model()), Path("out"), None, Progress())
    assert asked.value.args == ({"mirror": True, "turn": False, "overlap": 0.25},)
