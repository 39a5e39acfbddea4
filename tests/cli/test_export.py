"""`segkit export`: the graph alone, used as the JSON beside it says, gives the label maps of segkit."""

import importlib
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from PIL import Image
from torch.nn import functional

from segkit.cli import main
from segkit.discovery import Registry
from segkit.jobs.export_steps import steps
from segkit.model import load_model


def export(*args: str) -> Result:
    """Call `segkit export ARGS` in this process."""
    return CliRunner().invoke(main, ["export", *args])


def runner(kind: str, path: str):
    """What runs a graph without segkit."""
    if kind == "onnx":
        runtime = pytest.importorskip("onnxruntime")
        pytest.importorskip("onnxscript")
        session = runtime.InferenceSession(path, providers=["CPUExecutionProvider"])
        return lambda images: session.run(None, {"images": images})[0]
    module = torch.export.load(path).module()
    return lambda images: module(torch.from_numpy(images)).detach().numpy()


def by_the_description(run, record: dict, image: np.ndarray) -> np.ndarray:
    """Predict an image (3, H, W) uint8 with nothing but the graph and its JSON file."""
    height, width = record["settings"]["size"]
    picture = Image.fromarray(image.transpose(1, 2, 0)).resize((width, height), Image.Resampling.BILINEAR)
    assert record["settings"]["normalization"]["kind"] == "unit"
    images = (np.asarray(picture).astype(np.float32) / 255).transpose(2, 0, 1)[None]
    multiple = record["input"]["size_multiple"]
    below, right = (-side % multiple for side in (height, width))
    logits = run(np.pad(images, ((0, 0), (0, 0), (0, below), (0, right)), mode="edge"))[..., :height, :width]
    own = functional.interpolate(torch.from_numpy(logits), image.shape[1:], mode="bilinear", align_corners=False)
    return (own[0, 0].numpy() > 0).astype(np.uint8)


@pytest.mark.parametrize(("kind", "name"), [("torch-export", "model.pt2"), ("onnx", "model.onnx")])
def test_the_graph_predicts_what_the_run_predicted(toy_run, kind: str, name: str) -> None:
    """By hand from the files alone: the run's own label maps; any batch and size; no folder of this machine inside."""
    if kind == "onnx":
        pytest.importorskip("onnxscript")
    result = export("run", "--to", kind)
    assert result.exit_code == 0, result.output
    record = json.loads(Path("run", f"{name}.json").read_text())
    assert record["classes"] == {"0": "background", "1": "class-1"}
    assert record["checked"]["images"] == 3
    assert record["checked"]["labels_equal"] == 1.0
    assert record["generated_sample"] is True
    run = runner(kind, f"run/{name}")
    (root,) = Path("cache/samples").glob("squares-*/")
    for file in sorted((root / "test").glob("*.npy")):
        with Image.open(f"run/predictions/{file.stem}.png") as expected:
            found = by_the_description(run, record, np.load(file)[:3])
            assert np.mean(found == np.asarray(expected)) > 0.999
    assert run(np.zeros((5, 3, 48, 16), np.float32)).shape == (5, 1, 48, 16)
    content = Path("run", name).read_bytes()
    assert str(Path(__file__).parents[2]).encode() not in content


def test_images_of_ones_own(toy_run) -> None:
    """Files are checked on where the dataset is not there; JSON on stdout is the file's."""
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)).save("own.png")
    result = export("run/model.safetensors", "--to", "torch-export", "--images", "own.png", "-o", "g.pt2", "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout) == json.loads(Path("g.pt2.json").read_text())
    assert json.loads(result.stdout)["checked"]["images"] == 1


def test_a_graph_that_is_another_function_is_not_written(toy_run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A graph whose logits are off is refused with the difference, and no file is left."""
    import segkit.jobs.export as exporting

    made = exporting.torch_graph

    def off(*args):
        data, call, runtime = made(*args)
        return data, lambda images: call(images) + 0.5, runtime

    monkeypatch.setattr(exporting, "torch_graph", off)
    result = export("run", "--to", "torch-export")
    assert result.exit_code == 1
    assert "logits differ by 0.5" in result.stderr
    assert not list(Path("run").glob("*.pt2*"))


def test_a_library_that_is_missing_is_named(toy_run, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the command that installs it and the format that needs none."""
    import sys

    monkeypatch.setitem(sys.modules, "onnxscript", None)
    result = export("run", "--to", "onnx")
    assert result.exit_code == 1
    assert "needs onnxscript, which is not installed; pip install 'segkit-core[onnx]'" in result.stderr
    assert not list(Path("run").glob("*.onnx*"))


def test_a_static_graph_takes_one_image_of_one_size(
    toy_run, toy_registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the architecture declares it, with its reason in the description."""
    found = toy_registry.find("arch", "net").component
    object.__setattr__(found, "export", {"torch-export": "static: sides are counted in Python"})
    result = export("run", "--to", "torch-export", "--json")
    assert result.exit_code == 0, result.output
    said = json.loads(result.stdout)["input"]
    assert (said["batch"], said["size"]) == (1, [24, 32])
    assert said["level"] == "static: sides are counted in Python"


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (("run",), 2, "Missing option '--to'"),
        (("run", "--to", "tensorrt"), 2, "tensorrt"),
        (("run", "--to", "onnx", "-o", "g.pt2"), 2, "does not end in .onnx"),
        (("run", "--to", "torch-export", "-o", "no/g.pt2"), 1, "folder no does not exist"),
        (("nowhere", "--to", "onnx"), 1, "nowhere does not exist"),
        (("run", "--to", "torch-export", "--images", "gone.png"), 1, "gone.png does not exist"),
        (("run", "--to", "torch-export", "--data-root", "gone"), 1, "name some with --images"),
        (("run", "--to", "torch-export", "-o", "taken.pt2"), 1, "taken.pt2 exists already; say --force"),
    ],
)
def test_bad_input_is_one_line(toy_run, args: tuple[str, ...], code: int, said: str) -> None:
    """Usage errors exit with 2, bad input with 1, and nothing is written."""
    Path("taken.pt2").touch()
    result = export(*args)
    assert result.exit_code == code, result.output
    assert said in result.stderr
    assert "Traceback" not in result.output
    assert not list(Path("run").glob("*.pt2"))


@pytest.mark.parametrize("kind", ["torch-export", "onnx"])
def test_a_network_that_has_no_graph_says_why(toy_run, toy_registry: Registry, monkeypatch, kind: str) -> None:
    """Its author's reason, before anything is traced or written."""
    arch = toy_registry.find("arch", "net").component
    monkeypatch.setitem(arch.__dict__, "export", {kind: "none: its kernels follow the image"})
    result = export("run", "--to", kind)
    assert result.exit_code == 1
    assert f"the network has no graph for --to {kind}: its kernels follow the image" in result.stderr
    assert not list(Path("run").glob("*.json.*")) + list(Path("run").glob("*.pt2")) + list(Path("run").glob("*.onnx"))


STRANGER = Path(__file__).parents[2] / "docs" / "apply_graph.py"


def test_a_stranger_gets_equal_masks(toy_run) -> None:
    """The documentation's script, with the graph and its JSON alone: masks of 20 photographs, turned ones too."""
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    assert "segkit" not in [line.split()[1] for line in STRANGER.read_text().splitlines() if line.startswith("import ")]
    assert export("run", "--to", "onnx").exit_code == 0
    random = np.random.default_rng(0)
    names = [f"photo{number}.{'jpg' if number % 2 else 'png'}" for number in range(20)]
    for number, name in enumerate(names):
        small = Image.fromarray(random.integers(0, 256, (6, 7, 3), dtype=np.uint8))
        photo = small.resize((90 + 37 * number, 70 + 23 * number), Image.Resampling.BICUBIC)
        exif = photo.getexif()
        exif[0x0112] = 1 + number % 8
        photo.save(name, exif=exif)
    done = subprocess.run(
        [sys.executable, str(STRANGER), "run/model.onnx", *names], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    model = load_model(Path("run/model.safetensors"), "cpu", Registry.discover())
    told = dict(line.split(".mask.png: ") for line in done.stdout.splitlines())
    for name in names:
        with Image.open(f"{name}.mask.png") as mask:
            differing = np.count_nonzero(np.asarray(mask) != model.predict(name))
        assert differing <= int(told[name].split()[0]) < 20, name


@pytest.mark.parametrize("mirror", [True, False])
def test_a_stranger_s_rounding_is_segkit_s(toy_run, mirror, monkeypatch) -> None:
    """With PyTorch in the graph's place not a pixel differs: only the runtime's own rounding decides otherwise."""
    pytest.importorskip("onnxruntime")
    model = load_model(Path("run/model.safetensors"), "cpu", Registry.discover())
    model = replace(model, predictor=replace(model.predictor, mirror=mirror))
    monkeypatch.setitem(model.header["preprocessing"], "mirror", mirror)
    monkeypatch.syspath_prepend(str(STRANGER.parent))
    mask_of = importlib.import_module("apply_graph").mask_of

    class Network:
        """The network itself, called as a session of onnxruntime is."""

        def run(self, _names, feed):
            images = torch.from_numpy(feed["images"]).contiguous(memory_format=torch.channels_last)
            with torch.inference_mode():
                return [model.predictor.model(images).numpy()]

    how = steps(model, 1)
    random = np.random.default_rng(1)
    for height, width in ((71, 93), (400, 301), (1200, 1600)):
        small = Image.fromarray(random.integers(0, 256, (6, 7, 3), dtype=np.uint8))
        small.resize((width, height), Image.Resampling.BICUBIC).save("photo.png")
        found, lead = mask_of("photo.png", Network(), how)
        assert found.any() != found.all() or lead.min() > 0
        np.testing.assert_array_equal(found, model.predict("photo.png"))
