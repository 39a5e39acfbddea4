"""What may differ between a stopped run and the plan to go on with."""

from __future__ import annotations

import pytest

from segkit.config import resolve
from segkit.errors import SegkitError, UsageError
from segkit.rundir.allowances import (
    ALLOWANCES,
    HARMLESS,
    allowance_of,
    compare_environments,
    compare_settings,
    read_allowances,
    refuse,
    refuse_after_training,
)

ENVIRONMENT = {"segkit": "1", "torch": "2", "device": "cpu", "autocast": "none", "threads": 1, "python": "3"}
NET = {"components": [{"kind": "arch", "name": "p:net", "version": "1"}]}


def test_every_setting_has_an_allowance_or_is_harmless():
    """Each of the core's fields, and params of components of every kind."""
    named = {name: allowance_of(name) for name in resolve([], []).flat() if name not in HARMLESS}
    assert set(named.values()) <= set(ALLOWANCES)
    expected = {
        "train.batch_size": "batch-size", "train.accumulate": "batch-size", "train.epochs": "epochs",
        "train.learning_rate": "training", "train.selection": "scoring", "data.size": "data",
        "augment.flip": "augmentation", "evaluate.mirror": "scoring", "explain.steps": "explanations",
        "run.seed": "seed", "run.threads": "threads", "run.autocast": "device", "components.arch": "arch",
        "components.metrics": "scoring",
    }  # fmt: skip
    assert {name: named[name] for name in expected} == expected
    params = {"arch.width": "arch", "data.cases": "data", "loss.dice.smooth": "loss", "metric.x.y": "scoring"}
    assert {name: allowance_of(name) for name in params} == params


def test_a_setting_that_nobody_knows_is_one_of_training():
    """One that a newer segkit had: better asked for than gone on with."""
    assert allowance_of("physics.gravity") == "training"
    assert allowance_of("trainer") == "training"


def test_of_many_differences_a_few_are_named():
    """Five, and how many more there are; all of their allowances are."""

    def refused(count):
        before = {f"train.x{number}": 0 for number in range(count - 1)} | {"run.seed": 0}
        now = {f"train.x{number}": number + 1 for number in range(count - 1)} | {"run.seed": 1}
        with pytest.raises(SegkitError) as caught:
            refuse("run", list(compare_settings(before, now)), frozenset({"data"}))
        return caught.value

    assert refused(5).message.endswith("train.x3 was 0, is 4; run.seed was 0, is 1")
    assert refused(6).message.endswith("train.x4 was 0, is 5 and 1 more")
    assert refused(9).message.endswith("train.x4 was 0, is 5 and 4 more")
    assert refused(9).hint.startswith("say --allow data,seed,training ")


def test_what_was_not_said_before_is_no_number():
    """None is written in words."""
    with pytest.raises(SegkitError, match=r"train\.clip was not said, is 1"):
        refuse("run", list(compare_settings({"train.clip": None}, {"train.clip": 1})), frozenset())


def test_names_are_read_and_unknown_ones_refused():
    """Several in one option, or the option several times; a wrong one names the nearest."""
    assert read_allowances(["data,batch-size", " seed "]) == {"data", "batch-size", "seed"}
    with pytest.raises(
        UsageError, match=r"--allow batchsize: there is no such allowance \(did you mean 'batch-size'\?\)"
    ):
        read_allowances(["data,batchsize"])


def test_what_differs_is_named_with_what_allows_it():
    """One that is allowed does not hide the other."""
    before = {"train.batch_size": 8, "train.learning_rate": 0.1, "run.workers": 1, "loss.dice.smooth": 1.0}
    found = list(compare_settings(before, {"train.batch_size": 4, "train.learning_rate": 0.2, "run.workers": 2}))
    refuse("run", found, frozenset({"batch-size", "training"}))
    with pytest.raises(SegkitError) as caught:
        refuse("run", found, frozenset({"batch-size"}))
    assert caught.value.message == "run cannot be resumed as it was: train.learning_rate was 0.1, is 0.2"
    assert caught.value.hint.startswith("say --allow batch-size,training ")


@pytest.mark.parametrize(
    ("changed", "allowance"),
    [
        ({"segkit": "2"}, "versions"),
        ({"torch": "3"}, "versions"),
        ({"device": "NVIDIA"}, "device"),
        ({"autocast": "bfloat16"}, "device"),
        ({"processes": 2}, "processes"),
        ({"components": [{"kind": "arch", "name": "p:net", "version": "2"}]}, "versions"),
        ({"python": "4", "threads": 2}, None),
        ({"components": [{"kind": "loss", "name": "p:other", "version": "2"}]}, None),
        ({"components": "damaged"}, None),
    ],
)
def test_environments(changed, allowance):
    """What weights depend on; which components there are, the settings say."""
    found = list(compare_environments(ENVIRONMENT | NET, ENVIRONMENT | NET | changed))
    assert [difference.allowance for difference in found] == ([allowance] if allowance else [])


def test_after_training_nothing_of_training_may_differ():
    """Else config.toml would say what the model was not trained with."""
    refuse_after_training("run", list(compare_settings({"evaluate.mirror": False}, {"evaluate.mirror": True})))
    with pytest.raises(SegkitError, match=r"trained to its end.*train\.epochs was 2, is 3"):
        refuse_after_training("run", list(compare_settings({"train.epochs": 2}, {"train.epochs": 3})))
