"""Wrong components of every kind, as authors really write them: each is caught, in words that lead to the mend."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from segkit.declarations.parts import EVERY_KIND
from segkit.testing.check import checks_of
from segkit.testing.suite import Suite

FOLDER = str(Path(__file__).parent / "wrong")
MODULES = {
    "arch": "wrong_networks",
    "data": "wrong_datasets",
    "loss": "wrong_losses",
    "metric": "wrong_metrics",
    "explainer": "wrong_explainers",
    "optimizer": "wrong_training",
    "schedule": "wrong_training",
    "augmentation": "wrong_pipeline",
    "normalization": "wrong_pipeline",
    "sampler": "wrong_pipeline",
    "postprocess": "wrong_outputs",
    "exporter": "wrong_outputs",
    "section": "wrong_outputs",
    "launcher": "wrong_outputs",
    "searcher": "wrong_searchers",
}
TABLES = {"arch": "NETWORKS", "data": "DATASETS", "loss": "LOSSES", "postprocess": "POSTPROCESSES"}
"""What tables are called that have not their kind's name with an s."""
TRACED = ("compile", "torch-export", "onnx", "compile-inductor", "declares-lightly")


def table(kind):
    """The wrong components of a kind, by name; their modules import what the kind needs."""
    sys.path.insert(0, FOLDER)
    try:
        module = __import__(MODULES[kind])
    finally:
        sys.path.remove(FOLDER)
    return getattr(module, TABLES.get(kind, f"{kind.upper()}S"))


WRONG = [(kind, name) for kind in MODULES for name in table(kind)]


@pytest.fixture
def suite(suite_of, monkeypatch):
    """Return the suite of a wrong component."""
    monkeypatch.syspath_prepend(FOLDER)

    def make(kind, name) -> Suite:
        wrong, module = table(kind)[name], sys.modules[MODULES[kind]]
        monkeypatch.setattr(module, "FACTORY", wrong.factory, raising=False)
        fields = {"name": name, "factory": f"{MODULES[kind]}:FACTORY", "summary": "It is wrong.", **wrong.declares}
        return suite_of(MODULES[kind], EVERY_KIND[kind](**fields))

    return make


@pytest.mark.parametrize(("kind", "name"), WRONG)
def test_it_is_caught_by_its_own_check_in_words(kind, name, suite):
    """What was found or how to mend it says what is wrong."""
    wrong, checked = table(kind)[name], suite(kind, name)
    outcome = next(checked.outcome(item) for item in checked.items(full=True) if item.check.name == wrong.check)
    assert outcome.status == "failed", (outcome.status, outcome.reason)
    assert wrong.says in str(outcome.failure)
    assert outcome.failure.mend


@pytest.mark.full
@pytest.mark.parametrize(("kind", "name"), WRONG)
def test_no_other_check_accuses_it(kind, name, suite):
    """A mistake is told once, or twice where two checks are of it."""
    wrong, checked = table(kind)[name], suite(kind, name)
    asked = [item for item in checked.items() if item.check.name not in TRACED]
    # Its own check may be one that is left out otherwise, for it takes long.
    asked += [item for item in checked.items(full=True) if item.check.name == wrong.check and item not in asked]
    outcomes = {item.check.name: checked.outcome(item) for item in asked}
    failed = {check for check, outcome in outcomes.items() if outcome.status == "failed"}
    assert wrong.check in failed
    assert failed <= {wrong.check, *wrong.also}, [str(outcomes[check].failure) for check in failed]


ELSEWHERE = {
    "arch": {"resolves", "params", "defaults"},
    "data": {"resolves", "params", "read-resized"},
    "loss": {"resolves", "params", "overlapping", "soft"},
    "metric": {"resolves", "params", "blocks", "soft-range", "overlapping", "from-readers"},
    "explainer": {"resolves", "params"},
}
OF_ALL_KINDS = {"resolves", "params", "globals", "silent", "params-effect"}
"""Checks of every component: of the five kinds each has wrong ones, of parts they are the same code."""
"""Checks whose wrong components are in other tests of this folder."""
TRACED_ALONE = {"onnx", "compile-inductor"}


@pytest.mark.parametrize("kind", MODULES)
def test_every_check_has_a_wrong_component(kind):
    """No check is left without a test that it fails."""
    held = {wrong.check for wrong in table(kind).values()} | ELSEWHERE.get(kind, OF_ALL_KINDS) | TRACED_ALONE
    assert {check.name for check in checks_of(kind)} <= held


def test_the_table_is_long():
    """The mistakes of real authors are many: 120 at least were asked for (issue 20)."""
    assert len(WRONG) >= 120
