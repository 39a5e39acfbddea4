"""Every metric against what eleven libraries answer; reference_claims.json says beforehand which values are claimed."""

import json
from collections import Counter
from functools import cache
from pathlib import Path

import numpy as np
import pytest

import segkit_metrics
from segkit import Measurement, Task
from segkit.declarations import resolve
from segkit.engine.measure import count_from_one
from segkit.params import build
from segkit_metrics import measure
from segkit_metrics.distances import AREAS, EDGES

FOLDER = Path(__file__).parents[4] / "shared" / "reference"
FILE = FOLDER / "metric_vectors.json"
CASES = json.loads(FILE.read_text())["cases"] if FILE.is_file() else {}
LISTS = json.loads(Path(__file__).with_name("reference_claims.json").read_text())

pytestmark = pytest.mark.skipif(not CASES, reason="../shared/reference is not here")

COUNTS = {
    "true positives": "true_positive",
    "false positives": "false_positive",
    "false negatives": "false_negative",
    "true negatives": "true_negative",
}
SIDES = {"edges of the prediction": EDGES[0], "edges of the mask": EDGES[1]}
SURFACES = {"area of the prediction": AREAS[0], "area of the mask": AREAS[1]}

METRICS = {metric.name: metric for metric in segkit_metrics.segkit_metrics()}


@cache
def arrays():
    """The label maps by name."""
    with np.load(FOLDER / "metric_vectors.npz") as file:
        return dict(file)


@cache
def task(classes):
    """A task with that many foreground classes."""
    return Task(1, tuple(f"class {label}" for label in range(1, classes + 1)))


@cache
def measured(name, background):
    """The measurements of a case's images, with label 0 as the first class where asked for."""
    case, maps = CASES[name], arrays()
    classes = case.get("num_classes", 2) - 1
    pairs = [(maps[f"{name}__pred"], maps[f"{name}__target"])]
    if case["kind"] == "batch":
        pairs = list(zip(*pairs[0], strict=True))
    if background:
        pairs, classes = [(count_from_one(p), count_from_one(m)) for p, m in pairs], classes + 1
    spacing = tuple(case["spacing"]) if "spacing" in case else None
    return [measure.measure(p, m, spacing, task(classes), {}) for p, m in pairs]


def score(metric, params, found):
    """What one of our metrics, or one of the raw figures, answers per class."""
    if metric in COUNTS:
        return getattr(found, COUNTS[metric])
    if metric in SIDES:
        return np.array([len(distances) for distances in found.distances[SIDES[metric]]])
    if metric in SURFACES:
        return np.array([areas.sum() for areas in found.distances[SURFACES[metric]]])
    if metric == "counts":
        return np.stack([getattr(found, name) for name in COUNTS.values()], axis=1)
    declared = METRICS[metric]
    factory = resolve(declared.factory, metric)
    return factory(task(len(found.reference)), build(declared.params, params, metric))(found)


def pooled(found):
    """The counts of all cases, summed."""
    sums = [np.sum([getattr(case, name) for case in found], axis=0) for name in COUNTS.values()]
    return Measurement(*sums, shape=())


def ours(claim, name):
    """Our answer to a claim about a case, in the shape in which it was asked for."""
    take, metric, params = claim.get("take", "classes"), claim["metric"], claim["params"]
    if metric == "confusion":
        maps, classes = arrays(), CASES[name]["num_classes"]
        return measure.confusion(maps[f"{name}__pred"], maps[f"{name}__target"], classes)
    found = measured(name, "background" in take)
    if take.startswith("pooled"):
        values = score(metric, params, pooled(found))
        return np.nanmean(values) if "over classes" in take else values
    each = np.stack([score(metric, params, case) for case in found])
    if take.startswith("each"):
        return each
    if take.startswith("mean over classes per case"):
        return np.nanmean(each, axis=1)
    if take.startswith("case mean"):
        means = np.nanmean(each, axis=0)
        return np.nanmean(means) if "over classes" in take else means
    return np.nanmean(each[0]) if take.startswith("mean over classes") else each[0]


def answers(name):
    """What the libraries answer for a case: (library, key) to an array."""
    found = {}
    for library, values in CASES[name]["values"].items():
        for key, value in values.items():
            if key == "per_class_surface":
                for inner in dict.fromkeys(each for label in value for each in label):
                    found[library, f"{key}.{inner}"] = [label.get(inner) for label in value]
            elif isinstance(value, dict) and library == "deepmind_surface_distance":
                labels = range(1, CASES[name]["num_classes"])
                for inner in value:
                    found[library, f"label.{inner}"] = [values.get(str(label), {}).get(inner) for label in labels]
            elif isinstance(value, dict):
                found |= {(library, f"{key}.{inner}"): each for inner, each in value.items()}
            else:
                found[library, key] = value
    return found


def concerns(row, name):
    """Whether a row of a list is about a case."""
    return row["kind"] == CASES[name]["kind"] and name in row.get("only", [name]) and name not in row.get("without", [])


def keys(rows, name):
    """The (library, key) that rows list for a case, with how often."""
    return Counter(
        (row["library"], key) for row in rows if concerns(row, name) for key in row.get("keys", [row.get("key")])
    )


@pytest.mark.parametrize("name", CASES)
def test_every_answer_is_listed_once(name):
    """Each value of each library is claimed, excluded with a reason or of no metric of ours; never two of them."""
    listed = sum((keys(LISTS[rows], name) for rows in ("claimed", "excluded", "other")), Counter())
    assert {key: listed[key] for key in answers(name)} == dict.fromkeys(answers(name), 1)


def test_at_most_15_percent_are_excluded():
    """Of the values of our metrics at least 85 % are claimed."""
    claimed, excluded = (
        sum(len(keys(LISTS[rows], name).keys() & answers(name).keys()) for name in CASES)
        for rows in ("claimed", "excluded")
    )
    assert claimed > 1000
    assert excluded <= 0.15 * (claimed + excluded)


def compare(claim, name, theirs):
    """Raise AssertionError unless our answer is theirs."""
    answer = np.asarray(ours(claim, name), dtype=float)
    if claim.get("take", "").endswith("how many"):
        theirs = theirs[0]
    # None stands where a library was not asked for a class.
    expected = np.array(theirs, dtype=object).reshape(answer.shape)
    asked = np.array([value is not None for value in expected.flat], dtype=bool).reshape(answer.shape)
    numbers = np.array([np.nan if value is None else value for value in expected.flat], dtype=float)
    tolerance = claim["tolerance"]
    np.testing.assert_allclose(answer[asked], numbers.reshape(answer.shape)[asked], rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", CASES)
def test_claimed_values(name):
    """Counts exactly, scores to 1e-9 (1e-5 against libraries that compute in float32)."""
    theirs, wrong = answers(name), []
    for claim in LISTS["claimed"]:
        key = claim["library"], claim["key"]
        if concerns(claim, name) and key in theirs:
            try:
                compare(claim, name, theirs[key])
            except AssertionError as error:
                wrong.append(f"{key}: {error}")
    assert not wrong, "\n".join(wrong)
