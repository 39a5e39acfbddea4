"""The Python interface: models from runs and checkpoints, images as arrays and files, and what a notebook shows."""

import inspect
import re
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import segkit
from segkit import SegkitError, UsageError
from segkit.engine.ensemble import Ensemble
from segkit.engine.sealed import read_sealed, write_sealed
from segkit.jobs.run import RunResult

RANDOM = np.random.default_rng(0)


def test_importing_it_is_light() -> None:
    """`import segkit` and listing components load neither torch nor numpy."""
    code = "import sys, segkit; segkit.components(); sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_run_and_its_checkpoint_are_the_same_model(toy_run) -> None:
    """Loaded either way, it predicts what the run predicted, of arrays and of files, at the image's own size."""
    models = [segkit.load("run"), segkit.load(Path("run/model.safetensors"), device="cpu")]
    image = RANDOM.integers(0, 256, (3, 33, 41), dtype=np.uint8)
    Image.fromarray(image.transpose(1, 2, 0)).save("image.png")
    first = models[0].predict(image)
    assert (first.shape, first.dtype) == ((33, 41), np.uint8)
    for model in models:
        np.testing.assert_array_equal(model.predict(image), first)
        np.testing.assert_array_equal(model.predict("image.png"), first)
        np.testing.assert_array_equal(model.predict(Path("image.png")), first)


def test_floats_are_taken_as_shares(toy_run) -> None:
    """An image in 0 to 1 as float32 gives what it gives as uint8."""
    model = segkit.load("run")
    image = RANDOM.integers(0, 256, (3, 24, 32), dtype=np.uint8)
    np.testing.assert_array_equal(model.predict(image), model.predict((image / 255).astype(np.float32)))


@pytest.mark.parametrize(
    ("image", "said"),
    [
        (np.zeros((24, 32, 3), np.uint8), "channels first"),
        (np.zeros((3, 24, 32)), "float64 is none of uint8, int16, float32"),
        (np.full((3, 24, 32), np.nan, np.float32), "2304 values of the image are NaN or infinite"),
        (np.zeros((3, 0, 32), np.uint8), "is empty"),
        ("nowhere.png", "nowhere.png does not exist"),
    ],
)
def test_what_is_no_image_is_a_sentence(toy_run, image, said: str) -> None:
    """Axes, type, NaN, emptiness and missing files."""
    with pytest.raises(segkit.SegkitError, match=said):
        segkit.load("run").predict(image)


def test_a_run_s_postprocessing_is_part_of_its_model(toy_run) -> None:
    """What was done to label maps before they were scored is done to every prediction."""
    weights, header = read_sealed(Path("run/model.safetensors"), "segkit")
    image = RANDOM.integers(0, 90, (3, 60, 60), dtype=np.uint8)
    image[0, 10:30, 20:40] += 140
    before = segkit.load("run").predict(image)
    assert before.any()
    header["postprocess"] = {"minimum_size": 10_000}
    write_sealed(Path("run/model.safetensors"), "segkit", header, weights)
    assert not segkit.load("run").predict(image).any()


def test_weights_that_are_no_numbers_are_refused(toy_run) -> None:
    """A network that diverged would predict nothing everywhere, without a word."""
    weights, header = read_sealed(Path("run/model.safetensors"), "segkit")
    weights["0.bias"][0] = float("nan")
    write_sealed(Path("run/model.safetensors"), "segkit", header, weights)
    with pytest.raises(segkit.SegkitError, match=r"weights that are NaN or infinite: 0\.bias"):
        segkit.load("run")


@pytest.mark.parametrize("postprocess", [{"fill_hole": ["all"]}, {"fill_holes": ["mole"]}, ["all"]])
def test_a_damaged_header_is_a_sentence(toy_run, postprocess) -> None:
    """Post-processing that this version or model does not know."""
    weights, header = read_sealed(Path("run/model.safetensors"), "segkit")
    header["postprocess"] = postprocess
    write_sealed(Path("run/model.safetensors"), "segkit", header, weights)
    with pytest.raises(segkit.SegkitError):
        segkit.load("run")


def test_a_notebook_shows_scores_and_says_what_they_are(toy_run) -> None:
    """Model and run: scores with intervals, the generated sample marked, names from outside escaped."""
    import json

    model = segkit.load("run")
    summary = json.loads(Path("run/summary.json").read_text())
    summary["name"] = "<script>alert(1)</script>"
    for page in (model._repr_html_(), RunResult(Path("run"), summary)._repr_html_()):
        assert f"{summary['scores'][0]['mean']:.3f}" in page
        assert "Generated sample" in page
        assert "not for diagnosis" in page
        assert "<script>" not in page
    only_trained = RunResult(Path("run"), {})._repr_html_()
    assert "<td>" not in only_trained
    assert "header" not in repr(model)


def test_components_are_short_in_words(toy_run) -> None:
    """A list of them is readable: kind, full name and version, nothing else."""
    shown = [repr(found) for found in segkit.components("arch")]
    assert shown
    assert all(re.fullmatch(r"<arch [a-z-]+:[a-z-]+ \S+>", one) for one in shown)


def test_threads_take_turns_at_the_network(toy_run) -> None:
    """Eight threads that predict and explain at once, with evidence or without, get what one gets alone.

    Models made of one another share their network, and so does an ensemble of them.
    """
    model = segkit.load("run", device="cpu")
    also = model.adjusted(mirror=True)
    both = Ensemble((model.predictor, also.predictor))
    images = [RANDOM.integers(0, 256, (3, 24 + number, 32), dtype=np.uint8) for number in range(4)]

    def call(number: int) -> np.ndarray:
        image = images[number % 4]
        if number % 6 == 3:
            return both.labels(image, image.shape[1:])
        if number % 3 == 0:
            return (model, also)[number // 6 % 2].predict(image)
        found = (model, also)[number % 2].explain(image, "glow", "all:class-1", evidence=number % 3 == 1)
        return np.append(found.heat.ravel(), found.target_score)

    expected = [call(number) for number in range(12)]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(call, list(range(12)) * 8))
    for number, one in enumerate(found):
        np.testing.assert_array_equal(one, expected[number % 12])
    assert not any(module._forward_hooks for module in model.predictor.model.modules())
    assert all(isinstance(weight, torch.nn.Parameter) for weight in model.predictor.model.parameters())


def test_threads_that_are_the_first_to_ask(toy_run) -> None:
    """Eight threads that load a model, its plugins not imported yet, and use it at once, all get the same."""
    image = RANDOM.integers(0, 256, (3, 24, 32), dtype=np.uint8)
    start = threading.Barrier(8)

    def call(_: int) -> np.ndarray:
        start.wait()
        model = segkit.load("run", device="cpu")
        return np.append(model.predict(image).ravel(), model.explain(image, "glow", "all:class-1").heat.ravel())

    with ThreadPoolExecutor(8) as pool:
        first, *others = pool.map(call, range(8))
    for one in others:
        np.testing.assert_array_equal(one, first)


def test_the_job_as_functions(toy_run, capsys) -> None:
    """A run, scores of another split and a comparison are what the commands write; lines tell how it goes."""
    given = {
        "arch": "net",
        "data": "squares",
        "epochs": 1,
        "settings": {"data.cases": 4, "components.explainers": "none"},
    }
    first = segkit.run(**given, seed=0, output="one")
    assert "epoch 1/1" in capsys.readouterr().err
    second = segkit.run(**given, seed=1, output="two", progress=False)
    assert capsys.readouterr().err == ""
    scored = segkit.evaluate(first.folder, split="val", output="scores", progress=False)
    assert scored.summary["split"] == "val"
    assert (Path("scores") / "summary.json").is_file()
    with pytest.raises(SegkitError, match="scores already holds something"):
        segkit.evaluate(first.folder, split="val", output="scores", progress=False)
    result = segkit.compare([first, second.folder], name="both", progress=False)
    assert result.report.is_file()
    assert [model["seeds"] for model in result.record["models"]] == [[0], [1]]
    with pytest.raises(UsageError):
        segkit.compare([first], progress=False)


def test_a_graph_from_python(toy_run) -> None:
    """Checked on what is named; a second one is refused unless it shall replace the first."""
    Image.fromarray(RANDOM.integers(0, 255, (24, 32, 3), dtype=np.uint8)).save("photo.png")
    written = segkit.export(toy_run, to="torch-export", images=["photo.png"], progress=False)
    assert Path(written["file"]).is_file()
    assert written["checked"]["images"] == 1
    with pytest.raises(SegkitError, match="exists already"):
        segkit.export(toy_run, to="torch-export", images=["photo.png"], progress=False)
    segkit.export(toy_run, to="torch-export", images=["photo.png"], force=True, progress=False)
    with pytest.raises(UsageError, match="no such format"):
        segkit.export(toy_run, to="onyx", progress=False)


def test_every_function_says_what_it_takes_and_gives() -> None:
    """Each public function has types for all it takes and returns, and says what it raises."""
    for name in ("run", "compare", "evaluate", "export", "load", "components"):
        function = getattr(segkit, name)
        signature = inspect.signature(function)
        assert signature.return_annotation is not inspect.Signature.empty
        assert all(parameter.annotation is not inspect.Parameter.empty for parameter in signature.parameters.values())
        assert name == "components" or "Raises:" in function.__doc__
