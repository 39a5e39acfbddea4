"""`segkit evaluate`: scores in a new folder, the run's own left alone, and a note that says what the cases were."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from segkit.cli import main


def evaluate(*args: str) -> Result:
    """Call `segkit evaluate ARGS --device cpu` in this process."""
    return CliRunner().invoke(main, ["evaluate", *args, "--device", "cpu"])


def summary(folder: str) -> dict:
    return json.loads(Path(folder, "summary.json").read_text())


PREDICTED = "segkit.engine.infer.Predictor.labels"
NO_MEMORY = RuntimeError("[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory: you tried")


@pytest.mark.parametrize("command", ["evaluate", "explain"])
@pytest.mark.parametrize("where", ["read", "predict"])
def test_memory_that_is_not_enough_for_a_case_names_it(toy_run, monkeypatch, command: str, where: str) -> None:
    """Of whatever kind the error is: PyTorch's CPU allocator raises a plain RuntimeError."""

    def no_memory(*_: object) -> None:
        raise NO_MEMORY

    place = {"read": ("segkit.data.reading.check_sample", no_memory), "predict": (PREDICTED, no_memory)}[where]
    monkeypatch.setattr(*place)
    options = ["--explainer", "glow", "--layer", "0"] if command == "explain" else []
    result = CliRunner().invoke(main, [command, "run", *options, "--device", "cpu"])
    assert result.exit_code == 1
    assert "does not fit into memory; check its size, free some memory, or use a machine with more" in result.stderr
    assert result.stderr.count("test-0") == 1
    assert "internal error" not in result.stderr


@pytest.mark.parametrize("alone", [False, True])
def test_the_run_s_own_scores_come_out_again(toy_run, alone: bool) -> None:
    """On the scored split, from the run and from its checkpoint alone: the same cases.csv and score rows."""
    model = "alone/moved.safetensors" if alone else "run"
    if alone:
        Path("alone").mkdir()
        shutil.copy("run/model.safetensors", model)
    before = {path: path.read_bytes() for path in Path("run").rglob("*") if path.is_file()}
    result = evaluate(model)
    assert result.exit_code == 0, result.output
    folder = "alone/moved-scores/squares-test" if alone else "run/scores/squares-test"
    assert result.stdout.splitlines()[-1] == f"scores: {Path(folder)}"
    assert Path(folder, "cases.csv").read_bytes() == Path("run/cases.csv").read_bytes()
    assert summary(folder)["scores"] == summary("run")["scores"]
    assert summary(folder)["references"] == summary("run")["references"]
    assert len(list(Path(folder, "predictions").iterdir())) == 3
    assert all(path.read_bytes() == content for path, content in before.items())
    assert not list(Path(folder).parent.glob(".*"))


@pytest.mark.parametrize(
    ("split", "note"),
    [
        ("train", "the model was trained on these cases"),
        ("val", "SELECTED ON THIS SPLIT"),
        ("test", "neither trained nor selected on these cases"),
    ],
)
def test_the_note_says_what_the_cases_were(toy_run, split: str, note: str) -> None:
    """A split that was trained or selected on is never scored without saying so."""
    result = evaluate("run", "--split", split, "--json")
    assert result.exit_code == 0, result.output
    said = json.loads(result.stdout)
    assert said["split"] == split
    assert (said["trained_on"], said["selected_on"]) == (split == "train", split == "val")
    assert said["split_note"].startswith(note)
    assert f"scores: {split} split ({note}" in result.stderr
    assert "GENERATED SAMPLE" in result.stderr


def other_squares(folder: str, classes: int = 1) -> None:
    """Write another dataset of the same kind."""
    from segkit_toy import DataParams, Squares

    Squares.make_sample(Path(folder), DataParams(cases=2, test=False, classes=classes))
    for file in Path(folder).glob("*/*.npy"):
        stacked = np.load(file)
        np.save(file, stacked[:, ::-1])


def test_data_from_another_folder(toy_run) -> None:
    """Where one is generated and the other not, no case can be the same: all of them are scored unless one split is."""
    other_squares("other")
    result = evaluate("run", "--data-root", "other", "--output", "elsewhere")
    assert result.exit_code == 0, result.output
    found = summary("elsewhere")
    assert (found["split"], found["trained_on"], found["selected_on"]) == ("all", False, False)
    assert found["cases"] == {"train": 2, "val": 3, "test": 0, "all": 5}
    assert found["scores"] != summary("run")["scores"]
    assert found["references"] != summary("run")["references"]
    # The toy run was trained on a generated sample; the folder is not marked as one.
    assert found["split_note"].startswith("real cases, none of which the model was trained on")
    asked = evaluate("run", "--data-root", "other", "--split", "train", "--output", "asked")
    assert asked.exit_code == 0, asked.output
    assert (summary("asked")["split"], summary("asked")["trained_on"]) == ("train", False)


def test_metrics_and_mirrored_copies_as_asked(toy_run) -> None:
    """--metric scores with it alone; --set reaches its params; --tta is recorded and changes scores."""
    result = evaluate("run", "--metric", "miss", "--set", "metric.miss.offset=5", "--output", "one")
    assert result.exit_code == 0, result.output
    rows = summary("one")["scores"]
    assert {row["metric"] for row in rows} == {"miss"}
    plain = next(row for row in summary("run")["scores"] if row["metric"] == "miss")
    assert rows[0]["mean"] == pytest.approx(plain["mean"] + 5)
    assert evaluate("run", "--tta", "--output", "two").exit_code == 0
    assert (summary("two")["mirror"], summary("one")["mirror"]) == (True, False)
    assert Path("two/cases.csv").read_bytes() != Path("run/cases.csv").read_bytes()


def test_another_time_another_folder(toy_run) -> None:
    """Scores that are there are never replaced."""
    assert evaluate("run").exit_code == 0
    assert evaluate("run").stdout.splitlines()[-1] == f"scores: {Path('run/scores/squares-test-2')}"
    taken = evaluate("run", "--output", "run/scores")
    assert taken.exit_code == 1
    assert "already holds something" in taken.stderr


def test_a_broken_case_leaves_nothing_behind(toy_run) -> None:
    """The error names it, and there is no folder that looks like scores."""
    other_squares("other")
    next(Path("other/val").glob("*.npy")).write_bytes(b"no array")
    result = evaluate("run", "--data-root", "other")
    assert result.exit_code == 1
    assert ".npy cannot be read" in result.stderr
    assert not list(Path("run").glob("scores/*"))


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (("run", "--split", "tset"), 2, "'tset' is not one of"),
        (("run", "--data", "sqares"), 2, "did you mean 'squares'"),
        (("run", "--data", "blocks"), 2, "dataset blocks has classes low, high, the model class-1"),
        (("run", "--metric", "dice"), 2, "no metric named 'dice'"),
        (("run", "--data-root", "nowhere"), 1, "nowhere"),
        (("nowhere",), 1, "nowhere does not exist"),
        (("empty",), 1, "empty is no run directory"),
        (("run", "--set", "metric.misss.offset=1"), 2, "misss"),
        (("run", "--set", "train.epochs=1"), 2, "--set: train.epochs was decided when the model was trained"),
        (("run", "--set", "data.size=32"), 2, "--set: data.size was decided when the model was trained"),
        (("run", "--set", "arch.width=9"), 2, "--set: arch.width was decided when the model was trained"),
        (("run", "--split", "all"), 2, "would score training cases"),
    ],
)
def test_bad_input_is_one_line(toy_run, args: tuple[str, ...], code: int, said: str) -> None:
    """Usage errors exit with 2, bad input with 1, and nothing is written."""
    Path("empty").mkdir()
    result = evaluate(*args)
    assert result.exit_code == code, result.output
    assert said in result.stderr
    assert "Traceback" not in result.output
    assert not Path("run/scores").exists()


def moved(folder: str) -> str:
    """Move the data of a run that was trained on real ones, as far as segkit can know, and return where they were."""
    other_squares("here")
    args = "run --arch net --data squares --data-root here --epochs 1 --device cpu --explain none --output own"
    run = CliRunner().invoke(main, args.split())
    assert run.exit_code == 0, run.output
    shutil.move("here", folder)
    return folder


def test_data_that_were_moved_are_known_by_content(toy_run) -> None:
    """Read from another folder, what images show says that the model was trained on them, not the split's name."""
    moved("there")
    result = evaluate("own", "--data-root", "there", "--split", "train", "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert (found["trained_on"], found["selected_on"]) == (True, None)
    assert found["split_note"].startswith("the model was trained on these cases")
    shutil.move("there", "here")
    found = json.loads(evaluate("own", "--split", "train", "--json").stdout)
    assert (found["split"], found["trained_on"]) == ("train", True)


def test_a_checkpoint_under_another_name_is_scored_with_other_metrics(toy_run) -> None:
    """What a checkpoint says of metrics that are not asked for is left out, whatever the file is called."""
    shutil.copy("run/model.safetensors", "best.safetensors")
    result = evaluate("best.safetensors", "--metric", "miss", "--output", "one")
    assert result.exit_code == 0, result.output
    assert {row["metric"] for row in summary("one")["scores"]} == {"miss"}


@pytest.mark.parametrize("model", ["run", "alone.safetensors"])
def test_a_preset_decides_what_nobody_said(toy_run, model: str) -> None:
    """The params that the first preset decided do not outrank the next one; one that was said goes on counting."""
    shutil.copy("run/model.safetensors", "alone.safetensors")
    for name, said, expected in (("one", (), 10.0), ("two", ("--set", "metric.miss.offset=3"), 3.0)):
        result = evaluate(model, "--set", "metric.miss.preset=ten", *said, "--output", name)
        assert result.exit_code == 0, result.output
        assert f"offset = {expected}" in Path(name, "config.toml").read_text()
        plain = next(row for row in summary("run")["scores"] if row["metric"] == "miss")
        assert summary(name)["scores"][0]["metric"] == "overlap"
        (row,) = [row for row in summary(name)["scores"] if row["metric"] == "miss"]
        assert row["mean"] == pytest.approx(plain["mean"] + expected)


def test_environment_is_stronger_than_the_run_and_weaker_than_flags(toy_run, monkeypatch) -> None:
    """SEGKIT_METRIC_MISS_OFFSET reaches a metric of the run, --set goes before it, a stranger's is told."""
    monkeypatch.setenv("SEGKIT_METRIC_MISS_OFFSET", "7")
    monkeypatch.setenv("SEGKIT_EVALUATE_ID", "job-3")
    result = evaluate("run", "--output", "one")
    assert result.exit_code == 0, result.output
    assert "SEGKIT_EVALUATE_ID is no setting here and was left out" in result.stderr
    assert "offset = 7.0" in Path("one/config.toml").read_text()
    assert evaluate("run", "--set", "metric.miss.offset=8", "--output", "two").exit_code == 0
    assert "offset = 8.0" in Path("two/config.toml").read_text()


def test_groups_of_cases_are_told_with_their_sizes(toy_run) -> None:
    """Each group with n; small ones named; a table that lacks a case stops before anything is predicted."""
    Path("groups.csv").write_text("case,scanner\ntest-0,a\ntest-1,b\ntest-2,b\n")
    result = evaluate("run", "--groups", "groups.csv")
    assert result.exit_code == 0, result.output
    found = summary("run/scores/squares-test")["groups"]["columns"]["scanner"]
    assert [(row["group"], row["n"], row["small"]) for row in found["groups"]] == [("a", 1, True), ("b", 2, True)]
    assert found["gaps"] == []
    assert "scanner b: overlap" in result.stdout
    page = CliRunner().invoke(main, ["report", "run/scores/squares-test"])
    assert page.exit_code == 0, page.output
    assert "a (too few to compare)" in Path("run/scores/squares-test/report.html").read_text()
    Path("groups.csv").write_text("case,scanner\ntest-0,a\ntest-1,b\n")
    result = evaluate("run", "--groups", "groups.csv", "--output", "none")
    assert result.exit_code == 1
    assert "no row of case 'test-2'" in result.stderr
    assert not Path("none").exists()


def darker(folder: str, cases: int) -> None:
    """Write a dataset of the toy's kind whose images are a tenth as bright."""
    from segkit_toy import DataParams, Squares

    Squares.make_sample(Path(folder), DataParams(cases=cases, test=False))
    for file in Path(folder).glob("*/*.npy"):
        image, *rest = np.load(file)
        np.save(file, np.stack([(image * 0.1).astype(image.dtype), *rest]))


def test_another_place_is_named_before_any_score(toy_run) -> None:
    """Darker images are said to be so in a line before the scores, as facts in summary.json, and on the page."""
    darker("dark", 12)
    result = evaluate("run", "--data-root", "dark", "--output", "elsewhere")
    assert result.exit_code == 0, result.output
    lines = result.stderr.splitlines()
    said = next(place for place, line in enumerate(lines) if line.startswith("ANOTHER PLACE: "))
    assert "intensity" in lines[said]
    assert said < next(place for place, line in enumerate(lines) if line.startswith("scores: "))
    shift = summary("elsewhere")["shift"]
    assert shift["enough"]
    assert all(item["p"] <= shift["level"] for item in shift["far_out"])
    page = CliRunner().invoke(main, ["report", "elsewhere"])
    assert page.exit_code == 0, page.output
    assert "Another place:" in Path("elsewhere/report.html").read_text()


def test_its_own_test_split_is_no_other_place(toy_run) -> None:
    """What was drawn as the training cases were is scored without a word, and the fact says so."""
    result = evaluate("run", "--output", "own")
    assert "ANOTHER PLACE" not in result.stderr
    assert summary("own")["shift"]["far_out"] == []


def test_a_checkpoint_too_old_to_say_is_scored(toy_run) -> None:
    """One without the record, or with one of other columns, says that it is not known."""
    from segkit.engine.checkpoint import KEY, read_model
    from segkit.engine.sealed import write_sealed

    weights, header = read_model(Path("run/model.safetensors"))
    for number, known in enumerate((None, {"columns": ["x"], "rows": [[1.0]], "patients": 1})):
        write_sealed(Path("run/model.safetensors"), KEY, {**header, "likeness": known}, weights)
        assert evaluate("run", "--output", f"old-{number}").exit_code == 0
        assert summary(f"old-{number}")["shift"] is None


def test_a_metric_is_scored_twice_with_params_of_its_own(toy_run) -> None:
    """Columns and rows go by the variant's name, and the checkpoint's settings of the plain one stay its own."""
    result = evaluate(
        "run", "--metric", "overlap", "--metric", "ten=overlap", "--set", "metric.ten.offset=10", "--json"
    )
    assert result.exit_code == 0, result.output
    plain, variant = (row for row in json.loads(result.stdout)["scores"])
    assert (plain["metric"], variant["metric"]) == ("overlap", "ten")
    assert variant["mean"] == pytest.approx(plain["mean"] + 10)
    assert Path("run/scores/squares-test/cases.csv").read_text().splitlines()[0].endswith(",overlap,ten")
