"""Labels that cannot be meant: unions, annotation, several readers, what is ignored (issue 22)."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from segkit.cli import main

SMALL = ("--set", "arch.width=1", "--set", "arch.depth=1", "--size", "16", "--epochs", "1", "--device", "cpu")
SMALL += ("--explain", "none")
SIZE = (30, 40)


def save(path: Path, pixels: np.ndarray) -> None:
    """Write a picture."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def draw(root: Path, folders: tuple[str, ...] = ("",), values: int = 1) -> Path:
    """Write six photographs and in each folder of masks a box, with further values beside each other in it."""
    lines = ["id,split"]
    for number in range(6):
        save(root / "images" / f"c{number}.png", np.random.default_rng(number).integers(0, 255, (*SIZE, 3), np.uint8))
        for moved, folder in enumerate(folders):
            mask = np.zeros(SIZE, np.uint8)
            for value in range(1, values + 1):
                mask[8:20, 2 + 5 * value + moved : 7 + 5 * value + moved] = value
            save(root / "masks" / folder / f"c{number}.png", mask)
        lines.append(f"c{number},{('train', 'train', 'train', 'val', 'test', 'test')[number]}")
    (root / "splits.csv").write_text("\n".join(lines) + "\n")
    return root


def sentence(result: Result) -> str:
    """What a command that failed said last, on one line."""
    assert result.exit_code == 1, result.output + repr(result.exception)
    assert "Traceback" not in result.output
    return " ".join(result.stderr.split("error: ")[-1].split())


def verified(root: Path, *args: str) -> str:
    """What `segkit data verify` says is wrong."""
    done = CliRunner().invoke(main, ["data", "verify", "folder", "--data-root", str(root), *args])
    assert done.exit_code == 1, done.output
    return " ".join(done.output.split())


def test_a_union_of_a_value_that_no_mask_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Told by verify with the file that names it."""
    monkeypatch.setenv("SEGKIT_CACHE", str(tmp_path / "cache"))
    root = draw(tmp_path / "data", values=2)
    (root / "classes.toml").write_text("[classes]\nwhole = [1, 2, 9]\ncore = [2, 9]\n")
    told = verified(root)
    assert "classes.toml makes class whole of value 9, which no mask holds" in told
    assert "classes.toml makes class core of value 9, which no mask holds" in told


@pytest.mark.parametrize(
    ("file", "text", "told"),
    [
        ("classes.toml", "[classes]\nwhole = [1, 2]\ncore = []\n", "classes.toml: class core is made of no value"),
        (
            "dataset.json",
            json.dumps({"labels": {"background": 0, "whole": [1, 2], "core": []}}),
            "dataset.json: class core is made of no value",
        ),
    ],
)
def test_a_class_that_is_empty_as_defined(
    tmp_path: Path, bare_run: Callable[..., Result], file: str, text: str, told: str
) -> None:
    """Before anything is read, whoever says it."""
    root = draw(tmp_path / "data", values=2)
    (root / file).write_text(text)
    assert told in sentence(bare_run("folder", root, *SMALL))


@pytest.mark.parametrize("overlapping", ["true", "false"])
def test_contradictory_annotation(tmp_path: Path, bare_run: Callable[..., Result], overlapping: str) -> None:
    """A class marked where the table says that nobody looked: refused with file and class, and told by verify."""
    root = draw(tmp_path / "data", ("liver",))
    for number in range(6):
        mask = np.zeros(SIZE, np.uint8)
        mask[22:26, 2:9] = 1
        save(root / "masks" / "spleen" / f"c{number}.png", mask)
    lines = (root / "splits.csv").read_text().splitlines()
    table = [f"{lines[0]},annotated", f"{lines[1]},liver", *(f"{line}," for line in lines[2:])]
    (root / "splits.csv").write_text("\n".join(table) + "\n")
    said = ("--set", f"data.overlapping={overlapping}")
    told = "the mask has 28 pixels of class spleen, for which the case says it was not annotated"
    found = sentence(bare_run("folder", root, *SMALL, *said))
    assert f"case c0 (c0.png): {told}; say that the case was annotated for the class" in found
    assert told in verified(root, *said)
    (root / "splits.csv").write_text("\n".join(table).replace(",liver", ",lever") + "\n")
    assert "c0 was annotated for 'lever' (did you mean 'liver'?)" in sentence(bare_run("folder", root, *SMALL, *said))


def test_ignored_over_everything(tmp_path: Path, bare_run: Callable[..., Result]) -> None:
    """There is nothing to learn, and the sentence names what says so; one such case has no score, and verify tells."""
    root = draw(tmp_path / "data")
    for number in range(6):
        save(root / "ignore" / f"c{number}.png", np.full(SIZE, 255 if number < 3 else 0, np.uint8))
    said = ("--set", "data.ignore=ignore")
    found = sentence(bare_run("folder", root, *SMALL, *said))
    assert "every pixel of the 3 training masks is ignored: there is nothing to learn" in found
    assert "data.ignore" in found
    for number in range(6):
        save(root / "ignore" / f"c{number}.png", np.full(SIZE, 255 if number == 4 else 0, np.uint8))
    assert "masks/c4.png has nothing but ignored pixels" in verified(root, *said)
    done = bare_run("folder", root, *SMALL, *said, "--output", "here", "--json")
    assert done.exit_code == 0, done.output
    [dice] = [row for row in json.loads(done.stdout)["scores"] if row["metric"] == "dice"]
    assert (dice["n"], dice["n_cases"], dice["n_empty"]) == (1, 2, 1)


@pytest.mark.parametrize("readers", ["majority", "random", "mean"])
def test_readers_with_other_sizes(tmp_path: Path, bare_run: Callable[..., Result], readers: str) -> None:
    """The mask and both sizes are named, whichever way they are trained on; verify tells it too."""
    root = draw(tmp_path / "data", ("one", "two"))
    save(root / "masks" / "two" / "c1.png", np.ones((30, 39), np.uint8))
    said = ("--set", f"data.readers={readers}")
    told = "masks/two/c1.png has 30x39 pixels, its image images/c1.png 30x40"
    assert told in sentence(bare_run("folder", root, *SMALL, *said))
    assert told in verified(root, *said)


def test_a_tolerance_of_readers_with_other_sizes(tmp_path: Path, bare_run: Callable[..., Result]) -> None:
    """And one where nobody but one drew anything: before the first epoch."""
    root = draw(tmp_path / "data", ("one", "two"))
    save(root / "masks" / "two" / "c1.png", np.ones((30, 39), np.uint8))
    said = ("--set", "data.readers=majority", "--metric", "dice", "--metric", "nsd")
    said += ("--set", "metric.nsd.tolerance=readers")
    assert "masks/two/c1.png has 30x39 pixels" in sentence(bare_run("folder", root, *SMALL, *said))
    for number in range(6):
        (root / "masks" / "two" / f"c{number}.png").unlink()
    save(root / "masks" / "two" / "c5.png", np.zeros(SIZE, np.uint8))
    done = bare_run("folder", root, *SMALL, *said)
    assert done.exit_code == 2
    assert "in the test split no two readers both drew" in " ".join(done.output.split())


def test_a_model_of_exclusive_classes_on_overlapping_ones(tmp_path: Path, bare_run: Callable[..., Result]) -> None:
    """And the other way round: refused in words."""
    root = draw(tmp_path / "data", ("liver",))
    for number in range(6):
        mask = np.zeros(SIZE, np.uint8)
        mask[22:26, 2:9] = 1
        save(root / "masks" / "spleen" / f"c{number}.png", mask)
    for name, overlapping in (("exclusive", "false"), ("both", "true")):
        done = bare_run("folder", root, *SMALL, "--set", f"data.overlapping={overlapping}", "--output", name)
        assert done.exit_code == 0, done.output
    kinds = {"exclusive": "classes that exclude each other", "both": "classes that overlap"}
    for name, other, overlapping in (("exclusive", "both", "true"), ("both", "exclusive", "false")):
        refused = CliRunner().invoke(main, ["evaluate", name, "--set", f"data.overlapping={overlapping}"])
        assert refused.exit_code == 2, refused.output
        said = " ".join(refused.output.split())
        assert f"dataset folder has {kinds[other]}, the model {kinds[name]}" in said
