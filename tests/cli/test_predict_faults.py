"""`segkit predict` where things go wrong: bad files of every kind, two at once, stopped and begun again."""

from __future__ import annotations

import csv
import json
import os
import stat
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from PIL import Image

from segkit.cli import main
from segkit.engine.ensemble import Ensemble
from segkit.engine.memory import check_memory, out_of_memory
from segkit.engine.plane_labels import plane_labels
from segkit.errors import SegkitError
from segkit.files import alone_in
from segkit.jobs.predict import files
from segkit.jobs.predict.inputs import LONGEST, Input, names
from segkit.jobs.predict.outputs import ProbabilityFile

RANDOM = np.random.default_rng(0)


def predict(*args: str) -> Result:
    """Call `segkit predict ARGS --device cpu` in this process."""
    return CliRunner().invoke(main, ["predict", *args, "--device", "cpu"])


def save(path: str | Path, height: int = 20, width: int = 24) -> None:
    """Write a noisy picture."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(RANDOM.integers(0, 256, (height, width, 3), dtype=np.uint8)).save(path)


@pytest.fixture
def images(toy_run: Path) -> Path:
    """A folder of four pictures, beside a run."""
    for name in "abcd":
        save(f"images/{name}.png")
    return Path("images")


def masks() -> set[str]:
    return {path.name for path in Path("out").glob("*.png")}


def test_files_of_every_kind_cost_the_others_nothing(images: Path) -> None:
    """Pipes, devices, folders, links, names that no file system or encoding takes: a sentence each, or a result."""
    os.mkfifo("images/pipe.png")
    Path("images/folder.png").mkdir()
    Path("images/gone.png").symlink_to("nowhere.png")
    save("images/" + "n" * 251 + ".png")
    save("images/" + os.fsdecode(b"latin-\xe9.png"))
    save("images/tab\tand\nline.png")
    result = predict("run", "images", "-o", "out", "--overlays", "--probabilities", "--json")
    assert result.exit_code == 0, result.output
    assert len(json.loads(result.stdout)["files"]) == 7
    assert (
        len(masks()) == len(list(Path("out/overlays").iterdir())) == len(list(Path("out/probabilities").iterdir())) == 7
    )
    assert all(len(os.fsencode(name)) <= 255 and name.isprintable() for name in masks())
    assert len(list(csv.DictReader(Path("out/sizes.csv").read_text(encoding="utf-8").splitlines()))) == 7

    named = predict("run", "images/a.png", "images/pipe.png", "/dev/zero", "-o", "named", "--json")
    assert named.exit_code == 1
    record = json.loads(named.stdout)
    assert [part["input"] for part in record["files"]] == ["a.png"]
    assert all("is a pipe or a device, not a file" in part["reason"] for part in record["failed"])
    assert len(record["failed"]) == 2


def test_names_are_cut_and_stay_apart() -> None:
    """Names that differ only behind the cut differ; the same name is cut the same way; no character is halved."""
    long = [Path("x" * 240 + end + ".png") for end in ("a", "b")] + [Path("é" * 125 + ".png"), Path("short.png")]
    found = names(long, (".png",), [None] * 4)
    assert len(set(found)) == 4
    assert found == names(long, (".png",), [None] * 4)
    assert all(len(name.encode()) <= LONGEST for name in found)
    assert found[3] == "short"


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory"),
        torch.OutOfMemoryError("CUDA out of memory."),
        ZeroDivisionError("of a stranger's network"),
        SegkitError("the network gives logits that are NaN or infinite", "train it again"),
    ],
)
def test_whatever_one_image_raises_the_others_are_predicted(images, monkeypatch, error: Exception) -> None:
    """Memory, a network's fault, logits that are no numbers: one line with the file, the rest whole, exit code 1."""
    real, calls = Ensemble.labels, iter(range(100))

    def labels(self: Ensemble, *args: object) -> np.ndarray:
        if next(calls) == 1:
            raise error
        return real(self, *args)

    monkeypatch.setattr(Ensemble, "labels", labels)
    result = predict("run", "images", "-o", "out", "--json", "--workers", "0")
    assert result.exit_code == 1
    record = json.loads(result.stdout)
    assert masks() == {"a.png", "c.png", "d.png"}
    (failed,) = record["failed"]
    assert failed["input"] == "b.png"
    assert failed["reason"].startswith("b.png")
    assert ("does not fit into memory" in failed["reason"]) == out_of_memory(error)
    assert "1 of 4 files could not be predicted" in result.stderr


def test_infinite_logits_are_no_background(images, toy_run: Path) -> None:
    """Weights that are finite and give infinite logits: every file is named, nothing is written for it."""
    from segkit.engine.sealed import read_sealed, write_sealed

    weights, header = read_sealed(toy_run / "model.safetensors", "segkit")
    huge = {name: value * 1e38 if value.is_floating_point() else value for name, value in weights.items()}
    write_sealed(toy_run / "model.safetensors", "segkit", header, huge)
    result = predict("run", "images", "-o", "out", "--json")
    assert result.exit_code == 1
    record = json.loads(result.stdout)
    assert record["files"] == []
    assert [part["input"] for part in record["failed"]] == ["a.png", "b.png", "c.png", "d.png"]
    assert all("logits that are NaN or infinite" in part["reason"] for part in record["failed"])


def test_two_at_once_are_told_apart(images: Path) -> None:
    """Who comes second into a folder gets a sentence; nothing of the first is touched, and no lock is left."""
    Path("out").mkdir()
    with alone_in(Path("out"), "predicting into"):
        second = predict("run", "images", "-o", "out")
    assert second.exit_code == 1
    assert "another segkit is predicting into out; wait until it has ended" in second.stderr
    assert list(Path("out").iterdir()) == []
    assert predict("run", "images", "-o", "out").exit_code == 0


@pytest.mark.parametrize("killed", [False, True])
def test_what_was_stopped_goes_on_without_force(images, monkeypatch, killed: bool) -> None:
    """After Ctrl-C and after a kill the same command replaces its own, and only its own; the end is the same."""
    assert predict("run", "images", "-o", "whole").exit_code == 0
    real = files.write_mask
    with monkeypatch.context() as patched:

        def stopping(folder: Path, item: Input, *rest: object) -> Path:
            if item.name == "c":
                if killed:  # nothing more is written by a process that is killed
                    patched.setattr(files, "write_sizes", lambda *_: None)
                    patched.setattr(files, "write_json", lambda *_: None)
                raise KeyboardInterrupt
            return real(folder, item, *rest)

        patched.setattr(files, "write_mask", stopping)
        stopped = predict("run", "images", "-o", "out", "--workers", "0")
    assert stopped.exit_code == 130
    assert "interrupted: stopped by Ctrl-C" in stopped.stderr
    assert masks() == {"a.png", "b.png"}

    # Meanwhile nobody takes its label maps for photographs, and what it did not mean to write is not its own.
    assert "2 files that segkit wrote" in predict("run", "out/*.png", "images", "-o", "other").stderr
    Path("out/e.png").write_bytes(b"mine")
    save("images/e.png")
    refused = predict("run", "images", "-o", "out")
    assert refused.exit_code == 1
    assert "out/e.png exists already" in refused.stderr
    assert Path("out/e.png").read_bytes() == b"mine"
    for name in ("out/e.png", "images/e.png"):
        Path(name).unlink()

    assert predict("run", "images", "-o", "out").exit_code == 0
    for file in Path("whole").iterdir():
        assert Path("out", file.name).read_bytes() == file.read_bytes()
    assert predict("run", "images", "-o", "out").exit_code == 1


def test_label_maps_of_earlier_predictions_stay_known(images: Path) -> None:
    """Replaced by force, a record still tells which files beside the new ones are predictions."""
    assert predict("run", "images/a.png", "-o", "out").exit_code == 0
    assert predict("run", "images/b.png", "-o", "out", "--force").exit_code == 0
    record = json.loads(Path("out/prediction.json").read_text())
    assert record["earlier"] == [{"mask": "a.png", "name": "a"}]
    found = predict("run", "out/*.png", "images", "-o", "again")
    assert "that segkit wrote" in found.stderr
    assert len(list(Path("again").glob("*.png"))) == 4


def test_a_full_disk_ends_the_batch_with_a_sentence(images, monkeypatch) -> None:
    """Space for probabilities is taken before they are written: no signal kills the process, no part is left."""

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full, raising=False)
    result = predict("run", "images", "-o", "out", "--probabilities")
    assert result.exit_code == 1
    assert "cannot write a.npy: No space left on device; free some space" in result.stderr
    assert list(Path("out/probabilities").iterdir()) == []


def test_probabilities_have_their_space(tmp_path: Path) -> None:
    """A file of zeros takes as many blocks as it will need."""
    file = ProbabilityFile(tmp_path / "p" / "x.npy", 3, (100, 100))
    assert stat.S_ISREG(file.part.stat().st_mode)
    assert file.part.stat().st_blocks * 512 >= 3 * 100 * 100 * 2
    file.drop()


def test_a_case_that_cannot_fit_is_refused_before_memory_is_taken() -> None:
    """A petabyte is a sentence with what is needed and what is free; what is small is not asked about."""
    check_memory(1000, (10, 10))
    with pytest.raises(SegkitError, match=r"an image of 1 x 80000000 does not fit into memory: about 1e\+03 TB"):
        check_memory(10**15, (1, 80_000_000))


@pytest.mark.parametrize("shape", [(1, 200_000), (200_000, 1), (3, 50_000), (50_000, 3)])
def test_narrow_pictures_are_decoded_as_others(shape: tuple[int, int]) -> None:
    """However many rows are looked at together, the labels are those of an interpolation of all."""
    scores = torch.from_numpy(RANDOM.normal(size=(3, 16, 16)).astype(np.float32))
    full = torch.nn.functional.interpolate(scores[None], size=shape, mode="bilinear", align_corners=False)[0]
    # Rounding may turn a tie of two classes.
    assert np.mean(plane_labels(scores, shape) != full.argmax(0).numpy()) < 1e-4


def test_a_file_and_a_link_to_it_are_one_image_under_the_file_s_name(images) -> None:
    """Whichever comes first; an attack by names found the file's own name gone."""
    first = min(Path("images").iterdir())
    Path("images/0-link.png").symlink_to(first.name)
    result = predict("run", "images", "-o", "out", "--workers", "0")
    assert result.exit_code == 0, result.output
    assert Path("out", first.with_suffix(".png").name).is_file()
    assert not Path("out/0-link.png").exists()
