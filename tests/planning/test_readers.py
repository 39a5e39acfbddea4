"""A metric's tolerance taken from the readers of the data."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from PIL import Image

import segkit
from segkit.config import Layer
from segkit.data.case import counted
from segkit.declarations import Metric
from segkit.discovery import Registry
from segkit.engine.measure import CaseScores, FromReaders
from segkit.engine.summary import score_rows
from segkit.errors import UsageError
from segkit.planning.build import build_metrics
from segkit.planning.plan import Plan, make_plan

pytest.importorskip("segkit_folder", reason="readers are read by segkit-folder")
pytest.importorskip("segkit_metrics", reason="the tolerance is of segkit-metrics' nsd")

COMMON: dict[str, Any] = {"name": "odd", "factory": "a:b", "measure": "a:c", "summary": "Odd.", "from_readers": "a:d"}


@dataclass(frozen=True)
class Asking:
    """Params of a metric that may ask for the readers."""

    within: float | Literal["readers"] = segkit.param(1.0, "A length.")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Photographs of a square, in training drawn by three readers, each a pixel farther on; others by one."""
    root = tmp_path / "nodules"
    lines = ["id,split"]
    for number in range(6):
        split = ("train", "train", "train", "val", "test", "test")[number]
        lines.append(f"c{number},{split}")
        save(root / "images" / f"c{number}.png", np.full((40, 48, 3), 10 * number, np.uint8))
        for reader in range(3 if split == "train" else 1):
            mask = np.zeros((40, 48), np.uint8)
            mask[10:22, 10 + reader : 22 + reader] = 1
            save(root / "masks" / f"reader{reader + 1}" / f"c{number}.png", mask)
    (root / "splits.csv").write_text("\n".join(lines) + "\n")
    return root


def save(path: Path, pixels: np.ndarray) -> None:
    """Write a picture."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def plan_of(root: Path, **values: object) -> Plan:
    """Plan a run on the folder with the tolerance of readers."""
    chosen = {"components.arch": "unet", "components.data": "folder", "data.root": str(root)}
    chosen |= {
        "data.readers": "majority",
        "components.metrics": ("dice", "nsd"),
        "metric.nsd.tolerance": "readers",
        "data.size": (32, 32),
    }
    flags = {name.replace("__", "."): value for name, value in values.items()}
    return make_plan([Layer("flag", chosen | flags)], Registry.discover(), {})


@pytest.mark.parametrize("readers", ["majority", "random", "mean"])
def test_the_training_cases_tell_it(folder: Path, readers: str) -> None:
    """Of three readers on each of three images, whichever way they are trained on; the table says which and how many.

    Squares one and two pixels apart: the vertical edges of those two apart are at a distance of two pixels.
    """
    dice, nsd = build_metrics(plan_of(folder, data__readers=readers))
    assert dice.readers is None
    assert nsd.readers == FromReaders("train", 3, (9,))
    assert nsd.per_class == {"tolerance": (2.0,)}
    values = {"nsd": np.array([0.5])}
    row = CaseScores("a", None, np.array([3]), np.array([3]), values)
    [told] = score_rows([row], plan_of(folder).task, [nsd])
    assert told["name"].endswith("mode=edge, tolerance=2, of 9 pairs of readers of train cases)")
    assert told["from_readers"] == {"split": "train", "cases": 3, "pairs": [9]}


def test_the_first_split_that_has_readers_tells_it(folder: Path) -> None:
    """Where training cases have one reader each, those of the scored split may have several: never both."""
    path = folder / "splits.csv"
    path.write_text(path.read_text().replace("train", "x").replace("test", "train").replace("x", "test"))
    [_, nsd] = build_metrics(plan_of(folder))
    assert nsd.readers == FromReaders("test", 3, (9,))


def test_without_readers_it_is_refused(folder: Path) -> None:
    """One mask of each case, or folders that are classes."""
    for number in range(3):
        for reader in (2, 3):
            (folder / "masks" / f"reader{reader}" / f"c{number}.png").unlink()
    (folder / "masks" / "reader2" / "c3.png").write_bytes((folder / "masks/reader1/c3.png").read_bytes())
    (folder / "masks" / "reader1" / "c3.png").unlink()
    with pytest.raises(UsageError, match=r"metric\.nsd\.tolerance=readers: no case of folder was drawn by several"):
        build_metrics(plan_of(folder))
    with pytest.raises(UsageError, match=r"no case of folder was drawn by several readers"):
        build_metrics(plan_of(folder, data__readers="none"))


def test_a_class_that_no_two_readers_drew_is_named(folder: Path) -> None:
    """There is no distance to take a tolerance from."""
    path = folder / "masks" / "reader1" / "c0.png"
    pixels = np.array(Image.open(path))
    pixels[30:34, 30:34] = 2
    Image.fromarray(pixels).save(path)
    (folder / "classes.toml").write_text("[classes]\nnodule = 1\ncyst = 2\n")
    with pytest.raises(UsageError, match=r"in the train split no two readers both drew cyst"):
        build_metrics(plan_of(folder))


def test_a_declaration_needs_a_param_that_can_ask() -> None:
    """Said to the author when it is made."""
    assert Metric(**COMMON, params=Asking).from_readers == "a:d"
    with pytest.raises(ValueError, match="from_readers needs a param that may be 'readers'"):
        Metric(**COMMON)
    with pytest.raises(ValueError, match="from_readers is given labels of single cases"):
        Metric(**COMMON, params=Asking, needs="probabilities")


def test_images_are_counted_not_drawings(folder: Path) -> None:
    """A run's first line says both where they differ."""
    cases = {readers: plan_of(folder, data__readers=readers).cases for readers in ("majority", "random")}
    assert [counted(cases[readers]["train"]) for readers in cases] == ["3", "3 in 9 drawings"]
    assert counted(cases["random"]["test"]) == "2"
