"""Checks of networks: a right one passes all, and each wrong one fails its own check and no other."""

from __future__ import annotations

import pytest
import torch

from segkit.declarations import Architecture

TRACED = ("compile", "torch-export", "onnx")
FAULTS = (
    "builds",
    "repeatable",
    "sizes",
    "minimum",
    "deterministic",
    "independent",
    "train-outputs",
    "batch-of-one",
    "gradients",
    "safetensors",
    "copies",
    "channels-last",
    "bfloat16",
)
DECLARED = {
    "resolves": {"factory": "kit_nets:absent"},
    "layers": {"layers": {"last": "nothing.here"}},
    "defaults": {"defaults": {2: {"train.epoch": 3}}},
}


def net(fault="none", **changes):
    """Declare the sample network with a fault."""
    from kit_nets import LAYERS, Params

    fields = {"factory": "kit_nets:build", "summary": "Two convolutions.", "params": Params, "layers": LAYERS}
    return Architecture(name="net", **{**fields, "small": {"fault": fault}, **changes})


def test_a_right_network_passes_every_check(suite_of):
    """In 2D and 3D; nothing but the traced checks in 3D is skipped."""
    suite = suite_of("kit_nets", net(spatial_dims=(2, 3)))
    outcomes = {str(item): suite.outcome(item) for item in suite.items()}
    passed = [name for name, outcome in outcomes.items() if outcome.status == "passed"]
    skipped = {name for name, outcome in outcomes.items() if outcome.status == "skipped"}
    assert len(passed) + len(skipped) == len(outcomes), [str(one.failure) for one in outcomes.values() if one.failure]
    others = {"net-2d-onnx", "net-2d-main-first", "segkit-sample-events", "segkit-sample-commands"}
    assert skipped <= {f"net-3d-{name}" for name in TRACED} | others


@pytest.mark.parametrize("fault", FAULTS)
def test_a_wrong_network_fails_its_own_check_alone(fault, suite_of, failures):
    """The failure says what was expected, what came and what to do."""
    found = failures(suite_of("kit_nets", net(fault)), leave_out=TRACED)
    assert list(found) == [fault], [str(failure) for failure in found.values()]
    told = str(found[fault]).splitlines()
    assert told[0] == f"segkit-sample:net (2D) fails {fault!r}"
    assert [line.split(":")[0].strip() for line in told[1:]] == ["expected", "found", "to mend"]


@pytest.mark.parametrize("check", DECLARED)
def test_a_wrong_declaration_fails_its_own_check_alone(check, suite_of, failures):
    """What the declaration says is compared with what is there."""
    assert list(failures(suite_of("kit_nets", net(**DECLARED[check])), leave_out=TRACED)) == [check]


@pytest.mark.parametrize("fault", TRACED)
def test_a_graph_that_differs_fails_its_own_check_alone(fault, suite_of, failures):
    """Compiled and exported graphs are each compared with the network."""
    if fault == "onnx":
        pytest.importorskip("onnxruntime")
        pytest.importorskip("onnxscript")
    found = failures(suite_of("kit_nets", net(fault)), leave_out=[name for name in TRACED if name != fault])
    assert list(found) == [fault]


@pytest.mark.full
@pytest.mark.parametrize("fault", [*FAULTS, *TRACED])
def test_a_wrong_network_fails_alone_among_all_checks(fault, suite_of, failures):
    """The traced checks, which take seconds, pass where the fault is another."""
    assert list(failures(suite_of("kit_nets", net(fault)))) == [fault]


def test_a_factory_that_builds_no_module_is_told(suite_of, failures):
    """Nothing else is checked then."""
    found = failures(suite_of("kit_nets", net(factory="kit_nets:broken")))
    assert list(found) == ["builds"]
    assert "the factory returned str" in str(found["builds"])


class Decides(torch.nn.Conv2d):
    """A network of which torch cannot make a graph."""

    def forward(self, x):
        """Take another way where the mean is large."""
        return super().forward(x) * 2 if x.mean() > 0.5 else super().forward(x)


def decides(task, params):
    """Build it."""
    return Decides(task.in_channels, task.out_channels, 1)


@pytest.mark.parametrize("check", ["torch-export", "onnx"])
def test_the_true_cause_of_an_export_that_fails_is_told(check, suite_of, monkeypatch):
    """Not what torch writes whatever is wrong: the line of the network and what is wrong there."""
    if check == "onnx":
        pytest.importorskip("onnxruntime")
        pytest.importorskip("onnxscript")
    suite = suite_of("kit_nets", net(factory=f"{__name__}:decides", layers={}))
    (item,) = [item for item in suite.items() if item.check.name == check]
    found = suite.outcome(item).failure.found
    assert "data-dependent expression" in found
    assert "in test_architectures.py line" in found
    assert "if x.mean() > 0.5" in found
    assert "Failed to export" not in found


def test_small_params_reach_the_factory(suite_of):
    """The declared small variant is what is built, and what the author gives is stronger."""
    (_, subject) = suite_of("kit_nets", net(small={"width": 6})).subjects
    assert subject.network.body.out_channels == 6
    (_, subject) = suite_of("kit_nets", net(small={"width": 6}), params={"net": {"width": 5}}).subjects
    assert subject.network.body.out_channels == 5
