"""Predictions of overlapping classes as files: nothing is lost in any form, and the JSON says how to read it."""

from pathlib import Path

import numpy as np
import pytest

from segkit.data.case import Case, Sample
from segkit.declarations import Task
from segkit.engine.label_forms import FORMS, decode_files, encode
from segkit.engine.predictions import read_prediction, write_prediction
from segkit.errors import SegkitError

NESTED = Task(1, ("whole", "core", "other"), overlapping=True)


def planes(seed: int, task: Task, shape: tuple[int, ...], *, nested: bool) -> np.ndarray:
    """Random predictions; nested: boxes within boxes, and one apart."""
    generator = np.random.default_rng(seed)
    if not nested:
        return generator.integers(0, 2, task.mask_shape(shape), dtype=np.uint8)
    found = np.zeros(task.mask_shape(shape), np.uint8)
    found[0, ..., 1:7, :5] = generator.integers(0, 2)
    found[1, ..., 2:6, 1:4] = found[0].any()
    found[2, ..., 8:, :] = generator.integers(0, 2)
    return found


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("nested", [True, False])
@pytest.mark.parametrize("shape", [(10, 12), (3, 10, 12)])
@pytest.mark.parametrize("classes", [1, 3, 12])
def test_every_form_gives_the_same_back(form: str, nested: bool, shape: tuple[int, ...], classes: int) -> None:
    """Drawn predictions, nested and crossing, of few classes and of more than a byte has bits."""
    task = Task(1, tuple(f"class {n}" for n in range(classes)), len(shape), overlapping=True)
    nested = nested and classes >= 3
    for seed in range(4):
        prediction = planes(seed, task, shape, nested=nested)
        files = encode(prediction, task, form)  # type: ignore[arg-type]
        assert np.array_equal(decode_files(files.description, files.maps, task), prediction)
        if nested and form in ("auto", "labels"):
            assert files.description["form"] == "labels"


def test_nested_classes_are_one_label_map_and_the_order_of_painting() -> None:
    """The largest first; a label stands for its class and for those below it."""
    prediction = np.zeros((3, 4, 6), np.uint8)
    prediction[0, :, :4], prediction[1, 1:3, 1:3], prediction[2, :, 5] = 1, 1, 1
    files = encode(prediction, NESTED)
    assert files.description["painted"] == ["whole", "core", "other"]
    assert files.description["labels"] == {"1": ["whole"], "2": ["whole", "core"], "3": ["other"]}
    assert files.maps[""][1].tolist() == [1, 2, 2, 1, 0, 3]


def test_crossing_classes_are_a_bit_mask() -> None:
    """Its JSON says which bit is which class."""
    prediction = np.zeros((3, 1, 3), np.uint8)
    prediction[0, 0, :2], prediction[1, 0, 1:] = 1, 1
    files = encode(prediction, NESTED, "labels")
    assert files.description["bits"] == {"whole": 1, "core": 2, "other": 4}
    assert files.maps[""].tolist() == [[1, 3, 2]]


@pytest.mark.parametrize("shape", [(10, 12), (3, 10, 12)])
@pytest.mark.parametrize("form", FORMS)
def test_files_are_read_back(tmp_path: Path, shape: tuple[int, ...], form: str) -> None:
    """PNG of photographs and .npz of volumes without a format of their own; what is missing is named."""
    task = Task(1, NESTED.classes, len(shape), overlapping=True)
    prediction = planes(1, task, shape, nested=False)
    sample = Sample(np.zeros((1, *shape), np.uint8))
    written = write_prediction(None, tmp_path, Case("c"), prediction, sample, task, form)  # type: ignore[arg-type]
    assert np.array_equal(read_prediction(None, tmp_path, Case("c"), task), prediction)  # type: ignore[arg-type]
    assert {path.name for path in tmp_path.iterdir()} == {path.name for path in written}
    written[-1].write_text('{"form": "bits", "classes": ["liver"]}')
    with pytest.raises(SegkitError, match=r"does not say what the prediction holds|there is no prediction of case c"):
        read_prediction(None, tmp_path, Case("c"), task)  # type: ignore[arg-type]
