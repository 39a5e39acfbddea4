"""Two runs whose true difference is known: none, and 5 % of the masks eroded."""

import csv
import json

import numpy as np
import pytest
from scipy import ndimage

from segkit.discovery import Registry
from segkit.jobs.compare.compose import write_comparison
from segkit.jobs.compare.models import group_runs
from segkit.jobs.compare.runs import read_runs


def eroded(masks, every):
    """The same cases with every n-th prediction that is not empty eroded by a pixel."""
    changed = dict(masks)
    for case in [case for case in masks if masks[case][1].any()][::every]:
        reference, prediction = masks[case]
        changed[case] = (reference, ndimage.binary_erosion(prediction).astype(np.uint8))
    return changed


def compared(tmp_path, folders):
    """Compare run directories; returns what comparison.json holds."""
    models = group_runs(read_runs(folders))
    write_comparison(models, tmp_path / "comparison", "known", Registry())
    return json.loads((tmp_path / "comparison" / "comparison.json").read_text())


pytestmark = pytest.mark.usefixtures("no_figures")


def test_a_run_against_itself(tmp_path, runs, make_masks):
    """No difference is found: p = 1, equal everywhere, both first, and the answer says so."""
    folder = runs("one", make_masks(60))
    found = compared(tmp_path, [folder, folder])
    (pair,) = found["differences"]
    assert (pair["verdict"], pair["p"], pair["equal"], pair["difference"]) == ("equal", 1.0, 60, 0.0)
    assert [model["label"] for model in found["models"]] == ["one", "one (2)"]
    assert [model["rank"] for model in found["models"]] == [1, 1]
    assert found["headline"] == "No difference: all models have the same overlap on every case."
    assert found["ranks"]["unchanged"] == 1.0
    assert found["disagreements"] == []


def test_five_percent_of_the_masks_eroded(tmp_path, runs, make_masks):
    """Of 200 masks 10 eroded: the difference is found, its size is right, and the cases that differ are those."""
    masks = make_masks(200)
    shrunk = eroded(masks, every=19)
    changed = [case for case in masks if not np.array_equal(masks[case][1], shrunk[case][1])]
    assert len(changed) == 10
    folders = [runs("eroded", shrunk), runs("whole", masks)]
    found = compared(tmp_path, folders)
    (pair,) = found["differences"]
    whole, less = (
        np.array([float(row["overlap"]) for row in csv.DictReader((folder / "cases.csv").open())])
        for folder in reversed(folders)
    )
    assert (pair["first"], pair["second"], pair["verdict"]) == ("whole", "eroded", "first")
    assert found["headline"] == "whole is the best: its overlap is surely better than that of eroded."
    assert pair["difference"] == pytest.approx((whole - less).mean())
    assert (pair["higher"], pair["equal"], pair["lower"]) == (10, 190, 0)
    assert pair["p"] == pytest.approx(2 / 2**10)
    assert 0 < pair["ci_low"] < pair["difference"] < pair["ci_high"]
    assert sorted(item["case"] for item in found["disagreements"]) == sorted(changed)


def test_of_a_metric_with_a_target_the_nearer_model_wins(tmp_path, runs, make_masks):
    """A bias of 30 % this way and that, 0 on the mean, loses against 10 % too small on every case."""
    masks = {case: pair for case, pair in make_masks(60).items() if pair[1].any()}
    folders = [runs("steady", masks, config={"run.name": "steady"}), runs("wild", masks, config={"run.name": "wild"})]
    for folder, biases in zip(folders, ((-0.1, -0.1), (-0.3, 0.3)), strict=True):
        summary = json.loads((folder / "summary.json").read_text())
        (folder / "summary.json").write_text(json.dumps(summary | {"targets": {"overlap": 0.0}}))
        rows = list(csv.reader((folder / "cases.csv").open(newline="")))
        for number, row in enumerate(rows[1:]):
            row[-1] = repr(biases[number % 2] * (1 + number % 7 / 10))
        with (folder / "cases.csv").open("w", newline="") as stream:
            csv.writer(stream).writerows(rows)
    found = compared(tmp_path, folders)
    assert found["targets"] == {"overlap": 0.0}
    assert [model["label"] for model in sorted(found["models"], key=lambda model: model["rank"])] == ["steady", "wild"]
    (pair,) = found["differences"]
    assert (pair["first"], pair["verdict"]) == ("steady", "first")
    assert -0.3 < pair["difference"] < -0.2
    assert next(row["mean"] for row in found["scores"]) < -0.1


def test_too_few_differences_are_no_proof(tmp_path, runs, make_masks):
    """Three of 60 cases worse could be chance in one of four tries: said, shown, and not called sure."""
    masks = make_masks(60)
    found = compared(tmp_path, [runs("whole", masks), runs("eroded", eroded(masks, every=20))])
    (pair,) = found["differences"]
    assert (pair["verdict"], pair["p"]) == ("unsure", 0.25)
    assert pair["reason"] == "they differ on 3 only, too few for any test"
    assert "not sure" in pair["sentence"]
    assert found["headline"].startswith("Not sure which is better")
    assert len(found["disagreements"]) == 3


@pytest.mark.parametrize("undefined", ["inf", "nan"])
@pytest.mark.parametrize("every", [1, 2])
def test_a_model_that_misses_never_wins_by_its_distances(tmp_path, runs, make_masks, undefined, every):
    """Who misses every case, or half of them and is nearer on the rest, comes second: surely, and with its count."""
    masks = {case: pair for case, pair in make_masks(60).items() if pair[1].any()}
    half = {
        case: (reference, reference * 0 if number % every == 0 else reference)
        for number, (case, (reference, _)) in enumerate(masks.items())
    }
    folders = [runs("finds", masks, config={"run.name": "finds"}), runs("misses", half, config={"run.name": "misses"})]
    for folder in folders:
        summary = json.loads((folder / "summary.json").read_text())
        (folder / "summary.json").write_text(json.dumps(summary | {"higher_is_better": {"overlap": False}}))
        rows = list(csv.reader((folder / "cases.csv").open(newline="")))
        for row in rows[1:]:
            row[-1] = undefined if row[5] == "missed" else repr(1 - float(row[-1]))
        with (folder / "cases.csv").open("w", newline="") as stream:
            csv.writer(stream).writerows(rows)
    found = compared(tmp_path, folders)
    assert [model["label"] for model in sorted(found["models"], key=lambda model: model["rank"])] == ["finds", "misses"]
    (pair,) = found["differences"]
    assert pair["infinite"] == -(-len(masks) // every)
    assert (pair["first"], pair["verdict"]) == ("finds", "first" if every == 1 else pair["verdict"])
    assert f"infinitely far apart in {pair['infinite']}" in pair["sentence"]
    missed = {row["model"]: row["missed"] for row in found["scores"]}
    assert missed == {"finds": 0, "misses": pair["infinite"]}
