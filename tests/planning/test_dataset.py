"""The dataset that was asked for: its params and folder, and its recipe for a mode."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from segkit.config import Layer
from segkit.declarations import Dataset
from segkit.discovery import Registry
from segkit.errors import SegkitError, UsageError
from segkit.planning.dataset import about_data, choose_dataset, recipe_of


def test_params_and_folder_come_from_the_layers(toy_registry: Registry, tmp_path: Path) -> None:
    """The last layer counts, the option that named the folder is known, and what is about others is not asked."""
    (tmp_path / "mine" / "train").mkdir(parents=True)
    layers = [
        Layer("file", {"data.cases": 2, "data.root": "elsewhere", "train.epochs": 3}),
        Layer("--data-root", {"data.root": "mine", "data.cases": 5}),
    ]
    chosen = choose_dataset(toy_registry.find("data", "squares"), about_data(layers))
    assert (chosen.params.cases, chosen.given_root, chosen.given_by) == (5, "mine", "--data-root")
    assert chosen.full_name == "segkit-toy:squares"
    reader, root = chosen.open()
    assert reader.root.resolve() == root.path.resolve() == tmp_path / "mine"
    assert not root.generated


def test_without_a_folder_a_sample_is_drawn(toy_registry: Registry) -> None:
    """Nobody named a folder, and what takes long is told."""
    told: list[str] = []
    chosen = choose_dataset(toy_registry.find("data", "squares"), [Layer("flag", {"data.cases": 2})])
    assert (chosen.given_root, chosen.given_by) == (None, "")
    reader, root = chosen.open(told.append)
    assert root.generated
    assert len(reader.cases("train")) == 2
    assert len(told) == 1


def test_a_param_that_there_is_not_is_a_sentence(toy_registry: Registry) -> None:
    """With the layer that said it."""
    with pytest.raises(UsageError, match=r"flag: data .squares. has no 'case'.*did you mean 'cases'"):
        choose_dataset(toy_registry.find("data", "squares"), [Layer("flag", {"data.case": 2})])


RECIPE = {"train.epochs": 9, "data.size": (4, 4), "patches": {"data.size": (2, 4, 4)}, "slab": {"train.epochs": 1}}


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("slices", {"train.epochs": 9, "data.size": (4, 4)}),
        ("slab", {"train.epochs": 1, "data.size": (4, 4)}),
        ("patches", {"train.epochs": 9, "data.size": (2, 4, 4)}),
    ],
)
def test_what_a_recipe_says_for_a_mode_goes_before_the_rest(mode: str, expected: dict) -> None:
    """And parts for other modes are left out."""
    dataset = Dataset(name="x", factory="a:b", summary="X.", modes={"slices": 2, "slab": 2, "patches": 3})
    assert recipe_of(SimpleNamespace(recipe=RECIPE), dataset, mode) == expected


def test_a_part_for_what_is_no_mode_is_its_author_s_fault() -> None:
    """It would be dropped in silence."""
    dataset = Dataset(name="x", factory="a:b", summary="X.", modes={"slices": 2, "patches": 3})
    with pytest.raises(SegkitError, match="dataset x: its recipe has a part for slab, which is no mode of it"):
        recipe_of(SimpleNamespace(recipe=RECIPE), dataset, "slices")
