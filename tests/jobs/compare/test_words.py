"""What is said of the chance of cases, of the chance of training, and of slices."""

from types import SimpleNamespace

import numpy as np
import pytest

from segkit.errors import SegkitError
from segkit.jobs.compare.analysis import analyse
from segkit.jobs.compare.compose import differing_level
from segkit.jobs.compare.models import gather, group_runs
from segkit.jobs.compare.runs import read_runs
from segkit.jobs.compare.words import about_training, cautions, headline, probability, unit_word


def shifted(masks, pixels):
    """The same references, predictions moved down."""
    return {case: (reference, np.roll(prediction, pixels, 0)) for case, (reference, prediction) in masks.items()}


@pytest.fixture
def analysed(runs, make_masks):
    """Analyse models, each given as the pixels that the predictions of its seeds are off."""

    def analysis_of(**models):
        masks = make_masks(40)
        folders = [
            runs(
                f"{name}-{seed}",
                shifted(masks, pixels),
                config={"run.seed": seed, "run.name": name, "train.epochs": number},
                summary={"split": "train"} if name == "learnt" else None,
            )
            for number, (name, offsets) in enumerate(models.items(), start=1)
            for seed, pixels in enumerate(offsets)
        ]
        models = group_runs(read_runs(folders))
        return analyse(models, gather(models, ["overlap"]))

    return analysis_of


def test_order_of_all_seeds(analysed):
    """Where every seed of one model is above every seed of the other, that is said."""
    analysis = analysed(good=(0, 0), bad=(3, 4))
    assert headline(analysis) == "good is the best: its overlap is surely better than that of bad."
    assert about_training(analysis).endswith("The order is the same whichever seeds are compared.")
    score = analysis.score(analysis.order[1], "overlap", "thing")
    assert score.seed_std == pytest.approx(np.std(score.seed_means, ddof=1))
    assert score.summary.mean == pytest.approx(np.mean(score.seed_means))


def test_overlapping_seeds_are_named(analysed):
    """A difference that is sure over cases may still be one of seeds."""
    said = about_training(analysed(good=(0, 3), bad=(2, 3)))
    assert "(good and bad): another training could turn that order" in said


def test_one_training_says_nothing_of_others(analysed):
    """With single seeds the chance of training is called unknown; scores on training cases are called that."""
    analysis = analysed(learnt=(0,), other=(3,))
    assert "is not known" in about_training(analysis)
    assert any("training cases" in caution for caution in cautions(analysis))


def test_part_of_the_models_beaten(analysed):
    """The first of three is better than the last, and not surely better than its twin."""
    analysis = analysed(first=(0,), twin=(0,), last=(4,))
    assert headline(analysis) == "first is surely better than last in overlap, but not surely better than twin."
    assert [pair.verdict for pair in analysis.main_pairs()] == ["equal", "first", "first"]


def test_the_slice_on_which_predictions_differ():
    """Of volumes the one with most voxels on which not all agree; photographs have none."""
    first = np.zeros((5, 4, 4), np.uint8)
    second, third = first.copy(), first.copy()
    second[1, 0], third[3, :2] = 1, 2
    assert differing_level([first, second, third]) == 3
    assert differing_level([first[0], second[0]]) is None


def test_a_model_without_any_value_is_named(runs, make_masks):
    """Where no case has anything to find and nothing is found there is nothing to rank: a sentence."""
    masks = {case: (reference * 0, reference * 0) for case, (reference, _) in make_masks(8).items()}
    models = group_runs(read_runs([runs(name, masks, config={"run.name": name}) for name in ("one", "two")]))
    with pytest.raises(SegkitError, match="one has no overlap on any case"):
        analyse(models, gather(models, ["overlap"]))


@pytest.mark.parametrize(("value", "said"), [(0.0312, "p = 0.031"), (0.00001, "p < 0.001"), (1.0, "p = 1.000")])
def test_probabilities_are_written_as_people_write_them(value, said):
    """Small ones as a bound."""
    assert probability(value) == said


@pytest.mark.parametrize(
    ("groups", "word"), [((None, None), "cases"), (("p", "q", None), "cases"), (("p", "p", None), "patients")]
)
def test_what_is_independent_is_named(groups, word):
    """Patients where one has several cases; a case of nobody known shares none."""
    assert unit_word(SimpleNamespace(data=SimpleNamespace(groups=groups))) == word


def test_another_number_of_trainings_is_told(analysed):
    """With the number of each model; equal numbers are not worth a word."""
    assert "models were trained another number of times: good 1, bad 2" in cautions(analysed(good=(0,), bad=(2, 3)))
    assert not [said for said in cautions(analysed(good2=(0,), bad2=(2,))) if "number of times" in said]


def test_the_first_may_have_nobody_surely_below_it(analysed):
    """Where the second and the third differ surely and the first does not from either, that is no certainty of it."""
    analysis = analysed(first=(0,), twin=(0,), last=(4,))
    best, second, last = analysis.order

    def verdicts(first, other):
        told = {(best, second): first, (best, last): first, (second, last): other}
        pairs = [SimpleNamespace(first=one, second=two, verdict=told[one, two]) for one, two in told]
        fields = ("main_metric", "order", "models")
        return SimpleNamespace(main_pairs=lambda: pairs, **{name: getattr(analysis, name) for name in fields})

    names = [analysis.models[model].label for model in (second, last)]
    sure = headline(verdicts("unsure", "first"))
    assert sure == f"{analysis.models[best].label} comes first in overlap, but is not surely better than " + (
        f"{names[0]} and {names[1]}."
    )
    assert headline(verdicts("unsure", "unsure")).startswith("Not sure which is better: ")
    assert headline(verdicts("equal", "equal")).startswith("No difference: all models")


def test_notes_are_those_of_the_metric_that_decides(analysed):
    """What is to be said of another metric's summary is no caution of this comparison."""
    analysis = analysed(good=(0,), bad=(3,))
    summary = SimpleNamespace(note="a note of another metric", infinite=3, alike=False)
    row = SimpleNamespace(metric="other", summary=summary)
    from dataclasses import replace

    assert "a note of another metric" not in cautions(replace(analysis, scores=(*analysis.scores, row)))
    row.metric = "overlap"
    assert "a note of another metric" in cautions(replace(analysis, scores=(*analysis.scores, row)))
    summary.infinite, summary.alike = 0, True
    assert "a note of another metric" not in cautions(replace(analysis, scores=(*analysis.scores, row)))
