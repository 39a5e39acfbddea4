"""Whether a model was trained on what it is scored on: decided by what images show, not by names or splits."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

TOY = ("--arch", "net", "--epochs", "1", "--device", "cpu", "--set", "run.threads=1")


@pytest.fixture
def source(segkit) -> Path:
    """A run, and its dataset of 6 training, 3 validation and 3 test cases."""
    segkit("run", *TOY, "--data", "squares", "--output", "source")
    (made,) = Path("cache/samples").glob("squares-*/made.json")
    shutil.copytree(made.parent, "squares")
    return Path("squares")


def other_data(source: Path, shared: int) -> tuple[str, ...]:
    """Make a dataset whose test split has some of the source's training cases under other names, and two others."""
    for split in ("train", "val", "test"):
        Path("other", split).mkdir(parents=True)
    for number, path in enumerate(sorted((source / "train").glob("*.npy"))[:shared]):
        shutil.copy(path, Path("other/test", f"renamed-{number}.npy"))
    for split, path in (("train", "val/val-0"), ("val", "val/val-1"), ("test", "test/test-0"), ("test", "test/test-1")):
        shutil.copy(source / f"{path}.npy", Path("other", split, f"{Path(path).name}.npy"))
    return ("--data", "squares", "--data-root", "other")


@pytest.mark.parametrize("shared", [5, 0])
def test_fine_tuning_says_how_many_scored_cases_the_source_knows(segkit, source: Path, shared: int) -> None:
    """Before training it is said how many of the scored cases the source was trained on, and the summary has them."""
    data = other_data(source, shared)
    done = segkit("run", *TOY, *data, "--from", "source", "--output", "tuned", "--json")
    leaks = json.loads(done.stdout)["leaks"]
    assert leaks["source_trained"] == [f"renamed-{number}" for number in range(shared)]
    assert leaks["scored_and_trained"] == shared
    line = next(line for line in done.stderr.splitlines() if "scored cases" in line)
    expected = (
        f"LEAK: source was trained on 5 of the {shared + 2} scored cases" if shared else "source was trained on none"
    )
    assert line.startswith(expected)
    assert done.stderr.index(line) < done.stderr.index("epoch 1/1")


def test_a_model_knows_what_its_source_knew(segkit, source: Path) -> None:
    """What was fine-tuned twice still tells of the first source's training cases."""
    data = other_data(source, 5)
    segkit("run", *TOY, *data, "--from", "source", "--output", "tuned")
    shutil.rmtree("source")
    done = segkit("evaluate", "tuned", "--split", "test", "--device", "cpu", "--json")
    assert json.loads(done.stdout)["leaks"]["scored_and_trained"] == 5
    assert json.loads(done.stdout)["trained_on"] is True


def test_another_folder_s_training_split(segkit, source: Path) -> None:
    """`evaluate --split train` of a folder that the model has never seen does not say that it was trained on it."""
    data = other_data(source, 0)
    done = segkit("evaluate", "source", *data, "--split", "train", "--device", "cpu", "--json")
    summary = json.loads(done.stdout)
    assert summary["trained_on"] is False
    own = json.loads(segkit("evaluate", "source", "--split", "train", "--device", "cpu", "--json").stdout)
    assert own["trained_on"] is True
    assert own["leaks"]["scored_and_trained"] == 6


def test_the_checkpoint_names_no_case(segkit, source: Path) -> None:
    """Digests of training images are in the checkpoint, sorted; no id and no path is."""
    from segkit.engine.checkpoint import read_model

    header = read_model(Path("source/model.safetensors"))[1]
    assert header["trained_on"] == sorted(header["trained_on"])
    assert len(header["trained_on"]) == 6
    assert "train-0" not in json.dumps(header)


def test_a_source_that_does_not_say(segkit, source: Path) -> None:
    """Of a file that segkit did not write it is said that nobody knows."""
    import torch
    from safetensors.torch import load_file

    torch.save(load_file("source/model.safetensors"), "other.pth")
    done = segkit("run", *TOY, "--data", "squares", "--from", "other.pth", "--output", "tuned", "--json")
    assert "whether other.pth was trained on any of the 3 scored cases is not known" in done.stderr
    assert json.loads(done.stdout)["leaks"]["source_trained"] is None
