"""Conventions as params: presets, tolerances, tables."""

import pytest

from segkit import Task, UsageError
from segkit.params import build
from segkit_metrics import segkit_metrics, surface
from segkit_metrics.params import OverlapParams, SideParams, SpecificityParams, SurfaceDiceParams, ThresholdParams
from segkit_metrics.tolerances import tolerances

ABDOMEN = ("spleen", "right kidney", "left kidney", "gall bladder", "esophagus", "postcava", "right adrenal gland")


def test_conventions_without_a_preset():
    """Both empty is left out, and a share of nothing is 0."""
    assert (OverlapParams().both_empty, SideParams().undefined, SpecificityParams().undefined) == ("nan", "0", "nan")


def test_the_isic_preset_is_the_scorer_of_2018():
    """Perfect where there is nothing to score, and 0.65 counts."""
    said = {"preset": "isic"}
    assert build(OverlapParams, said, "dice").both_empty == "1"
    assert build(SideParams, said, "precision").undefined == "1"
    assert build(SpecificityParams, said, "specificity").undefined == "1"
    assert build(ThresholdParams, said, "threshold-jaccard").threshold == 0.65


def test_what_is_said_wins_over_the_preset():
    """A preset fills in only what nobody said; built again from what it came to, it stays so."""
    found = build(SideParams, {"preset": "isic", "both_empty": "0"}, "recall")
    assert (found.both_empty, found.undefined) == ("0", "1")
    again = build(SideParams, {"preset": found.preset, "both_empty": "0", "undefined": "1"}, "recall")
    assert again == found


def test_one_tolerance_or_one_per_class():
    """One is for all; as many as classes are theirs in order; without any it is 1 mm."""
    assert tolerances(("a", "b"), SurfaceDiceParams()) == (1.0, 1.0)
    assert tolerances(("a", "b"), SurfaceDiceParams(tolerance=(2.0,))) == (2.0, 2.0)
    assert tolerances(("a", "b"), SurfaceDiceParams(tolerance=(2.0, 5.0))) == (2.0, 5.0)


def test_the_published_table_by_name():
    """FLARE 2022 by class name, whatever the side and the spelling."""
    assert tolerances(ABDOMEN, SurfaceDiceParams(table="flare22")) == (3, 3, 3, 2, 3, 2, 2)
    more = ("liver", "pancreas", "stomach", "duodenum", "aorta", "prostate/uterus")
    assert tolerances(more, SurfaceDiceParams(table="flare22", tolerance=(4.0,))) == (5, 5, 5, 7, 2, 4)


@pytest.mark.parametrize(
    ("classes", "params", "message"),
    [
        (("a", "b", "c"), SurfaceDiceParams(tolerance=(1.0, 2.0)), "tolerance has 2 values for 3 classes"),
        (("liver", "bladder"), SurfaceDiceParams(table="flare22"), "no tolerance for bladder"),
        (("liver", "aorta"), SurfaceDiceParams(table="flare22", tolerance=(1.0, 2.0)), "both table=flare22 and 2"),
    ],
)
def test_tolerances_that_cannot_be_meant(classes, params, message):
    """Each is refused in a sentence, before anything is measured."""
    with pytest.raises(UsageError, match=message):
        surface.nsd(Task(1, classes), params)


def test_the_tolerance_of_each_class_is_on_record():
    """The score says which tolerance each class was measured with."""
    score = surface.nsd(Task(1, ("liver", "aorta")), SurfaceDiceParams(table="flare22"))
    assert score.per_class == {"tolerance": (5.0, 2.0)}


def test_only_scores_of_counts_can_be_pooled():
    """What needs distances, or a threshold per case, is no function of summed counts."""
    names = {metric.name for metric in segkit_metrics() if not metric.poolable}
    assert names == {"threshold-jaccard", "hd", "hd95", "assd", "masd", "nsd"}
