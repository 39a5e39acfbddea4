"""Whole plans, of generated data."""

import shutil
import tomllib
from pathlib import Path

import numpy as np
import pytest

from segkit import SegkitError, UsageError
from segkit.config import read_file
from segkit.data.roots import cache_folder
from segkit.jobs.plan.write import toml_of
from segkit.planning.plan import make_plan


def sample_folder(data: str, tmp_path: Path) -> Path:
    """A copy of the sample that was generated."""
    found = next(
        path for path in (cache_folder() / "samples").iterdir() if path.is_dir() and path.name.startswith(data)
    )
    shutil.copytree(found, tmp_path / "own")
    return tmp_path / "own"


def test_a_plan_is_a_config_that_a_run_takes(planned, toy_registry, tmp_path) -> None:
    """What it chose is what the run is made with; its reasons are comments."""
    found = planned("net", "squares", data__cases=9)
    text = toml_of(found)
    (tmp_path / "plan.toml").write_text(text)
    tables = tomllib.loads(text)
    assert tables["components"] == {"arch": "net", "data": "squares"}
    run = make_plan([read_file(tmp_path / "plan.toml")], toy_registry)
    assert list(run.size) == tables["data"]["size"]
    assert run.config.train.epochs == found.values["train.epochs"] > 1
    assert "# size: training masks brought there and back keep a Dice of" in text
    assert found.forecast.memory > 0
    assert found.forecast.steps == found.values["train.epochs"] * 3


def test_what_was_said_is_not_chosen(planned) -> None:
    """Size, epochs and batch size stay what they were asked to be."""
    found = planned("net", "squares", data__size="16x24", train__epochs=2, train__batch_size=2)
    assert not {"data.size", "train.epochs", "train.batch_size"} & set(found.values)
    assert [choice.reason for choice in found.choices if choice.name in ("size", "epochs")] == ["as you said"] * 2
    assert found.forecast.steps == 6


def test_no_choice_sees_validation_or_test_masks(planned, tmp_path) -> None:
    """What follows from the fingerprint is the same whatever these splits hold, even files of nothing."""
    before = planned("net", "squares")
    own = sample_folder("squares", tmp_path)
    for split in ("val", "test"):
        for file in (own / split).iterdir():
            file.write_bytes(b"no array")
    after = planned("net", "squares", data__root=str(own))
    told = [
        [(one.name, one.text, one.reason) for one in found.choices if one.name in ("mode", "size")]
        for found in (before, after)
    ]
    assert told[0] == told[1]


def test_volumes_are_taken_in_patches_where_a_network_can(planned) -> None:
    """In 3D; the spacing is the median of the training cases."""
    found = planned("solid", "blocks")
    assert found.values["data.mode"] == "patches"
    assert found.values["data.spacing"] == [1.5, 0.5, 0.5]


def test_volumes_of_few_coarse_planes_are_taken_in_slabs(planned) -> None:
    """Eight planes a side are too few to be halved."""
    found = planned("solid", "blocks", data__coarse=True)
    assert found.values["data.mode"] == "slab"
    assert "too few to be halved" in found.choices[0].reason


def test_one_training_case_is_enough_for_a_plan_and_told(planned) -> None:
    """With what it is worth."""
    found = planned("net", "squares", data__cases=1)
    assert "there is one training case" in found.remarks[0]
    assert found.forecast.steps == found.values["train.epochs"]


def test_a_class_that_one_case_alone_holds_is_told_and_shown_more_often(planned, tmp_path) -> None:
    """Volumes: more samples are centred on foreground."""
    planned("solid", "blocks", data__cases=12)
    own = sample_folder("blocks", tmp_path)
    for number in range(1, 12):
        file = own / "train" / f"train-{number}.npz"
        with np.load(file) as stored:
            arrays = dict(stored)
        arrays["mask"][arrays["mask"] == 2] = 0
        np.savez(file, **arrays)
    found = planned("solid", "blocks", data__root=str(own))
    assert "class high is in one of 12 training cases alone" in found.remarks
    assert found.values["data.foreground"] > 0.5


def test_spacing_that_varies_by_a_factor_of_ten_is_told(planned, tmp_path) -> None:
    """The plan is made for the median all the same."""
    planned("solid", "blocks")
    own = sample_folder("blocks", tmp_path)
    file = own / "train" / "train-0.npz"
    with np.load(file) as stored:
        arrays = dict(stored)
    arrays["spacing"] = np.array([0.2, 0.5, 0.5])
    np.savez(file, **arrays)
    found = planned("solid", "blocks", data__root=str(own))
    assert any("spacings of one axis differ by a factor of 10.0" in remark for remark in found.remarks)


def test_a_budget_that_nothing_fits_is_refused(planned) -> None:
    """The process alone takes more than two megabytes."""
    with pytest.raises(SegkitError, match="no network fits into 2 MB"):
        planned("net", "squares", memory=2 * 10**6)


def test_more_memory_than_there_is_is_not_planned_with(planned, told) -> None:
    """It is said, and what is free is planned for."""
    planned("net", "squares", memory=10**16)
    assert any("10000000.0 GB were given and" in line for line in told.lines)


def test_what_cannot_be_planned_for_is_refused(planned) -> None:
    """No dataset, an unknown one, and no architecture that has variants."""
    with pytest.raises(UsageError, match="no data named 'circles'"):
        planned("net", "circles")
    with pytest.raises(UsageError, match="no installed architecture says which variants"):
        planned("none", "squares")


def test_a_plan_for_several_datasets(planned, toy_registry, tmp_path) -> None:
    """Looked at together, and written down as a run of both takes it."""
    found = planned("solid", "squares + more=squares", data__more_classes=2)
    (tmp_path / "both.toml").write_text(toml_of(found))
    run = make_plan([read_file(tmp_path / "both.toml")], toy_registry)
    assert run.config.components.data == "segkit-toy:squares + more=segkit-toy:squares"
    assert run.task.classes == ("class-1", "class-2")
    assert len(run.cases["train"]) == 12
