"""Runs that were not scored alike are refused, each for its reason."""

from types import SimpleNamespace

import numpy as np
import pytest

from segkit.errors import SegkitError, UsageError
from segkit.jobs.compare.alike import check_alike
from segkit.jobs.compare.analysis import analyse
from segkit.jobs.compare.models import counts, gather, group_runs, stacked
from segkit.jobs.compare.runs import read_runs


def moved(masks):
    """The same references but for one, which lies elsewhere and is as large."""
    (case, (reference, prediction)), *rest = masks.items()
    return {case: (np.roll(reference, 1, axis=0), prediction), **dict(rest)}


def renamed(masks):
    """One case is another."""
    (_, first), *rest = masks.items()
    return {"other": first, **dict(rest)}


SCORE = {
    "metric": "overlap",
    "aggregation": "case_mean",
    "name": "overlap (mean over cases, empty=1)",
    "class": "thing",
    **dict.fromkeys(("mean", "median", "ci_low", "ci_high")),
    **dict.fromkeys(("n", "n_cases", "n_empty", "n_missed", "n_spurious"), 8),
}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"masks": renamed}, "2 cases are scored in one only, such as case-000"),
        ({"masks": lambda masks: dict(list(masks.items())[1:])}, "1 cases are scored in one only, such as case-000"),
        ({"group": lambda case: case[-1]}, "the reference or the patient of 8 cases differs"),
        ({"summary": {"references": "b"}}, "reference masks differ in their pixels"),
        ({"summary": {"split": "val"}}, "split test against val"),
        ({"summary": {"generated_sample": True, "references": None}}, "generated sample False against True"),
        ({"summary": {"dataset": {"name": "toy:cubes"}}}, "dataset toy:squares against toy:cubes"),
        ({"summary": {"postprocess": {"minimum_size": 9}}}, "post-processing none against {'minimum_size': 9}"),
        ({"config": {"metric.overlap.offset": 0.5}}, "metric.overlap.offset is 0.0 against 0.5"),
        ({"summary": {"scores": [SCORE]}}, "overlap (mean over cases) against overlap (mean over cases, empty=1)"),
        (
            {"summary": {"components": [{"kind": "metric", "name": "toy:overlap", "version": "2.0"}]}},
            "metric overlap is 1.0 against 2.0",
        ),
        ({"classes": ("object",)}, "classes thing against object"),
    ],
)
def test_unlike_runs_are_refused(runs, make_masks, change, said):
    """The message names both runs and what differs."""
    masks = make_masks(8)
    change = dict(change)
    other = change.pop("masks", lambda masks: masks)(masks)
    change["summary"] = {"references": "a", **change.get("summary", {})}
    folders = [runs("one", masks, summary={"references": "a"}), runs("two", other, **change)]
    with pytest.raises(SegkitError, match="were not scored alike") as refusal:
        check_alike(read_runs(folders))
    assert said in refusal.value.message
    assert all(str(folder) in refusal.value.message for folder in folders)


def test_scores_on_what_selected_the_weights_are_refused(runs, make_masks):
    """A run scored on the cases which chose its epoch takes part in no comparison, whatever its note says of it."""
    masks = make_masks(8)
    one = runs("one", masks)
    for number, note in enumerate(("SELECTED ON THIS SPLIT: chosen by its score on these cases", "reworded", "")):
        chosen = runs(f"chosen{number}", masks, summary={"split_note": note, "selected_on": True})
        with pytest.raises(SegkitError, match="its scores flatter it"):
            check_alike(read_runs([one, chosen]))
        unseen = runs(f"unseen{number}", masks, summary={"split_note": note, "selected_on": False})
        assert check_alike(read_runs([one, unseen])) == ["overlap"]


def test_alike_runs_pass(runs, make_masks):
    """Other settings, weights and machines are no reason: they are what is compared, or are said."""
    masks = make_masks(8)
    other = runs("two", masks, config={"train.epochs": 9, "run.seed": 3}, summary={"weights": "epoch 4"})
    assert check_alike(read_runs([runs("one", masks), other])) == ["overlap"]


def test_a_model_of_drawn_images_on_the_same_real_ones(runs, make_masks):
    """Equal reference masks are the same cases, whatever the models have learnt from; the warning comes along."""
    masks = make_masks(8)
    drawn = {"references": "a", "generated_sample": True, "notice": "generated sample: not real data"}
    one = runs("one", masks, summary={"references": "a"})
    other = runs("two", masks, config={"train.epochs": 9, "run.name": "drawn"}, summary=drawn)
    found = read_runs([one, other])
    assert check_alike(found) == ["overlap"]
    models = group_runs(found)
    assert analyse(models, gather(models, ["overlap"])).notice == "generated sample: not real data"


def test_runs_that_are_none(runs, make_masks, tmp_path):
    """A folder without scores, a run that was stopped, one run alone: each is a sentence."""
    folder = runs("one", make_masks(4))
    with pytest.raises(SegkitError, match="does not exist"):
        read_runs([tmp_path / "nothing"])
    with pytest.raises(UsageError, match="one run alone"):
        group_runs(read_runs([folder]))
    (folder / "summary.json").unlink()
    with pytest.raises(
        SegkitError, match=r"is broken: 0 of 3 epochs were trained, and last/state\.safetensors is missing"
    ):
        read_runs([folder])


def test_seeds_are_averaged_case_by_case(runs, make_masks):
    """Runs that differ by seed are one model; a case's score is the mean over them."""
    first, second, other = (make_masks(12, seed=0), make_masks(12, seed=0), make_masks(12, seed=0))
    second = {case: (reference, np.roll(prediction, 1, 0)) for case, (reference, prediction) in second.items()}
    folders = [
        runs("a0", first, config={"run.seed": 0}),
        runs("a1", second, config={"run.seed": 1}),
        runs("b0", other, config={"train.epochs": 5, "run.name": "long"}),
    ]
    models = group_runs(read_runs(folders))
    assert [(model.label, len(model.repeats)) for model in models] == [("net", 2), ("long", 1)]
    data = gather(models, ["overlap"])
    seeds = data.repeats[0]["overlap"]
    assert seeds.shape == (2, 12, 1)
    assert data.table(0, "overlap") == pytest.approx(seeds.mean(axis=0))
    assert data.missed[0].shape == (2, 1)


def test_folds_are_pooled_over_cases(runs, make_masks):
    """Each fold scores its own cases; together they are the table, per seed and model."""
    masks = make_masks(12)
    halves = [dict(list(masks.items())[:6]), dict(list(masks.items())[6:])]
    folders = [
        runs(
            f"{name}-{seed}-{fold}",
            halves[fold],
            config={"data.fold": fold, "data.folds": 2, "run.seed": seed, "train.epochs": epochs, "run.name": name},
        )
        for name, epochs in (("short", 1), ("long", 9))
        for seed in (0, 1)
        for fold in (0, 1)
    ]
    models = group_runs(read_runs(folders))
    check_alike([run for model in models for run in model.runs])
    data = gather(models, ["overlap"])
    assert [model.label for model in models] == ["short", "long"]
    assert data.cases == tuple(sorted(masks))
    assert data.repeats[0]["overlap"].shape == (2, 12, 1)
    with pytest.raises(SegkitError, match="lacks a fold"):
        group_runs(read_runs(folders[:-1]))


def test_folds_that_score_the_same_cases_are_refused(runs, make_masks):
    """With a test split of its own a dataset's folds would count its cases twice."""
    masks = make_masks(6)
    folders = [
        runs(f"{epochs}-{fold}", masks, config={"data.fold": fold, "data.folds": 2, "train.epochs": epochs})
        for epochs in (1, 2)
        for fold in (0, 1)
    ]
    with pytest.raises(SegkitError, match=r"is scored in two folds.*evaluate\.split=val"):
        gather(group_runs(read_runs(folders)), ["overlap"])


def test_a_case_without_a_row_for_a_class_has_no_value_there():
    """A case that was annotated for one of two classes: no KeyError, no value, neither missed nor spurious."""
    rows = {
        ("a", "liver"): SimpleNamespace(values={"dice": 0.5}, status="ok"),
        ("a", "spleen"): SimpleNamespace(values={"dice": float("nan")}, status="missed"),
        ("b", "liver"): SimpleNamespace(values={"dice": 0.75}, status="ok"),
    }
    values = stacked([rows], ("a", "b"), ("liver", "spleen"), "dice", True)
    assert values[0, :, 0].tolist() == [0.5, 0.75]
    assert values[0, 0, 1] == -np.inf
    assert np.isnan(values[0, 1, 1])
    assert counts([rows], ("a", "b"), ("liver", "spleen"), "missed").tolist() == [[0, 1]]
