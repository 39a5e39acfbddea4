"""Checks of losses, metrics, datasets and explainers: right ones pass, wrong ones fail their own check alone."""

from __future__ import annotations

import pytest

from segkit.declarations import Dataset, Explainer, Loss, Metric

LOSS_FAULTS = ("shape", "finite", "ignore", "half-precision", "permutation", "ordering", "inputs-kept")
PROBABILITY_FAULTS = ("blocks", "soft-range")
METRIC_FAULTS = ("counts", "range", "empties", "symmetry", "poolable", "inputs-kept")
DATA_FAULTS = ("sample", "splits", "read", "labels", "recipe", "wrong-root", "verify", "missing-file", "broken-file")
EXPLAINER_FAULTS = ("shape", "range", "deterministic", "independent", "empty-target", "several", "no-trace")


def loss(fault="none", scope="sample", **changes):
    """Declare the sample loss with a fault."""
    from kit_losses import Params

    factory = "kit_losses:build" if scope == "sample" else "kit_losses:build_batch"
    fields = {"factory": factory, "summary": "Cross entropy.", "params": Params, "scope": scope, **changes}
    return Loss(name="loss", **fields), {"params": {"loss": {"fault": fault}}}


def metric(fault="none", **changes):
    """Declare the sample overlap with a fault."""
    from kit_metrics import Params

    fields = {"factory": "kit_metrics:build", "measure": "kit_metrics:measure", "summary": "Overlap.", "params": Params}
    poolable = fault != "symmetry"
    return Metric(name="metric", **{**fields, "poolable": poolable, **changes}), {
        "params": {"metric": {"fault": fault}}
    }


def probability_metric(fault="none", **changes):
    """Declare the sample Brier score with a fault."""
    from kit_probabilities import Params

    fields = {"factory": "kit_probabilities:build", "measure": "kit_probabilities:measure", "summary": "Squared error."}
    fields |= {"needs": "probabilities", "higher_is_better": False, "poolable": True, "params": Params, **changes}
    return Metric(name="metric", **fields), {"params": {"metric": {"fault": fault}}}


EXTENT = {"factory": "kit_metrics:build_extent", "unit": "mm", "range": (0, float("inf")), "higher_is_better": False}


def data(fault="none", reader="Reader"):
    """Declare the sample dataset with a fault."""
    from kit_data import Params

    component = Dataset(name="data", factory=f"kit_data:{reader}", summary="Boxes.", params=Params)
    return component, {"params": {"data": {"fault": fault}}}


def explainer(fault="none"):
    """Declare the sample explainer with a fault."""
    from kit_explainers import Params

    fields = {"factory": "kit_explainers:build", "summary": "Gradient times activation.", "several": True}
    component = Explainer(name="explainer", params=Params, **fields)
    return component, {"params": {"explainer": {"fault": fault}}}


@pytest.fixture
def failing(suite_of, failures):
    """Return the checks that fail of a component, declared when the samples can be imported."""

    def run(make, *args, **options):
        component, settings = make(*args, **options)
        return failures(suite_of(component.factory.partition(":")[0], component, full=True, **settings))

    return run


@pytest.mark.parametrize(
    ("make", "options"),
    [
        (loss, {}),
        (loss, {"scope": "batch"}),
        (metric, {}),
        (metric, {**EXTENT, "poolable": False}),
        (probability_metric, {}),
        (data, {}),
        (data, {"reader": "ResizingReader"}),
        (explainer, {}),
    ],
)
def test_right_components_pass_every_check(make, options, failing):
    """What keeps to the contract is let through."""
    assert failing(make, **options) == {}


@pytest.mark.parametrize("fault", LOSS_FAULTS)
def test_a_wrong_loss_fails_its_own_check_alone(fault, failing):
    """Each fault is told by one check."""
    found = failing(loss, fault)
    assert list(found) == [fault], found


@pytest.mark.parametrize("fault", METRIC_FAULTS)
def test_a_wrong_metric_fails_its_own_check_alone(fault, failing):
    """Each fault is told by one check."""
    found = failing(metric, fault)
    assert list(found) == [fault], found


@pytest.mark.parametrize("fault", PROBABILITY_FAULTS)
def test_a_wrong_metric_of_probabilities_fails_its_own_check_alone(fault, failing):
    """Each fault is told by one check."""
    found = failing(probability_metric, fault)
    assert list(found) == [fault], found


def test_a_metric_that_is_best_the_wrong_way_round(failing):
    """The direction is compared with what a perfect prediction scores."""
    found = failing(metric, higher_is_better=False)
    assert list(found) == ["perfect"], found


def test_a_distance_in_pixels_that_says_mm(failing):
    """A distance has to grow with the spacing; turned anisotropic cases pass where all axes count alike."""
    found = failing(metric, "spacing", **{**EXTENT, "poolable": False})
    assert list(found) == ["spacing"], found


@pytest.mark.parametrize("fault", DATA_FAULTS)
def test_a_wrong_dataset_fails_its_own_check_alone(fault, failing):
    """Each fault is told by one check."""
    found = failing(data, fault)
    assert list(found) == [fault], found


def test_a_sample_that_is_drawn_anew_each_time(failing):
    """Equal params have to write equal files."""
    found = failing(data, "sample-repeats")
    assert list(found) == ["sample-repeats"], found


def test_a_resized_mask(failing):
    """The mask is never put on the working grid."""
    found = failing(data, "read-resized", reader="ResizingReader")
    assert list(found) == ["read-resized"], found


def test_a_dataset_without_a_sample(suite_of):
    """Nothing but its interface is checked, unless the test brings a sample of its own."""
    from kit_data import Params, Reader

    component = Dataset(name="data", factory="kit_data:SamplelessReader", summary="Boxes.", params=Params)
    suite = suite_of("kit_data", component)
    skipped = {item.check.name for item in suite.items() if suite.outcome(item).status == "skipped"}
    assert {"sample", "splits", "read", "verify", "broken-file"} <= skipped
    suite = suite_of("kit_data", component, samples={"data": lambda root: Reader.make_sample(root, Params())})
    statuses = {item.check.name: suite.outcome(item).status for item in suite.items()}
    assert {name for name, status in statuses.items() if status != "passed"} == {
        *("read-resized", "affine", "as-pillow-reads", "events", "commands")
    }


def test_a_class_that_is_no_reader(failing):
    """What it lacks is named."""
    found = failing(data, reader="NoReader")
    assert list(found) == ["interface"]
    assert "cases, read, verify" in found["interface"].found


@pytest.mark.parametrize("fault", EXPLAINER_FAULTS)
def test_a_wrong_explainer_fails_its_own_check_alone(fault, failing):
    """Each fault is told by one check."""
    found = failing(explainer, fault)
    assert list(found) == [fault], found


@pytest.mark.parametrize("make", [loss, metric, data, explainer])
def test_a_factory_that_is_not_there_stops_the_other_checks(make, suite_of, failures):
    """Nothing else is said of a component that does not resolve."""
    from dataclasses import replace

    suite = suite_of("kit_losses")
    component, _ = make()
    suite.plugins[0].components = [replace(component, factory="kit_losses:absent")]
    assert list(failures(suite)) == ["resolves"]
