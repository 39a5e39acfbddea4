"""The whole job on a toy plugin: what lies in the run directory, and that it can be trusted and repeated."""

import csv
import hashlib
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from segkit.config import Layer, read_file
from segkit.declarations import Task
from segkit.discovery import Registry
from segkit.engine.checkpoint import read_model
from segkit.engine.progress import Progress
from segkit.errors import SegkitError, UsageError
from segkit.jobs.run import RunResult, agree, run_job
from segkit.jobs.stores import tell_lacking
from segkit.jobs.train import tell_few_steps
from segkit.planning.plan import make_plan


@pytest.fixture(autouse=True)
def quick_report(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the page out where a test does not look at it: drawing it takes longer than the toy run."""
    if "with_report" not in request.keywords:
        monkeypatch.setattr("segkit.jobs.run.write_report", lambda *_, **__: None)


def run(registry: Registry, **values: object) -> RunResult:
    """Run the toy job with settings written as section__field=value."""
    flags = {name.replace("__", "."): value for name, value in values.items()}
    chosen = {"components.arch": "net", "components.data": "squares", "run.device": "cpu"}
    plan = make_plan([Layer("flag", chosen | flags)], registry, {})
    return run_job(plan, None, Progress())


def test_classes_that_training_lacks() -> None:
    """Each is named before training, by what the stores hold, with the split that has it."""
    told: list[str] = []

    class Stored:
        def __init__(self, *labels: int) -> None:
            self.held_labels = lambda: frozenset(labels)

    plan = SimpleNamespace(task=Task(1, ("liver", "spleen", "gland"), spatial_dims=2))
    job = SimpleNamespace(plan=plan, progress=SimpleNamespace(message=told.append))
    tell_lacking(job, {"train": Stored(1), "val": Stored(1, 2)})
    assert told == [
        "note: class spleen is in no training mask, the val split has it: it cannot be learnt",
        "note: class gland is in no training mask: it cannot be learnt",
    ]


@pytest.mark.parametrize(("steps", "classes", "few"), [(85, 13, True), (260, 13, False), (6, 1, False)])
def test_few_steps_for_many_classes_are_named(steps: int, classes: int, few: bool) -> None:
    """85 steps for 13 classes are said to be few before they are taken; with one class people see for themselves."""
    told: list[str] = []
    plan = SimpleNamespace(task=Task(1, tuple(f"organ-{number}" for number in range(classes)), spatial_dims=2))
    tell_few_steps(SimpleNamespace(plan=plan, progress=SimpleNamespace(message=told.append)), steps)
    said = f"note: {steps} training steps for {classes} classes are few: small ones may not be learnt; say --epochs"
    assert told == ([said] if few else [])


def sha(result: RunResult) -> str:
    """The hash of a run's model file."""
    return hashlib.sha256((result.folder / "model.safetensors").read_bytes()).hexdigest()


@pytest.mark.with_report
def test_run_directory_is_complete(toy_registry: Registry) -> None:
    """Every file of the design is there, and history has a line per epoch."""
    result = run(toy_registry)
    names = {path.name for path in result.folder.iterdir()}
    assert names >= {
        "config.toml",
        "environment.json",
        "history.jsonl",
        "model.safetensors",
        "cases.csv",
        "summary.json",
        "predictions",
        "figures",
        "report.html",
    }
    records = [json.loads(line) for line in (result.folder / "history.jsonl").read_text().splitlines()]
    assert [record["epoch"] for record in records] == [1, 2, 3]
    assert set(records[0]["val"]) == {"overlap@store", "miss@store"}
    assert json.loads((result.folder / "summary.json").read_text()) == result.summary


@pytest.mark.parametrize("classes", [1, 3])
def test_scores_are_those_of_the_files_on_disk(toy_registry: Registry, tmp_path: Path, classes: int) -> None:
    """cases.csv equals overlaps counted here from prediction files and reference masks at their own size."""
    result = run(toy_registry, data__classes=classes, train__epochs=2)
    (root,) = (tmp_path / "cache" / "samples").glob("squares-*/")
    with (result.folder / "cases.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 3 * classes
    for row in rows:
        mask = np.load(root / "test" / f"{row['case']}.npy")[3]
        with Image.open(result.folder / "predictions" / f"{row['case']}.png") as image:
            labels = np.asarray(image)
        assert labels.shape == mask.shape
        label = int(row["class"].removeprefix("class-"))
        predicted, reference = labels == label, mask == label
        assert (int(row["predicted"]), int(row["reference"])) == (predicted.sum(), reference.sum())
        overlap = 2 * (predicted & reference).sum() / (predicted.sum() + reference.sum())
        assert float(row["overlap"]) == pytest.approx(overlap, abs=1e-12, nan_ok=True)


def test_summary_means_are_those_of_the_cases(toy_registry: Registry) -> None:
    """The mean over cases per class, then over classes, with n and counts."""
    result = run(toy_registry, data__classes=2, train__epochs=2)
    with (result.folder / "cases.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    by_class = [
        np.nanmean([float(row["miss"]) for row in rows if row["class"] == name]) for name in ("class-1", "class-2")
    ]
    scores = {(row["metric"], row["class"]): row for row in result.summary["scores"]}
    assert scores["miss", "class-1"]["mean"] == pytest.approx(by_class[0])
    assert scores["miss", "all classes"]["mean"] == pytest.approx(np.mean(by_class))
    assert scores["miss", "class-1"]["n"] == 3
    missed = sum(row["status"] == "missed" for row in rows)
    assert scores["overlap", "all classes"]["n_missed"] == missed
    assert "mean over cases" in scores["miss", "class-1"]["name"]
    assert "offset=0.0" in scores["miss", "class-1"]["name"]


def test_same_seed_same_weights_for_any_workers(toy_registry: Registry) -> None:
    """Equal files for equal seeds, whatever the workers; another seed gives other weights."""
    first = sha(run(toy_registry, run__workers=0))
    assert sha(run(toy_registry, run__workers=1)) == first
    assert sha(run(toy_registry, run__workers=3)) == first
    assert sha(run(toy_registry, run__seed=1)) != first


def test_config_file_repeats_the_run(toy_registry: Registry) -> None:
    """The run's own config.toml, alone, gives the same model."""
    first = run(toy_registry, arch__width=5, train__epochs=2, run__seed=3)
    layer = read_file(first.folder / "config.toml")
    plan = make_plan([layer], toy_registry, {})
    again = run_job(plan, None, Progress())
    assert again.folder != first.folder
    assert sha(again) == sha(first)
    assert (again.folder / "cases.csv").read_bytes() == (first.folder / "cases.csv").read_bytes()


def test_settings_that_follow_from_params_reach_the_checkpoint(toy_registry: Registry) -> None:
    """The normalisation that weights expect is in config.toml with its source, and in the model's header."""
    result = run(toy_registry, arch__centred=True)
    line = next(line for line in (result.folder / "config.toml").read_text().splitlines() if line.startswith("mean ="))
    assert line.split("  ")[0] == "mean = [0.5, 0.5, 0.5]"
    assert line.endswith("# params of net")
    _, header = read_model(result.folder / "model.safetensors")
    assert header["preprocessing"]["normalization"] == {"kind": "fixed", "mean": [0.5] * 3, "std": [0.25] * 3}


def test_nothing_is_selected_on_the_scored_split(toy_registry: Registry) -> None:
    """With a test split the best validated epoch is scored; without one, the last epoch."""
    selected = run(toy_registry, train__epochs=4)
    values = [json.loads(line)["val"]["overlap@store"] for line in (selected.folder / "history.jsonl").open()]
    assert selected.summary["weights"] == f"epoch {1 + int(np.argmax(values))}, best val/overlap@store"
    last = run(toy_registry, data__test="false")
    assert (last.summary["split"], last.summary["weights"]) == ("val", "last epoch")
    headers = [read_model(result.folder / "model.safetensors")[1] for result in (selected, last)]
    assert [header["selected_on"] for header in headers] == ["val", None], "the model file says it to whoever scores it"


def test_evaluation_settings_reach_the_scores(toy_registry: Registry) -> None:
    """Background, pooled scores and post-processing are in cases.csv and summary.json."""
    result = run(
        toy_registry,
        train__epochs=1,
        components__metrics=("overlap",),
        evaluate__background="true",
        evaluate__minimum_size=5000,
    )
    with (result.folder / "cases.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert {row["class"] for row in rows} == {"background", "class-1"}
    assert all(int(row["predicted"]) == 0 for row in rows if row["class"] == "class-1")
    assert result.summary["postprocess"] == {"minimum_size": 5000}
    with pytest.raises(UsageError, match="cannot be taken of counts"):
        run(toy_registry, evaluate__aggregation="pooled")
    with pytest.raises(UsageError, match="there is no class 'lesion'"):
        run(toy_registry, evaluate__keep_largest="lesion")


def test_selection_follows_the_direction_of_the_metric(toy_registry: Registry) -> None:
    """A metric where lower is better selects its lowest epoch."""
    result = run(toy_registry, train__epochs=4, train__selection="miss")
    values = [json.loads(line)["val"]["miss@store"] for line in (result.folder / "history.jsonl").open()]
    assert result.summary["weights"] == f"epoch {1 + int(np.argmin(values))}, best val/miss@store"


def test_averaged_weights_are_what_is_saved(toy_registry: Registry) -> None:
    """With a running average other weights are saved than without, from the same training."""
    plain, averaged = (run(toy_registry, data__test="false", train__average=value) for value in (0.0, 0.9))
    first, second = (read_model(result.folder / "model.safetensors")[0] for result in (plain, averaged))
    assert any(not np.array_equal(first[name].numpy(), second[name].numpy()) for name in first)
    losses = [[json.loads(line)["loss"] for line in (r.folder / "history.jsonl").open()] for r in (plain, averaged)]
    assert losses[0] == losses[1]


def test_a_loss_over_the_batch_is_said_to_depend_on_it(toy_registry: Registry) -> None:
    """A run with a batch-wide loss says so before it trains."""
    lines: list[str] = []

    class Watcher(Progress):
        def message(self, text: str) -> None:
            lines.append(text)

    flags = {"components.arch": "net", "components.data": "squares", "components.loss": "bernoulli + wide"}
    plan = make_plan([Layer("flag", {**flags, "train.epochs": 1})], toy_registry, {})
    run_job(plan, None, Watcher())
    assert [line for line in lines if line.startswith("loss: wide exists over a batch only")]


def test_several_outputs_train(toy_registry: Registry) -> None:
    """Every output of a network with deep supervision counts in the loss, which falls; its terms are the main one's."""
    result = run(toy_registry, components__arch="supervised", train__epochs=5)
    first, *_, last = map(json.loads, (result.folder / "history.jsonl").read_text().splitlines())
    assert last["loss"] < first["loss"]
    # The coarse output is half as much as the main one, and at first about as wrong.
    assert first["loss"] == pytest.approx(1.5 * first["terms"]["bernoulli"], rel=0.15)


def test_accumulation_is_the_same_step(toy_registry: Registry) -> None:
    """Two parts of a batch give the whole batch's losses and weights up to rounding, a batch of half the size not."""
    settings = {"components__arch": "solid", "train__epochs": 2, "train__learning_rate": 0.01}
    others = ({}, {"train__accumulate": 2}, {"train__batch_size": 2})
    results = [run(toy_registry, **settings, **other) for other in others]
    whole, parts, half = ([json.loads(line) for line in (r.folder / "history.jsonl").open()] for r in results)
    assert [record["step"] for record in whole] == [record["step"] for record in parts] == [2, 4]
    assert [record["loss"] for record in parts] == pytest.approx([record["loss"] for record in whole], rel=1e-5)
    assert half[-1]["step"] == 6
    weights = [read_model(result.folder / "model.safetensors")[0] for result in results]
    apart = [max(float((weights[0][name] - other[name]).abs().max()) for name in other) for other in weights]
    assert apart[1] < 1e-5 < 1e-3 < apart[2]


@pytest.mark.with_report
def test_generated_data_are_marked_everywhere(toy_registry: Registry) -> None:
    """Name, summary and report of a generated sample say so, and the model file too."""
    result = run(toy_registry, train__epochs=1)
    assert "generated-sample" in result.folder.name
    assert result.summary["generated_sample"] is True
    assert "generated sample" in result.report.read_text().lower()
    assert read_model(result.folder / "model.safetensors")[1]["generated_sample"] is True


@pytest.mark.with_report
def test_no_path_is_handed_on(toy_registry: Registry, tmp_path: Path) -> None:
    """Neither model, summary, environment, cases nor report name a folder of the machine."""
    result = run(toy_registry, train__epochs=1, run__output=str(tmp_path / "out"))
    for path in result.folder.rglob("*"):
        if path.is_file() and path.name != "config.toml":
            assert str(tmp_path).encode() not in path.read_bytes(), path.name


def test_a_loss_that_is_no_number_stops_and_is_named(toy_registry: Registry) -> None:
    """NaN ends the run with the term's name."""
    with pytest.raises(SegkitError, match=r"became nan at step 1 \(nan\)"):
        run(toy_registry, components__loss="bernoulli + 0.1*nan")


def test_a_plugin_that_builds_no_module_is_named(toy_registry: Registry) -> None:
    """A factory that returns something else is an error that names it."""
    with pytest.raises(SegkitError, match="segkit-toy:no-module built str"):
        run(toy_registry, components__arch="no-module")


def test_a_broken_file_is_named(toy_registry: Registry, tmp_path: Path) -> None:
    """A case that cannot be read is the dataset's own sentence, before anything is trained."""
    run(toy_registry, train__epochs=1)
    (root,) = (tmp_path / "cache" / "samples").glob("squares-*/")
    broken = root / "train" / "train-2.npy"
    broken.write_bytes(broken.read_bytes()[:50])
    with pytest.raises(SegkitError, match=r"train-2\.npy cannot be read"):
        run(toy_registry, run__output=str(tmp_path / "second"))
    assert not (tmp_path / "second").exists()


def test_python_api_runs_the_same_job(toy_registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    """segkit.run takes the command's options by name and returns the run."""
    import segkit

    monkeypatch.setattr(Registry, "discover", classmethod(lambda cls, **_: toy_registry))
    result = segkit.run(arch="net", data="squares", epochs=1, settings={"arch.width": 3})
    assert result.summary["components"][0]["name"] == "segkit-toy:net"
    assert next(item.full_name for item in segkit.components("arch")) == "segkit-toy:net"


@pytest.mark.with_report
def test_a_profiled_run_says_where_its_time_went(toy_registry: Registry) -> None:
    """Every part of the job is in profile.json and in the report's table, the report itself included."""
    result = run(toy_registry, run__profile=True, train__epochs=1)
    parts = json.loads((result.folder / "profile.json").read_text())["parts"]
    assert set(parts) >= {
        "waiting for data",
        "copy",
        "augmentation",
        "forward",
        "backward",
        "optimizer",
        "validation",
        "inference",
        "metrics",
        "explain",
        "report",
    }
    page = result.report.read_text()
    assert '<th scope="row">report</th>' in page
    assert "the loop&#39;s own" in page


def test_compiled_steps_end_in_the_same_model(toy_registry: Registry) -> None:
    """Through torch.compile without a backend that rewrites operators, the scores are those of the plain run."""
    plain = run(toy_registry, train__epochs=1)
    compiled = run(toy_registry, train__epochs=1, run__compile="aot_eager")
    assert compiled.summary["scores"][0]["mean"] == pytest.approx(plain.summary["scores"][0]["mean"], abs=1e-3)


def rank(folder: Path | None, resume: object, *, leads: bool, told: list) -> SimpleNamespace:
    """A job of one process; what the first one tells is what all are told."""

    def tell(own: tuple) -> tuple:
        told.append(own)
        return told[0]

    return SimpleNamespace(folder=folder, resume=resume, ranks=SimpleNamespace(leads=leads, told=tell))


def test_every_process_of_a_run_is_where_the_first_one_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """In its directory, with its threads, going on where it does; its own reading of the run is kept."""
    threads, opened = [], []
    monkeypatch.setattr("segkit.jobs.run.set_threads", threads.append)
    monkeypatch.setattr("segkit.jobs.run.open_run", lambda folder: opened.append(folder) or "read anew")
    monkeypatch.setattr("segkit.jobs.run.torch.get_num_threads", lambda: 3)
    told: list = []
    first = rank(tmp_path / "a", "own", leads=True, told=told)
    second, third = rank(None, None, leads=False, told=told), rank(None, "own", leads=False, told=told)
    for job in (first, second, third):
        agree(job)
    assert [job.folder for job in (first, second, third)] == [tmp_path / "a"] * 3
    assert [job.resume for job in (first, second, third)] == ["own", "read anew", "own"]
    assert (opened, threads) == ([tmp_path / "a"], [3, 3])
    fresh: list = []
    for job in (rank(tmp_path / "b", None, leads=True, told=fresh), other := rank(None, None, leads=False, told=fresh)):
        agree(job)
    assert (other.folder, other.resume, len(threads)) == (tmp_path / "b", None, 2)


def test_a_run_says_first_what_it_is(toy_registry: Registry) -> None:
    """Where the data are from, what is scored, where it goes, what is trained."""
    told = Told()
    flags = {"components.arch": "net", "components.data": "squares", "run.device": "cpu", "run.name": "mine"}
    result = run_job(make_plan([Layer("flag", flags)], toy_registry, {}), None, told)
    lines = [line.partition(":")[0] for line in told.lines]
    wanted = ["data", "scores", "run", "model"]
    assert [line for line in lines if line in wanted] == wanted
    assert f"run: {result.folder}" in told.lines


class Told(Progress):
    """Keeps the sentences."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def message(self, text: str) -> None:
        self.lines.append(text)
