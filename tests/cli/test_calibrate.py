"""`segkit calibrate`: a new checkpoint with the same weights, fitted on validation only, shown on test."""

import csv
import importlib
import json
import re
import shutil
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from segkit.cli import main
from segkit.data.content import content_digest
from segkit.declarations.installed import Plugin
from segkit.engine.checkpoint import KEY, read_model
from segkit.engine.sealed import write_sealed
from segkit.jobs.calibrate import compose
from segkit.model import load_model

PLUGIN = """
import segkit

@segkit.hookimpl
def segkit_metrics():
    return [segkit.Metric(name="squared", measure="probable:measure", factory="probable:build", needs="probabilities",
                          summary="Squared error.", higher_is_better=False, poolable=True)]

def measure(mask, spacing, task, options):
    import numpy as np

    def add(probabilities, block):
        truth = np.stack([mask[block] == label + 1 for label in range(len(task.classes))])
        squares = (probabilities[-len(truth):].astype(np.float64) - truth) ** 2
        return {"squares": squares.sum(axis=(1, 2)), "pixels": np.array([truth[0].size])}

    return add

def build(task, params):
    return lambda measured: measured.sums["squares"] / measured.sums["pixels"]
"""


@pytest.fixture
def run(toy_run, toy_registry, tmp_path, monkeypatch):
    """The toy run beside a metric of probabilities; its validation split has three cases."""
    (tmp_path / "probable.py").write_text(PLUGIN)
    monkeypatch.syspath_prepend(str(tmp_path))
    sys.modules.pop("probable", None)
    toy_registry.add(Plugin("segkit-probable", "1.0", EntryPoint("probable", "probable", "segkit")))
    assert not toy_registry.failed, toy_registry.failed[0].reason
    return toy_run


@pytest.fixture
def enough(monkeypatch):
    """Three validation cases are taken to be enough."""
    monkeypatch.setattr(compose, "FEWEST", 3)


def calibrate(*args: str) -> Result:
    """Call `segkit calibrate run ARGS` in this process."""
    return CliRunner().invoke(main, ["calibrate", "run", "--device", "cpu", "--workers", "0", *args])


def test_a_new_checkpoint_with_the_same_weights(run, enough, toy_registry):
    """The run is left as it is; labels are those of before, probabilities others; before and after are told."""
    before = {path: path.read_bytes() for path in Path("run").rglob("*") if path.is_file()}
    result = calibrate()
    assert result.exit_code == 0, result.output
    made = Path("run/model-calibrated.safetensors")
    assert result.stdout.splitlines()[-1] == f"checkpoint: {made}"
    assert "temperature: logits divided by" in result.stdout
    assert "shown on test" in result.stdout
    assert all(path.read_bytes() == content for path, content in before.items())
    (old, _), (new, header) = read_model(Path("run/model.safetensors")), read_model(made)
    assert all((old[name] == new[name]).all() for name in old)
    record = header["calibration"]
    assert (record["fitted_on"], record["cases"], record["method"]) == ("val", 3, "temperature")
    written = json.loads(Path("run/model-calibrated.json").read_text())
    assert written["calibration"] == record
    assert [row["metric"] for row in written["before"]] == [row["metric"] for row in written["after"]]
    models = [load_model(path, "cpu", toy_registry) for path in (Path("run/model.safetensors"), made)]
    image = np.random.default_rng(0).integers(0, 255, (3, 40, 40)).astype(np.uint8)
    np.testing.assert_array_equal(models[0].predict(image), models[1].predict(image))
    plain, sure = (next(model.predictor.probabilities(image))[1] for model in models)
    assert (plain != sure).any()


def test_fitting_looks_at_no_test_case(run, enough, monkeypatch):
    """Each observation that is fitted is of the validation split; twice the same is found."""
    fitted = []
    plain = compose.fit

    def noting(observed, method):
        fitted.append({case.case.rpartition("-")[0] for case in observed})
        return plain(observed, method)

    monkeypatch.setattr(compose, "fit", noting)
    first = json.loads(calibrate("--json").stdout)
    assert fitted == [{"val"}]
    assert json.loads(calibrate("--json", "--force").stdout) == first


def test_a_calibrated_checkpoint_is_evaluated_and_predicts(run, enough):
    """Other commands take it as any checkpoint."""
    assert calibrate().exit_code == 0
    result = CliRunner().invoke(main, ["evaluate", "run/model-calibrated.safetensors", "--device", "cpu"])
    assert result.exit_code == 0, result.output
    again = calibrate("-o", "again.safetensors")
    assert again.exit_code == 0, again.output


def test_three_validation_cases_are_too_few(run):
    """Said with the number there is and the number needed."""
    result = calibrate()
    assert result.exit_code == 1
    assert "the validation split has 3 cases, calibration needs at least 5" in result.stderr


def test_a_bound_that_so_few_cases_cannot_support_is_refused(run, enough):
    """Three cases support no bound below a quarter."""
    result = calibrate("--risk", "fnr=0.1")
    assert result.exit_code == 1
    assert "needs at least 9 held-out cases with foreground, there are 3" in result.stderr
    assert not Path("run/model-calibrated.safetensors").exists()


def test_a_bound_that_can_be_kept_is_in_the_checkpoint(run, enough):
    """With its level, cases, and what it assumes."""
    result = calibrate("--risk", "fnr=0.6")
    assert result.exit_code == 0, result.output
    record = read_model(Path("run/model-calibrated.safetensors"))[1]["calibration"]
    assert record["risk"]["level"] == 0.6
    assert 0 < record["risk"]["threshold"] <= 1
    assert "exchangeable" in record["risk"]["assumes"]
    assert "expected share of missed foreground at most 0.6" in result.stdout


@pytest.mark.parametrize("text", ["fnr", "fnr=2", "fnr=0", "dice=0.1", "fnr=x"])
def test_a_bound_of_something_else_is_a_usage_error(run, text):
    """Before any model is loaded."""
    result = calibrate("--risk", text)
    assert result.exit_code == 2
    assert "--risk" in result.stderr


def test_what_is_there_is_not_replaced_unasked(run, enough):
    """A second time needs --force."""
    assert calibrate().exit_code == 0
    result = calibrate()
    assert result.exit_code == 1
    assert "exists already" in result.stderr
    assert calibrate("--force").exit_code == 0


def test_what_a_kill_left_is_gone_on_with_and_what_is_anothers_stays(run, enough):
    """The JSON without its checkpoint is written again, where five of 24 kills were refused; a stranger's is not."""
    assert calibrate().exit_code == 0
    checkpoint = run / "model-calibrated.safetensors"
    whole = checkpoint.read_bytes()
    checkpoint.unlink()
    assert calibrate().exit_code == 0
    assert checkpoint.read_bytes() == whole
    checkpoint.unlink()
    beside = checkpoint.with_suffix(".json")
    beside.write_text('{"mine": 1}')
    result = calibrate()
    assert result.exit_code == 1
    assert "model-calibrated.json exists already" in result.stderr
    assert beside.read_text() == '{"mine": 1}'
    assert not checkpoint.exists()


def test_a_metric_of_labels_says_nothing_of_calibration(run, enough):
    """Named by mistake."""
    result = calibrate("--metric", "overlap")
    assert result.exit_code == 2
    assert "does not look at probabilities" in result.stderr


def test_a_model_is_calibrated_once(run, enough):
    """A second temperature on top of the first is refused with the way out."""
    assert calibrate().exit_code == 0
    result = CliRunner().invoke(
        main, ["calibrate", "run/model-calibrated.safetensors", "--device", "cpu", "-o", "b.safetensors"]
    )
    assert result.exit_code == 1
    assert "is calibrated already" in result.stderr


def test_predictions_carry_what_they_can_expect(run, enough):
    """In sizes.csv and prediction.json, with what that is worth; equal with and without written probabilities."""
    assert calibrate("--risk", "fnr=0.6", "--method", "temperature").exit_code == 0
    image = np.random.default_rng(0).integers(0, 90, (40, 44, 3), dtype=np.uint8)
    image[5:20, 5:20, 0] += 140
    Image.fromarray(image).save("photo.png")
    found = []
    for name, more in (("out", ()), ("both", ("--probabilities",))):
        model = "run/model-calibrated.safetensors"
        result = CliRunner().invoke(main, ["predict", model, "photo.png", "-o", name, "--device", "cpu", *more])
        assert result.exit_code == 0, result.output
        record = json.loads(Path(name, "prediction.json").read_text())
        calibration = record["models"][0]["calibration"]
        assert calibration["risk"]["level"] == 0.6
        assert calibration["expected"]["ranking"]["n"] == 3
        found.append(record["files"][0]["expected_dice"])
        lines = Path(name, "sizes.csv").read_text().splitlines()
        assert lines[0].endswith(",expected_dice")
        assert float(lines[1].rpartition(",")[2]) == found[-1]
    assert 0 <= found[0] <= 1
    assert found[0] == pytest.approx(found[1], abs=2e-3)
    one, other = (np.asarray(Image.open(Path(name, "photo.png"))) for name in ("out", "both"))
    np.testing.assert_array_equal(one, other)


def test_a_model_that_was_not_calibrated_expects_nothing(run):
    """No estimate is shown without the figure that says what it is worth."""
    Image.fromarray(np.zeros((40, 44, 3), np.uint8)).save("photo.png")
    result = CliRunner().invoke(main, ["predict", "run", "photo.png", "-o", "out", "--device", "cpu"])
    assert result.exit_code == 0, result.output
    assert "expected" not in Path("out/sizes.csv").read_text()
    assert "expected_dice" not in Path("out/prediction.json").read_text()


def test_a_model_with_a_bound_predicts_alone(run, enough):
    """Several models together keep no bound: refused before anything is written, never decoded at another threshold."""
    assert calibrate("--risk", "fnr=0.6").exit_code == 0
    Image.fromarray(np.zeros((40, 44, 3), np.uint8)).save("photo.png")
    models = ["run/model.safetensors", "run/model-calibrated.safetensors"]
    for first, second in (models, models[::-1]):
        args = ["predict", first, second, "photo.png", "-o", "out", "--device", "cpu"]
        result = CliRunner().invoke(main, args)
        assert result.exit_code == 1, result.output
        assert "several models together keep none" in result.stderr
        assert not Path("out").exists()


def test_the_report_tells_the_bound_and_what_it_assumes(run, enough):
    """Scores of a calibrated model carry its record as facts, and their page says level, n and assumption."""
    assert calibrate("--risk", "fnr=0.6").exit_code == 0
    model = "run/model-calibrated.safetensors"
    result = CliRunner().invoke(main, ["evaluate", model, "--device", "cpu", "--output", "scores"])
    assert result.exit_code == 0, result.output
    assert json.loads(Path("scores/summary.json").read_text())["calibration"]["risk"]["level"] == 0.6
    page = CliRunner().invoke(main, ["report", "scores"])
    assert page.exit_code == 0, page.output
    text = Path("scores/report.html").read_text()
    assert "A bound on what is missed:" in text
    assert "3 held-out cases" in text
    assert "exchangeable" in text
    assert "Spearman" in text


def test_the_report_of_a_calibrated_model_shows_what_it_trusts_least_first(run, enough):
    """Each case's expected Dice is in cases.csv, its page begins with the lowest, and says what that order is worth."""
    assert calibrate().exit_code == 0
    model = "run/model-calibrated.safetensors"
    result = CliRunner().invoke(main, ["evaluate", model, "--device", "cpu", "--output", "scores"])
    assert result.exit_code == 0, result.output
    with Path("scores/cases.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    expected = {row["case"]: float(row["expected_dice"]) for row in rows}
    ranking = json.loads(Path("scores/summary.json").read_text())["expected_ranking"]
    assert 0 <= ranking["best"] <= ranking["aurc"] <= 1
    assert ranking["split"] == "test"
    assert ranking["n"] == len(expected)
    assert CliRunner().invoke(main, ["report", "scores"]).exit_code == 0
    text = Path("scores/report.html").read_text()
    order = re.findall(r'<tr data-case="([^"]+)"', text)
    assert order == sorted(expected, key=lambda case: (expected[case], case))
    assert "The least expected Dice comes first" in text
    assert "expected_dice" not in Path("run/cases.csv").read_text()


def predict(*args: str) -> dict:
    """Call `segkit predict ARGS` on photo.png and return what prediction.json says."""
    image = np.random.default_rng(0).integers(0, 90, (40, 44, 3), dtype=np.uint8)
    image[5:20, 5:20, 0] += 140
    Image.fromarray(image).save("photo.png")
    result = CliRunner().invoke(main, ["predict", *args, "photo.png", "-o", "out", "--device", "cpu", "--force"])
    assert result.exit_code == 0, result.output
    return {**json.loads(Path("out/prediction.json").read_text()), "told": result.stderr}


def test_mirrored_copies_are_a_sign_that_is_tried(run, enough):
    """The record says what was tried and what was chosen; predictions made otherwise expect nothing, and say why."""
    result = calibrate("--set", "evaluate.mirror=true")
    assert result.exit_code == 0, result.output
    record = read_model(Path("run/model-calibrated.safetensors"))[1]["calibration"]["expected"]
    assert (record["mirror"], record["members"], set(record["tried"])) == (
        True,
        "mirrored copies",
        {"probabilities", "agreement", "both"},
    )
    assert "agreement of mirrored copies" in result.stdout
    model = "run/model-calibrated.safetensors"
    with_copies, without = predict(model, "--tta"), predict(model, "--no-tta")
    assert 0 <= with_copies["files"][0]["expected_dice"] <= 1
    assert with_copies["estimate"] == record
    assert "expected_dice" not in without["files"][0]
    assert "estimate" not in without
    assert "measured with mirrored copies" in without["told"]


def test_several_models_expect_what_was_measured_for_them_together(run, enough):
    """Of just these models; of others, or one of them, the table has what it had."""
    shutil.copytree("run", "other")
    old, header = read_model(Path("other/model.safetensors"))
    changed = {name: values * np.float32(1.05) for name, values in old.items()}
    header = {name: value for name, value in header.items() if name not in ("sha256", "weights")}
    write_sealed(
        Path("other/model.safetensors"), KEY, {**header, "weights": "other", "trained_on": ["0" * 32]}, changed
    )
    result = calibrate("--with", "other")
    assert result.exit_code == 0, result.output
    assert "of a case by 2 models together, n = 3" in result.stdout
    model = "run/model-calibrated.safetensors"
    record = read_model(Path(model))[1]["calibration"]["together"]
    together, alone, stranger = predict(model, "other"), predict(model), predict(model, "run")
    assert together["estimate"] == record
    assert {"expected_dice", "agreement"} < set(together["files"][0])
    assert alone["estimate"] != record
    assert "estimate" not in stranger
    assert "expected_dice" not in stranger["files"][0]
    assert "not measured for these models together" in stranger["told"]
    assert predict("other", model)["files"][0]["expected_dice"] == pytest.approx(
        together["files"][0]["expected_dice"], abs=1e-3
    )


def test_a_model_that_has_seen_the_held_out_cases_is_no_witness(run, enough):
    """As another fold has: what it says of them is no estimate of new ones."""
    shutil.copytree("run", "fold")
    weights, header = read_model(Path("fold/model.safetensors"))
    squares = importlib.import_module("segkit_toy")
    squares.Squares.make_sample(Path("drawn"), squares.DataParams())
    seen = content_digest(np.load("drawn/val/val-0.npy")[:3])
    header = {name: value for name, value in header.items() if name != "sha256"}
    write_sealed(Path("fold/model.safetensors"), KEY, {**header, "trained_on": [seen]}, weights)
    result = calibrate("--with", "fold")
    assert result.exit_code == 1
    assert "1 of the 6 cases that are held out here are among those that it was trained on (val-0)" in result.stderr
    write_sealed(Path("fold/model.safetensors"), KEY, {**header, "trained_on": []}, weights)
    result = calibrate("--with", "fold")
    assert result.exit_code == 1
    assert "does not say which images it was trained on" in result.stderr


def test_a_bound_and_models_together_exclude_each_other(run, enough):
    """Before any is loaded."""
    result = calibrate("--risk", "fnr=0.6", "--with", "run")
    assert result.exit_code == 2
    assert "keep no bound" in result.stderr


@pytest.mark.parametrize(("split", "fitted"), [("val", True), ("test", False)])
def test_an_order_of_the_cases_that_it_was_fitted_to_is_called_so(run, enough, split, fitted):
    """As a field of the summary, and in words on the page."""
    assert calibrate().exit_code == 0
    asked = ["evaluate", "run/model-calibrated.safetensors", "--device", "cpu", "--output", "scores", "--split", split]
    result = CliRunner().invoke(main, asked)
    assert result.exit_code == 0, result.output
    assert json.loads(Path("scores/summary.json").read_text())["expected_ranking"]["fitted_here"] is fitted
    assert CliRunner().invoke(main, ["report", "scores"]).exit_code == 0
    assert ("was fitted to this split" in Path("scores/report.html").read_text()) is fitted
