"""Models of one origin as one: closed forms of means, and what is refused."""

from pathlib import Path

import pytest
import torch

from segkit.engine.checkpoint import KEY, read_model
from segkit.engine.sealed import write_sealed
from segkit.errors import SegkitError, UsageError
from segkit.jobs.average import average_models, mean_of
from segkit.model import load_model

ORIGIN = {"source": "first", "digest": "ab" * 32}


@pytest.fixture
def model(trained_toy: Path) -> Path:
    """A trained toy."""
    return trained_toy / "model.safetensors"


def changed(model: Path, target: Path, add: float, **header) -> Path:
    """The model with a number added to all its weights, and other words about itself."""
    weights, known = read_model(model)
    told = known | {"started_from": ORIGIN, "format": 1} | header
    write_sealed(target, KEY, told, {name: tensor + add for name, tensor in weights.items()})
    return target


def test_the_mean_of_weights_in_whatever_order(model, tmp_path, toy_registry) -> None:
    """Two and four added is three added; the file is the same for every order, loads, and says what it is."""
    one = changed(model, tmp_path / "a.safetensors", 2.0, trained_on=["x", "y"], calibration=None)
    two = changed(model, tmp_path / "b.safetensors", 4.0, trained_on=["y", "z"], selected_on="val")
    done = average_models([one, two], tmp_path / "c.safetensors")
    average_models([two, one], tmp_path / "d.safetensors")
    assert (tmp_path / "c.safetensors").read_bytes() == (tmp_path / "d.safetensors").read_bytes()
    assert (done.models, done.started_from) == (2, "first")
    found, header = read_model(tmp_path / "c.safetensors")
    for name, tensor in read_model(model)[0].items():
        torch.testing.assert_close(found[name], tensor + 3, atol=1e-6, rtol=0)
    assert (header["weights"], header["averaged"], header["selected_on"]) == ("average of 2 runs", 2, "val")
    assert header["trained_on"] == ["x", "y", "z"]
    assert not {"scores", "calibration"} & {*header}
    assert load_model(tmp_path / "c.safetensors", "cpu", toy_registry).task.classes


def test_sums_do_not_depend_on_the_order() -> None:
    """Large and small numbers, and counts, of which the largest is taken."""
    values = [torch.tensor([1e8, 1.0]), torch.tensor([1.0, 1e-8]), torch.tensor([-1e8, 3.0])]
    assert torch.equal(mean_of(values), mean_of(values[::-1]))
    assert torch.equal(mean_of([torch.tensor(3), torch.tensor(5)]), torch.tensor(5))


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ({"started_from": None}, "did not start from weights"),
        ({"started_from": {"source": "other", "digest": "cd" * 32}}, "started from different weights"),
        ({"task": {"in_channels": 3, "classes": ["another"], "spatial_dims": 2}}, "not of the same classes"),
        ({"preprocessing": "size"}, "not of the same images"),
        ({"components": "params"}, "not of the same network"),
    ],
)
def test_what_has_no_common_origin_is_refused(model, tmp_path, header, said) -> None:
    """In words that name the model and the way out."""
    known = read_model(model)[1]
    if header.get("preprocessing"):
        header = {"preprocessing": known["preprocessing"] | {"size": [40, 40]}}
    if header.get("components"):
        header = {"components": [part | {"params": {"width": 99}} for part in known["components"]]}
    one = changed(model, tmp_path / "a.safetensors", 0.0)
    other = changed(model, tmp_path / "b.safetensors", 1.0, **header)
    with pytest.raises(SegkitError, match=said) as told:
        average_models([one, other], tmp_path / "c.safetensors")
    assert "segkit predict" in str(told.value.hint)
    assert not (tmp_path / "c.safetensors").exists()


def test_one_model_the_same_twice_and_a_file_that_is_there(model, tmp_path) -> None:
    """Nothing is averaged, nothing replaced unasked."""
    one = changed(model, tmp_path / "a.safetensors", 0.0)
    two = changed(model, tmp_path / "b.safetensors", 1.0)
    with pytest.raises(UsageError, match="one model has no average"):
        average_models([one], tmp_path / "c.safetensors")
    with pytest.raises(UsageError, match="given twice"):
        average_models([one, two, one], tmp_path / "c.safetensors")
    (tmp_path / "c.safetensors").write_text("mine")
    with pytest.raises(UsageError, match="is there already"):
        average_models([one, two], tmp_path / "c.safetensors")
    assert (tmp_path / "c.safetensors").read_text() == "mine"
    average_models([one, two], tmp_path / "c.safetensors", force=True)
