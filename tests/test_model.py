"""A checkpoint alone rebuilds and applies the model; what cannot be rebuilt is a sentence."""

import io
import itertools
import json
from dataclasses import dataclass, make_dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import safe_open

from segkit import Architecture, Task, param
from segkit.config import Layer
from segkit.discovery import Registry
from segkit.engine.predictions import read_prediction
from segkit.engine.progress import Progress
from segkit.engine.sealed import read_sealed, write_sealed
from segkit.errors import SegkitError, UsageError
from segkit.jobs.run import run_job
from segkit.model import load_model
from segkit.planning.plan import make_plan
from segkit.planning.rebuilt import build_network
from segkit.rundir.write import without_folders


@pytest.fixture
def run(toy_registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A finished run of the toy job."""
    monkeypatch.setattr("segkit.jobs.run.write_report", lambda *_, **__: None)
    values = {"components.arch": "net", "components.data": "squares", "run.device": "cpu", "evaluate.mirror": True}
    run_job(make_plan([Layer("flag", values)], toy_registry, {}), tmp_path / "run", Progress())
    return tmp_path / "run"


def rewrite(path: Path, change) -> None:
    """Change the header of a checkpoint."""
    with safe_open(path, framework="pt") as stream:
        header = json.loads(stream.metadata()["segkit"])
        weights = {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118
    change(header, weights)
    del header["sha256"]
    write_sealed(path, "segkit", header, weights)


def test_one_file_predicts_what_the_run_predicted(toy_registry: Registry, run: Path, tmp_path: Path) -> None:
    """Copied alone elsewhere, the checkpoint gives the run's own label maps."""
    copy = tmp_path / "elsewhere.safetensors"
    copy.write_bytes((run / "model.safetensors").read_bytes())
    model = load_model(copy, "cpu", toy_registry)
    assert model.task.classes == ("class-1",)
    (root,) = (tmp_path / "cache" / "samples").glob("squares-*/")
    for path in sorted((run / "predictions").iterdir()):
        image = np.load(root / "test" / f"{path.stem}.npy")[:3]
        with Image.open(path) as expected:
            assert np.array_equal(model.predict(image), np.asarray(expected))


@pytest.mark.parametrize("mode", ["slab", "patches"])
def test_one_file_predicts_volumes_as_the_run_did(toy_registry: Registry, tmp_path: Path, monkeypatch, mode) -> None:
    """Mode, slab, spacing, overlap and the case's own normalisation come from the header."""
    monkeypatch.setattr("segkit.jobs.run.write_report", lambda *_, **__: None)
    values = {"components.arch": "solid", "components.data": "blocks", "run.device": "cpu", "train.epochs": 1}
    values |= {"data.mode": mode, "data.slab": 3, "evaluate.overlap": 0.7, "evaluate.mirror": True}
    plan = make_plan([Layer("flag", values)], toy_registry, {})
    run_job(plan, tmp_path / "run", Progress())
    model = load_model(tmp_path / "run" / "model.safetensors", "cpu", toy_registry)
    (case, *_) = plan.cases[plan.split]
    sample = plan.reader.read(case)
    found = model.predict(sample.image, sample.spacing)
    assert np.array_equal(found, read_prediction(plan.reader, tmp_path / "run" / "predictions", case))


def test_header_says_what_the_model_is(toy_registry: Registry, run: Path) -> None:
    """Components with version and params, task, preprocessing, data, scores."""
    header = load_model(run / "model.safetensors", "cpu", toy_registry).header
    arch = header["components"][0]
    assert (arch["name"], arch["version"], arch["params"]["width"]) == ("segkit-toy:net", "1.0", 6)
    assert set(header["data"]) == {"train", "val"}
    assert header["scores"]["split"] == "test"
    summary = json.loads((run / "summary.json").read_text())
    assert header["scores"]["rows"] == summary["scores"]


def test_an_image_of_another_form_is_refused(toy_registry: Registry, run: Path) -> None:
    """Channels last is a usage error that says what to do."""
    model = load_model(run / "model.safetensors", "cpu", toy_registry)
    with pytest.raises(UsageError, match="channels first"):
        model.predict(np.zeros((20, 20, 3), np.uint8))


def test_what_mattered_at_the_start_is_not_done_again() -> None:
    """First weights are loaded once: a model that is rebuilt takes the default, and other params as they were."""

    @dataclass(frozen=True)
    class Params:
        width: int = param(2, "Channels.")
        weights: Path | None = param(None, "First weights.", start=True)

    architecture = Architecture(name="net", factory="gone:net", summary="A net.", params=Params)
    found = SimpleNamespace(component=architecture, load=lambda: None, network=lambda task, params, size: params)
    settings = {"width": 6, "weights": "gone.safetensors"}
    assert build_network(Path("m"), found, Task(1, ("a",)), settings, "1.0", {}, (8, 8)) == Params(width=6)


def test_header_holds_no_folder() -> None:
    """Of a param that is a path, the checkpoint says the file's name."""
    params = make_dataclass("Params", [("file", Path), ("width", int)], frozen=True)(Path("a/b/c.txt"), 3)
    assert without_folders(params) == {"file": "c.txt", "width": 3}


def rename_arch(header, weights) -> None:
    header["components"][0]["name"] = "segkit-gone:net"


def hostile_arch(header, weights) -> None:
    header["components"][0]["name"] = "evil; rm -rf ~ #:net"


def hostile_index(header, weights) -> None:
    header["components"][0] |= {"name": "segkit-gone:net", "version": "1.0 --index-url http://evil"}


def huge_param(header, weights) -> None:
    header["components"][0]["params"] = {"width": 2_000_000_000}


def huge_task(header, weights) -> None:
    header["task"] |= {"in_channels": 65_535, "classes": [f"c{number}" for number in range(60_000)]}


def other_axes(header, weights) -> None:
    header["preprocessing"]["size"] = [4, 4, 4]


def other_channels(header, weights) -> None:
    header["preprocessing"]["normalization"] = {"kind": "fixed", "mean": [0, 0], "std": [1, 1]}


def no_deviation(header, weights) -> None:
    header["preprocessing"]["normalization"] = {"kind": "fixed", "mean": [0, 0, 0], "std": [1, 0, 1]}


def rename_param(header, weights) -> None:
    header["components"][0]["params"] = {"breadth": 6}


def widen(header, weights) -> None:
    header["components"][0]["params"] = {"width": 7}


def drop_task(header, weights) -> None:
    del header["task"]


def newer(header, weights) -> None:
    header["format"] = 99


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (rename_arch, r"needs segkit-gone:net 1\.0.*the file says that pip install 'segkit-gone==1\.0' brings it"),
        (hostile_arch, r"; ask who made the file which plugin it needs$"),
        (hostile_index, r"; ask who made the file which plugin it needs$"),
        (huge_param, r"model\.safetensors"),
        (huge_task, r"does not fit segkit-toy:net"),
        (other_axes, r"its header is damaged.*size of 3 axes"),
        (other_channels, r"its header is damaged.*normalization of 2 channels for 3"),
        (no_deviation, r"normalization 'fixed' has numbers that do not fit"),
        (rename_param, r"written for segkit-toy:net 1\.0.*no param 'breadth'"),
        (widen, r"does not fit segkit-toy:net: 3 tensors differ: 0\.bias is \(6,\), expected \(7,\)"),
        (drop_task, "its header is damaged"),
        (newer, "format 99.*upgrade segkit-core"),
    ],
)
def test_what_cannot_be_rebuilt_is_a_sentence(toy_registry: Registry, run: Path, change, said: str) -> None:
    """A missing plugin, a changed param, other weights, a damaged header and a newer format are named."""
    rewrite(run / "model.safetensors", change)
    with pytest.raises(SegkitError, match=said):
        load_model(run / "model.safetensors", "cpu", toy_registry)


@pytest.mark.parametrize(("flip", "mirrored"), [("0,0.5", ["width"]), ("0.5", ["height", "width"]), ("0", [])])
def test_copies_are_mirrored_as_in_training(
    toy_registry: Registry, tmp_path: Path, monkeypatch, flip, mirrored
) -> None:
    """The checkpoint says along which axes; by hand the mean over those copies is the same; none is refused."""
    monkeypatch.setattr("segkit.jobs.run.write_report", lambda *_, **__: None)
    values = {"components.arch": "net", "components.data": "squares", "run.device": "cpu", "train.epochs": 1}
    values |= {"augment.flip": flip, "augment.transpose": 0, "data.cases": 4}
    plan = make_plan([Layer("flag", values)], toy_registry, {})
    run_job(plan, tmp_path / "run", Progress())
    file = tmp_path / "run" / "model.safetensors"
    model = load_model(file, "cpu", toy_registry)
    assert model.header["preprocessing"]["mirrored"] == mirrored
    image = np.random.default_rng(0).integers(0, 256, (model.image_channels, 30, 40), dtype=np.uint8)
    if mirrored:
        both = model.adjusted(mirror=True).predictor
        axes = {"height": -2, "width": -1}
        subsets = [s for n in range(3) for s in itertools.combinations([axes[name] for name in mirrored], n)]
        (_, found), *_ = both.probabilities(image)
        copies = [next(iter(model.predictor.probabilities(np.flip(image, s).copy())))[1].flip(s) for s in subsets]
        assert torch.allclose(found, torch.stack(copies).mean(0), atol=2e-2)
        assert len(subsets) == 2 ** len(mirrored)
    else:
        with pytest.raises(UsageError, match="trained without mirroring"):
            model.adjusted(mirror=True)
    # An older checkpoint tells it by its record of training.
    weights, header = read_sealed(file, "segkit")
    del header["preprocessing"]["mirrored"]
    write_sealed(file, "segkit", header, weights)
    assert list(load_model(file, "cpu", toy_registry).predictor.mirrored) == mirrored


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"augment.flip": 0, "evaluate.mirror": True}, "evaluate.mirror: training mirrors no axis"),
        ({"augment.flip": "0,0,0.5"}, "augment.flip has 3 values, the network is shown 2 axes; give one number"),
        ({"augment.flip": "0,2"}, "out of range"),
        ({"augment.flip": 0.5, "augment.transpose": 0, "evaluate.turn": True}, "training turns no image by quarters"),
        ({"augment.flip": "0,0.5", "augment.transpose": 0.5, "evaluate.turn": True}, "turns no image by quarters"),
        (
            {"augment.flip": 0.5, "augment.transpose": 0.5, "evaluate.turn": True, "data.size": (32, 48)},
            "a working size of 32 x 48 is no square",
        ),
    ],
)
def test_mirroring_that_cannot_be_meant_is_refused_before_training(toy_registry: Registry, values, said) -> None:
    """Scoring by copies that training never makes, or axes that images do not have."""
    base = {"components.arch": "net", "components.data": "squares", "run.device": "cpu"}
    with pytest.raises(UsageError, match=said):
        make_plan([Layer("flag", base | values)], toy_registry, {})


@pytest.mark.parametrize(("transpose", "able"), [(0.5, True), (0, False)])
def test_copies_are_turned_where_training_turned_them(
    toy_registry: Registry, tmp_path: Path, monkeypatch, transpose, able
) -> None:
    """A run scored with turned copies predicts so when it is loaded; other scoring may ask for them, or leave them."""
    monkeypatch.setattr("segkit.jobs.run.write_report", lambda *_, **__: None)
    values = {"components.arch": "net", "components.data": "squares", "run.device": "cpu", "train.epochs": 1}
    values |= {
        "augment.flip": 0.5,
        "augment.transpose": transpose,
        "data.cases": 4,
        "evaluate.turn": able,
        "data.size": (24, 24),
    }
    run_job(make_plan([Layer("flag", values)], toy_registry, {}), tmp_path / "run", Progress())
    model = load_model(tmp_path / "run" / "model.safetensors", "cpu", toy_registry)
    assert model.predictor.turn is able
    assert not model.adjusted(turn=False).predictor.averages
    if able:
        assert model.adjusted(turn=False).adjusted(turn=True).predictor.turn
        assert model.header["preprocessing"]["turn"] is True
    else:
        assert "turn" not in model.header["preprocessing"]
        with pytest.raises(UsageError, match="without turning images by quarters"):
            model.adjusted(turn=True)


def test_pillow_images(toy_run):
    """A Pillow image is turned upright and given the model's channels; one of more than 8 bits is refused in words."""
    model = load_model(toy_run / "model.safetensors", "cpu", Registry.discover())
    channels = model.image_channels
    pixels = np.random.default_rng(0).integers(0, 256, (20, 24, 3), dtype=np.uint8)
    picture = Image.fromarray(pixels).convert({1: "L", 3: "RGB"}[channels])
    array = np.atleast_3d(np.asarray(picture)).transpose(2, 0, 1)
    assert np.array_equal(model.predict(picture), model.predict(array))
    exif = picture.getexif()
    exif[0x0112] = 6
    turned = io.BytesIO()
    picture.save(turned, "PNG", exif=exif)
    assert model.predict(Image.open(turned)).shape == (24, 20)
    with pytest.raises(UsageError, match="more than 8 bits"):
        model.predict(Image.fromarray(np.zeros((20, 24), np.int32)))


@pytest.mark.parametrize(("now", "told"), [("1.0", False), ("1.1", True)])
def test_another_version_than_the_model_was_trained_with_is_told(toy_run, toy_registry, caplog, now, told) -> None:
    """What it was and what is installed; the model is used all the same."""
    toy_registry.plugins[0].version = now
    load_model(Path("run/model.safetensors"), "cpu", toy_registry)
    sentence = "model.safetensors was trained with segkit-toy:net 1.0, 1.1 is installed"
    assert (sentence in caplog.messages) == told
