"""`segkit predict`: what is written of which file, what is refused, and that one bad file costs the others nothing."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from segkit.cli import main
from segkit.data.case import Sample
from segkit.discovery import Registry

RANDOM = np.random.default_rng(0)


def predict(*args: str) -> Result:
    """Call `segkit predict ARGS --device cpu` in this process."""
    return CliRunner().invoke(main, ["predict", *args, "--device", "cpu"])


def save(path: str | Path, pixels: np.ndarray, **options: object) -> None:
    """Write pixels (H, W, 3) as a picture."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **options)


def labels(path: str | Path) -> np.ndarray:
    """Read the labels of a palette picture."""
    with Image.open(path) as image:
        assert image.mode == "P"
        return np.asarray(image)


@pytest.fixture
def photographs(toy_run: Path) -> list[Path]:
    """The run's test images as PNG files in a folder `images`."""
    files = []
    for case in sorted(Path("run/predictions").glob("*.png")):
        (source,) = sample_folder().glob(f"test/{case.stem}.npy")
        save(f"images/{case.stem}.png", np.load(source)[:3].transpose(1, 2, 0))
        files.append(Path(f"images/{case.stem}.png"))
    return files


def sample_folder() -> Path:
    """The generated sample that the toy run was made on, drawn again."""
    from segkit_toy import DataParams, Squares

    folder = Path("sample")
    if not folder.exists():
        Squares.make_sample(folder, DataParams())
    return folder


def test_files_are_predicted_as_the_run_predicted_them(photographs) -> None:
    """The same label maps, pixel by pixel, of a folder; sizes.csv counts them; the record names the model."""
    result = predict("run", "images", "-o", "out")
    assert result.exit_code == 0, result.output
    rows = list(csv.DictReader(Path("out/sizes.csv").read_text().splitlines()))
    for file, row in zip(photographs, rows, strict=True):
        expected = labels(f"run/predictions/{file.name}")
        found = labels(f"out/{file.name}")
        np.testing.assert_array_equal(found, expected)
        assert (row["input"], row["mask"], row["class"]) == (file.name, file.name, "class-1")
        assert int(row["pixels"]) == np.count_nonzero(expected == 1)
        assert float(row["share"]) == pytest.approx(np.mean(expected == 1), abs=1e-6)
        assert row["mm2"] == row["ml"] == ""
    record = json.loads(Path("out/prediction.json").read_text())
    assert record["models"][0]["components"][0]["name"] == "segkit-toy:net"
    assert record["classes"] == [{"label": 1, "name": "class-1", "colour": [230, 159, 0]}]
    assert "generated sample" in record["notice"]
    assert "GENERATED SAMPLE" in result.stderr


def test_a_bad_file_is_reported_and_the_others_go_on(photographs) -> None:
    """Broken files in every form: each in one line on stderr, exit code 1, the good ones predicted."""
    Path("images/empty.png").touch()
    Path("images/page.jpg").write_bytes(b"<html>")
    Path("images/cut.png").write_bytes(photographs[0].read_bytes()[:200])
    save("images/deep.png", RANDOM.integers(0, 60000, (20, 20)).astype(np.uint16))
    Path("images/notes.txt").write_text("not an image")
    result = predict("run", "images", "-o", "out", "--json")
    assert result.exit_code == 1
    record = json.loads(result.stdout)
    assert [part["mask"] for part in record["files"]] == [file.name for file in photographs]
    assert {part["input"] for part in record["failed"]} == {"empty.png", "page.jpg", "cut.png", "deep.png"}
    assert "notes.txt" not in result.stderr
    assert "left out: 1 file of another kind" in result.stderr
    for said in ("empty.png is empty", "page.jpg is not a", "cut.png is damaged", "deep.png has 16-bit"):
        assert sum(said in line for line in result.stderr.splitlines()) == 1
    assert "4 of 7 files could not be predicted" in result.stderr
    assert "Traceback" not in result.output


def test_equal_names_do_not_overwrite_each_other(photographs) -> None:
    """Files of one name in two folders and with two endings each have a label map of their own."""
    for place in ("a/x.png", "b/x.png", "b/x.tif"):
        save(place, RANDOM.integers(0, 256, (12, 16, 3), dtype=np.uint8))
    result = predict("run", "a", "b", str(photographs[0]), "-o", "out")
    assert result.exit_code == 0, result.output
    found = {path.name for path in Path("out").iterdir()} - {"sizes.csv", "prediction.json"}
    assert found == {"a-x.png", "b-x-png.png", "b-x-tif.tif", photographs[0].name}
    assert labels("out/b-x-tif.tif").shape == (12, 16)


def test_nothing_is_replaced_unasked(photographs) -> None:
    """What is there already stays, and is replaced with --force; an input never is."""
    assert predict("run", "images", "-o", "out").exit_code == 0
    before = Path("out", photographs[0].name).stat().st_mtime_ns
    again = predict("run", str(photographs[0]), "-o", "out")
    assert again.exit_code == 1
    assert "exists already and 2 more" in again.stderr
    assert Path("out", photographs[0].name).stat().st_mtime_ns == before
    assert predict("run", str(photographs[0]), "-o", "out", "--force").exit_code == 0
    onto_itself = predict("run", "images", "-o", "images", "--force")
    assert onto_itself.exit_code == 1
    assert "would take the place of the input" in onto_itself.stderr


@pytest.mark.parametrize("kind", ["L", "P", "RGBA", "CMYK"])
def test_other_forms_are_predicted_as_their_colours(toy_run, kind: str) -> None:
    """Grey, palette, opaque alpha and CMYK: as the same picture in RGB."""
    picture = Image.fromarray(RANDOM.integers(0, 256, (30, 40, 3), dtype=np.uint8)).convert(kind)
    Path("images").mkdir()
    picture.save("images/form.tif")
    picture.convert("RGB").save("images/plain.png")
    result = predict("run", "images", "-o", "out")
    assert result.exit_code == 0, result.output
    np.testing.assert_array_equal(labels("out/form.tif"), labels("out/plain.png"))


def test_a_turned_photograph_is_predicted_upright(photographs) -> None:
    """The label map lies as viewers show the photograph."""
    pixels = np.asarray(Image.open(photographs[0]))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be shown turned clockwise
    save("turned.png", np.rot90(pixels), exif=exif)
    assert predict("run", str(photographs[0]), "turned.png", "-o", "out").exit_code == 0
    np.testing.assert_array_equal(labels("out/turned.png"), labels(f"out/{photographs[0].name}"))


def test_an_ensemble_averages_probabilities(photographs, trained_toy: Path) -> None:
    """Against the mean of what each model says alone, taken here; the label is 1 where it is above one half."""
    change_weights(Path(shutil.copytree(trained_toy, "other")), 0.6)
    for output, models in (("one", ["run"]), ("two", ["other"]), ("both", ["run", "other/model.safetensors"])):
        result = predict(*models, "images", "-o", output, "--probabilities")
        assert result.exit_code == 0, result.output
    for file in photographs:
        one, two, both = (np.load(f"{name}/probabilities/{file.stem}.npy") for name in ("one", "two", "both"))
        mean = (one.astype(float) + two) / 2
        assert both.dtype == np.float16
        assert np.abs(one - two).max() > 0.01
        np.testing.assert_allclose(both, mean, atol=2e-3)
        clear = np.abs(mean[0] - 0.5) > 2e-3
        np.testing.assert_array_equal(labels(f"both/{file.name}")[clear], (mean[0] > 0.5)[clear])
    told = {row["input"]: row["agreement"] for row in csv.DictReader(Path("both/sizes.csv").read_text().splitlines())}
    for file in json.loads(Path("both/prediction.json").read_text())["files"]:
        one, two = (labels(f"{name}/{Path(file['mask']).name}") > 0 for name in ("one", "two"))
        sizes = int(one.sum() + two.sum())
        if not sizes:
            assert "agreement" not in file
            continue
        assert file["agreement"] == pytest.approx(2 * int((one & two).sum()) / sizes, abs=1e-3)
        assert float(told[file["input"]]) == file["agreement"]
    assert "agreement" not in Path("one/sizes.csv").read_text()


def change_weights(run: Path, factor: float) -> None:
    """Multiply a run's weights."""
    from segkit.engine.sealed import read_sealed, write_sealed

    weights, header = read_sealed(run / "model.safetensors", "segkit")
    write_sealed(run / "model.safetensors", "segkit", header, {name: value * factor for name, value in weights.items()})


def test_mirrored_copies_make_mirrored_predictions_equal(toy_run) -> None:
    """With --tta the probabilities of a mirrored image are the mirrored probabilities; without it they are not."""
    pixels = RANDOM.integers(0, 256, (24, 32, 3), dtype=np.uint8)
    save("images/straight.png", pixels)
    save("images/mirrored.png", pixels[:, ::-1])
    for flag in ("--tta", "--no-tta"):
        assert predict("run", "images", "-o", flag.strip("-"), flag, "--probabilities").exit_code == 0
        straight, mirrored = (np.load(f"{flag.strip('-')}/probabilities/{n}.npy") for n in ("straight", "mirrored"))
        apart = np.abs(straight.astype(float) - mirrored[..., ::-1]).max()
        assert (apart < 2e-3) == (flag == "--tta"), (flag, apart)


def test_overlays_show_the_classes(photographs) -> None:
    """In the image's size with a legend below: tinted inside, as it was outside."""
    file = photographs[0]
    assert predict("run", str(file), "-o", "out", "--overlays").exit_code == 0
    found, pixels = labels(f"out/{file.name}"), np.asarray(Image.open(file)).astype(float)
    with Image.open(f"out/overlays/{file.stem}.jpg") as image:
        shown = np.asarray(image).astype(float)[: found.shape[0]]
        assert image.size[0] == found.shape[1]
        assert image.size[1] > found.shape[0]
    orange = np.array([230, 159, 0.0])
    assert np.count_nonzero(found) > 20
    before, after = (np.abs(part - orange).mean(axis=-1)[found == 1].mean() for part in (pixels, shown))
    assert after < 0.8 * before
    assert np.abs(shown - pixels)[found == 0].mean() < 25  # JPEG of noise


def test_patterns_and_hidden_files(photographs) -> None:
    """A pattern finds its files; hidden ones in folders are left out; a file named twice is predicted once."""
    save("images/.hidden.png", np.zeros((9, 9, 3), np.uint8))
    result = predict("run", "images/*-1.png", "images", str(photographs[1]), "-o", "out", "--json")
    assert result.exit_code == 0, result.output
    inputs = [part["input"] for part in json.loads(result.stdout)["files"]]
    assert sorted(inputs) == [file.name for file in photographs]
    assert inputs[0].endswith("-1.png")


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (("images", "-o", "out"), 2, "is a model"),
        (("run", "-o", "out"), 2, "no image was named"),
        (("run", "nowhere.png", "-o", "out"), 1, "nowhere.png does not exist"),
        (("run", "*.gif", "-o", "out"), 1, "no file is called like '*.gif'"),
        (("run", "images", "-o", "out"), 1, "config.toml"),
        (("gone.safetensors", "images", "-o", "out"), 1, "gone.safetensors does not exist"),
        (("run", "notes.txt", "-o", "out"), 1, "notes.txt has an ending that nothing installed reads"),
        (("run", "images"), 2, "Missing option"),
        (("run", "images", "-o", "run/config.toml"), 1, "cannot make the folder"),
    ],
)
def test_bad_input_is_one_line(photographs, args: tuple[str, ...], code: int, said: str) -> None:
    """Usage errors exit with 2, bad input with 1, in one line without a traceback."""
    Path("notes.txt").write_text("no image")
    if said == "config.toml":
        Path("run/model.safetensors").unlink()
        said = "has no model.safetensors yet; go on with it"
    result = predict(*args)
    assert result.exit_code == code, result.output
    assert said in result.stderr
    assert "Traceback" not in result.output


def test_models_that_do_not_fit_together_are_refused(photographs, trained_toy: Path) -> None:
    """Other classes cannot be averaged."""
    from segkit.engine.sealed import read_sealed, write_sealed

    shutil.copytree(trained_toy, "other")
    weights, header = read_sealed(Path("other/model.safetensors"), "segkit")
    header["task"]["classes"] = ["mole"]
    write_sealed(Path("other/model.safetensors"), "segkit", header, weights)
    result = predict("run", "other", "images", "-o", "out")
    assert result.exit_code == 1
    assert "their classes are ('class-1',) and ('mole',)" in result.stderr
    assert not Path("out").exists()


def test_a_format_of_a_dataset_is_read_and_written_by_it(
    toy_run, toy_registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The model's own dataset reads the endings it names and writes the label maps; spacing gives areas in mm2."""
    from segkit_toy import Squares

    def open_file(path: Path) -> Sample:
        if path.stat().st_size < 100:
            raise ValueError("no such array")
        return Sample(np.load(path)[:3], spacing=(0.5, 2.0))

    def write_labels(stem: Path, labels: np.ndarray, like: Path) -> Path:
        assert like.suffix == ".npy"
        np.save(stem.with_suffix(".npy"), labels)
        return stem.with_suffix(".npy")

    for name, value in {"suffixes": (".npy",), "open_file": open_file, "write_labels": write_labels}.items():
        monkeypatch.setattr(Squares, name, value if name == "suffixes" else staticmethod(value), raising=False)
    source = next((sample_folder() / "test").glob("*-0.npy"))
    Path("broken.npy").write_bytes(b"x")
    result = predict("run", str(source), "broken.npy", "-o", "out", "--json")
    assert result.exit_code == 1
    record = json.loads(result.stdout)
    assert record["failed"][0]["reason"] == "broken.npy cannot be read (ValueError: no such array)"
    found = np.load(Path("out", source.name))
    np.testing.assert_array_equal(found, labels(f"run/predictions/{source.stem}.png"))
    assert record["files"][0]["classes"][0]["mm2"] == pytest.approx(np.count_nonzero(found))


def test_a_folder_of_a_dataset_s_format_is_predicted_and_explained(
    toy_run, toy_registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the dataset says that a folder is an image, both commands take it whole; the label map lies beside it."""
    from segkit_toy import Squares

    def write_labels(stem: Path, labels: np.ndarray, like: Path) -> Path:
        assert like.is_dir()
        np.save(stem.with_suffix(".scan.npy"), labels)
        return stem.with_suffix(".scan.npy")

    members = {
        "suffixes": (".scan",),
        "open_file": staticmethod(lambda path: Sample(np.load(path / "image.npy")[:3])),
        "is_image": staticmethod(lambda path: path.is_dir() and path.suffix == ".scan"),
        "write_labels": staticmethod(write_labels),
    }
    for name, value in members.items():
        monkeypatch.setattr(Squares, name, value, raising=False)
    source = next((sample_folder() / "test").glob("*-0.npy"))
    Path("in/one.scan").mkdir(parents=True)
    shutil.copy(source, "in/one.scan/image.npy")
    assert predict("run", "in", "-o", "out").exit_code == 0
    np.testing.assert_array_equal(np.load("out/one.scan.npy"), labels(f"run/predictions/{source.stem}.png"))
    result = CliRunner().invoke(main, ["explain", "run", "in/one.scan", "--explainer", "glow", "-o", "why"])
    assert result.exit_code == 0, result.output


def test_volumes_are_predicted_and_shown(toy_run, toy_registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    """Label maps on the volume's own grid, sizes in ml, slices with square pixels, probabilities that sum to 1."""
    from segkit_toy import BlockParams
    from segkit_toy_volumes import Blocks

    from segkit.config import Layer
    from segkit.engine.progress import Progress
    from segkit.jobs.run import run_job
    from segkit.planning.plan import make_plan

    monkeypatch.setattr("segkit.jobs.run.write_report", lambda *_, **__: None)
    values = {"components.arch": "solid", "components.data": "blocks", "run.device": "cpu", "train.epochs": 6}
    run_job(make_plan([Layer("flag", values)], toy_registry, {}), Path("volumes"), Progress())
    Path("blocks").mkdir()
    Blocks.make_sample(Path("blocks"), BlockParams())

    def open_file(path: Path) -> Sample:
        with np.load(path) as stored:
            return Sample(stored["image"], spacing=tuple(stored["spacing"].tolist()))

    monkeypatch.setattr(Blocks, "suffixes", (".npz",), raising=False)
    monkeypatch.setattr(Blocks, "open_file", staticmethod(open_file), raising=False)
    save("photo.png", np.zeros((9, 9, 3), np.uint8))
    result = predict("volumes", "blocks/val", "photo.png", "-o", "out", "--overlays", "--probabilities", "--json")
    assert result.exit_code == 1
    assert "photo.png is a photograph, the model takes volumes" in result.stderr
    for part in json.loads(result.stdout)["files"]:
        with np.load(Path("blocks/val", part["input"])) as stored, np.load(Path("out", part["mask"])) as written:
            assert written["labels"].shape == stored["image"].shape[1:]
            for label, size in enumerate(part["classes"], start=1):
                count = np.count_nonzero(written["labels"] == label)
                assert size["ml"] == pytest.approx(count * np.prod(stored["spacing"]) / 1000)
            probabilities = np.load(Path("out/probabilities", part["mask"]).with_suffix(".npy"))
            np.testing.assert_allclose(probabilities.sum(axis=0, dtype=float), 1, atol=3e-3)
            _, height, width = written["labels"].shape
        with Image.open(Path("out/overlays", part["mask"]).with_suffix(".jpg")) as image:
            assert image.size[0] == 3 * round(360 * width / max(height, width))
    wrong = predict("run", "blocks/val/val-0.npz", "-o", "wrong")
    assert "val-0.npz is a volume, the model takes photographs" in wrong.stderr
