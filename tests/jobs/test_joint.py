"""Whole runs of several datasets: named, dealt, trained, scored apart, resumed and scored again (issue 22)."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import re
import shutil
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from segkit.config import Layer, read_file
from segkit.data.sampling import EvenDeal
from segkit.discovery import Joint, Registry
from segkit.engine.checkpoint import read_model
from segkit.engine.distributed import Ranks
from segkit.engine.progress import Progress
from segkit.engine.stop import StopRequest
from segkit.errors import UsageError
from segkit.jobs.run import RunResult, run_job, start_job
from segkit.jobs.stores import open_stores
from segkit.jobs.train import make_batches, make_preprocessing
from segkit.planning.build import build_sampler
from segkit.planning.plan import Plan, make_plan
from segkit.rundir.resume import Resume

BOTH = "squares + more=squares"
COMMON = {"components.arch": "net", "components.data": BOTH, "run.device": "cpu", "run.threads": 1}
TWO_CLASSES = {"data.more_classes": 2, "data.more_cases": 3}


@pytest.fixture
def no_report(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the page out."""
    monkeypatch.setattr("segkit.jobs.run.write_report", lambda *_, **__: None)


def plan_of(registry: Registry, **values: object) -> Plan:
    """Plan a run of two datasets with settings written as section__field=value."""
    flags = {name.replace("__", "."): value for name, value in values.items()}
    return make_plan([Layer("flag", COMMON | TWO_CLASSES | flags)], registry, {})


def sha(result: RunResult) -> str:
    """The hash of a run's model file."""
    return hashlib.sha256((result.folder / "model.safetensors").read_bytes()).hexdigest()


def test_the_config_comes_back(toy_registry: Registry) -> None:
    """Written and read, with another param of one dataset: names, params and folders are what they were."""
    plan = plan_of(toy_registry, data__deal="evenly")
    assert isinstance(plan.data, Joint)
    Path("config.toml").write_text(plan.config.to_toml(), encoding="utf-8")
    again = make_plan([read_file(Path("config.toml"))], toy_registry, {})
    assert again.config.components.data == "segkit-toy:squares + more=segkit-toy:squares"
    assert again.config.flat() == plan.config.flat()
    assert again.cases == plan.cases
    assert again.config.run.name == "net-squares-and-more-generated-sample"


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"components.data": "squares + squares"}, r"dataset 'squares' is named twice.*--data other=squares"),
        ({"components.data": "squares + blocks"}, r"no mode in common: squares offers images \(2D\); blocks offers"),
        ({"components.data": "squares + Other=squares"}, r"'Other' is no name"),
        ({"components.data": "squares + "}, r"no data named ''"),
        ({"data.more_class": 2}, r"has no 'more_class'.*did you mean 'more_classes'"),
        ({"data.classes": 2}, r"has no 'classes'"),
        ({"data.root": "one"}, r"1 folders for 2 datasets \(squares, more\)"),
        ({"data.deal": "often"}, r"expected one of size, evenly"),
    ],
)
def test_what_cannot_be_meant_is_a_sentence(toy_registry: Registry, said: dict[str, object], told: str) -> None:
    """Before anything is read."""
    with pytest.raises(UsageError) as caught:
        make_plan([Layer("flag", COMMON | TWO_CLASSES | said)], toy_registry, {})
    assert re.search(told, f"{caught.value.message}; {caught.value.hint}")


def test_evenly_is_as_many_of_each_in_every_batch() -> None:
    """Of 3 and 9 cases every pair has one of each, the larger's come once an epoch; another epoch has another order."""
    deal = EvenDeal(("a",) * 3 + ("b",) * 9)
    one, two = ([case for case, _ in deal.epoch([], 12, 0, epoch)] for epoch in (0, 1))
    assert one == [case for case, _ in deal.epoch([], 12, 0, 0)] != two
    for first in range(0, 12, 2):
        assert {deal.datasets[case] for case in one[first : first + 2]} == {"a", "b"}
    shown = Counter(one)
    assert max(shown[case] for case in range(3, 12)) == 1
    assert [shown[case] for case in range(3)] == [2, 2, 2]
    assert len({one[place] < 3 for place in range(0, 12, 2)}) == 2


@pytest.mark.usefixtures("no_report")
def test_any_reader_may_say_where_its_cases_come_from(toy_registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stranger's dataset of several places is scored for each, and dealt evenly, as several datasets are."""
    import segkit_toy

    squares: Any = segkit_toy.Squares
    monkeypatch.setattr(squares, "datasets", ("even", "odd"), raising=False)
    monkeypatch.setattr(squares, "dataset_of", lambda self, case: ("even", "odd")[int(case[-1]) % 2], raising=False)
    monkeypatch.setattr(squares, "deals_evenly", True, raising=False)
    said = {"components.arch": "net", "components.data": "squares", "run.device": "cpu", "train.epochs": 1}
    plan = make_plan([Layer("flag", said)], toy_registry, {})
    sampler = build_sampler(plan)
    assert isinstance(sampler, EvenDeal)
    assert sampler.datasets == ("even", "odd") * 3
    found = run_job(plan, None, Progress()).summary["datasets"]
    assert {name: rows[0]["n_cases"] for name, rows in found.items()} == {"even": 2, "odd": 1}


@pytest.mark.parametrize("deal", ["size", "evenly"])
@pytest.mark.usefixtures("no_report")
def test_a_run_scores_each_dataset_and_resumes_to_the_same_model(
    toy_registry: Registry, deal: str, same_when_resumed: Callable[..., tuple[RunResult, Resume]]
) -> None:
    """Rows of each dataset are the means of its cases, with n; stopped and resumed it is the undisturbed run's file."""
    whole, _ = same_when_resumed(partial(plan_of, toy_registry, data__deal=deal), toy_registry)

    with (whole.folder / "cases.csv").open(newline="") as stream:
        cases = list(csv.DictReader(stream))
    told = {
        (name, row["class"]): (row["n"], row["mean"])
        for name, rows in whole.summary["datasets"].items()
        for row in rows
        if row["metric"] == "overlap" and row["class"].startswith("class")
    }
    assert set(told) == {("squares", "class-1"), ("more", "class-1"), ("more", "class-2")}
    for (name, label), (n, mean) in told.items():
        own = [float(row["overlap"]) for row in cases if row["case"].startswith(f"{name}_") and row["class"] == label]
        assert (n, mean) == (len(own), pytest.approx(np.mean(own)))
    header = read_model(whole.folder / "model.safetensors")[1]
    assert header["task"]["classes"] == ["class-1", "class-2"]
    assert "/" not in json.dumps([item for item in header["components"] if item["kind"] == "data"])


@pytest.mark.usefixtures("no_report")
def test_a_case_of_one_dataset_that_another_trains_on_is_found(toy_registry: Registry) -> None:
    """By content, whatever it is called: the leak guard looks at all datasets together."""
    first = toy_registry.find("data", "squares")
    reader = first.load()
    for name in ("one", "two"):
        Path(name).mkdir()
        reader.make_sample(Path(name), first.component.params())
    for file in Path("two").rglob("*.npy"):
        stored = np.load(file)
        stored[:3] = 255 - stored[:3]
        np.save(file, stored)
    shutil.copy("one/test/test-1.npy", "two/train/renamed.npy")
    roots = os.pathsep.join(("one", "two"))
    plan = plan_of(toy_registry, data__root=roots, data__more_classes=1, train__epochs=1)
    assert plan.config.data.root == os.pathsep.join(str(Path(name).resolve()) for name in ("one", "two"))
    summary = run_job(plan, None, Progress()).summary
    assert summary["leaks"]["scored_and_trained"] == 1


def test_commands_take_several(segkit, tmp_path: Path) -> None:
    """--data and --data-root repeated; the finished run is scored again and looked at by its own config."""
    common = ("--data", "squares", "--data", "more=squares", "--set", "data.more_classes=2")
    done = segkit("run", "--arch", "net", *common, "--epochs", "1", "--output", "here", "--json")
    assert json.loads(done.stdout)["dataset"]["name"] == "segkit-toy:squares + more=segkit-toy:squares"
    again = segkit("evaluate", "here", "--split", "val", "--json")
    found = json.loads(again.stdout)
    assert {name: {row["class"] for row in rows} for name, rows in found["datasets"].items()} == {
        "squares": {"class-1", "all classes"},
        "more": {"class-1", "class-2", "all classes"},
    }
    text = segkit("data", "info", "squares + more=squares", "--set", "data.more_classes=2").output
    assert "classes class-1, class-2" in " ".join(text.split())
    assert "1 folders for 2 datasets" in segkit("run", "--arch", "net", *common, "--data-root", "here", code=2).output


@pytest.fixture
def joint_run(segkit, capsys: pytest.CaptureFixture[str]) -> Path:
    """A model of squares of one class and of two, trained for an epoch."""
    common = ("--data", "squares", "--data", "more=squares", "--set", "data.more_classes=2")
    segkit("run", "--arch", "net", *common, "--epochs", "1", "--output", "here")
    return Path("here")


def mean_of(rows: list[dict[str, Any]], label: str) -> float | None:
    """The mean of the main metric of a class."""
    return next(row["mean"] for row in rows if row["metric"] == "overlap" and row["class"] == label)


def test_a_model_of_several_is_scored_on_one_of_them(segkit, joint_run: Path) -> None:
    """By the name it had among them, with its params: cases, split and scores are those of the run."""
    summary = json.loads((joint_run / "summary.json").read_text())
    for name, labels in (
        ("more", ("class-1", "class-2")),
        ("squares", ("class-1",)),
        ("segkit-toy:squares", ("class-1",)),
    ):
        done = segkit("evaluate", str(joint_run), "--data", name, "--json")
        found = json.loads(done.stdout)
        assert found["split"] == summary["split"] == "test"
        assert found["cases"]["test"] == 3
        assert "neither trained nor selected on these cases" in found["split_note"]
        assert "datasets" not in found
        for label in labels:
            own = summary["datasets"][name.rpartition(":")[2]]
            assert mean_of(found["scores"], label) == mean_of(own, label)
    assert mean_of(found["scores"], "class-2") is None
    assert "note: squares has no class-2: scores are of class-1 alone" in " ".join(done.stderr.split())


def test_one_of_several_in_another_folder(segkit, joint_run: Path) -> None:
    """Its own --data-root alone; whether its cases are the same is then told by their content."""
    import segkit_toy

    Path("elsewhere").mkdir()
    segkit_toy.Squares.make_sample(Path("elsewhere"), segkit_toy.DataParams())
    done = segkit(
        "evaluate", str(joint_run), "--data", "squares", "--data-root", "elsewhere", "--split", "val", "--json"
    )
    found = json.loads(done.stdout)
    assert found["cases"]["val"] == 3
    assert "none of these 3 cases, by content, is one that the model was trained on" in found["split_note"]
    refused = segkit("evaluate", str(joint_run), "--data", "mroe", code=2).output
    assert "no data named 'mroe'" in refused


def test_another_dataset_with_some_of_the_classes(segkit, joint_run: Path) -> None:
    """Scored for these, n of the others is none; one with a class that the model has not is refused."""
    segkit("run", "--arch", "net", "--data", "squares", "--set", "data.classes=3", "--epochs", "1", "--output", "three")
    found = json.loads(segkit("evaluate", "three", "--data", "squares", "--set", "data.classes=2", "--json").stdout)
    rows = {row["class"]: row["n"] for row in found["scores"] if row["metric"] == "overlap"}
    assert (rows["class-3"], rows["class-2"] > 0) == (0, True)
    refused = segkit("evaluate", str(joint_run), "--data", "squares", "--set", "data.squares_classes=3", code=2)
    assert "has classes class-1, class-2, class-3, the model class-1, class-2" in refused.output


BOTH_DATA = ("--data", "squares", "--data", "more=squares", "--set", "data.more_classes=2")


def test_compare_tells_each_dataset(segkit) -> None:
    """Two networks on both: scores by dataset and class are the means of their cases, in JSON, CSV and page."""
    short = ("--epochs", "1", "--device", "cpu", "--set", "explain.cases=best")
    done = segkit("compare", "--arch", "net", "--arch", "solid", *BOTH_DATA, *short, "--output", "both", "--json")
    record = json.loads(done.stdout)
    own = {name: {row["class"] for row in rows} for name, rows in record["datasets"].items()}
    assert own == {"squares": {"class-1"}, "more": {"class-1", "class-2", "all classes"}}
    for model in record["models"]:
        summary = json.loads(Path("both", "runs", model["runs"][0], "summary.json").read_text())
        for name, rows in record["datasets"].items():
            told = {row["class"]: row for row in rows if (row["model"], row["metric"]) == (model["label"], "overlap")}
            for label in own[name] - {"all classes"}:
                assert told[label]["mean"] == pytest.approx(mean_of(summary["datasets"][name], label))
                assert told[label]["n"] == 3
    assert Path("both/datasets.csv").read_text().count("\nmore,") == 2 * 2 * 3
    page = " ".join(Path("both/report.html").read_text(encoding="utf-8").split())
    assert "On dataset more: overlap, class-2" in page
    assert "On dataset squares: overlap, class-1" in page


def test_sweep_searches_on_several(segkit) -> None:
    """The trials and the comparison are of both; its name says so."""
    vary = ("--vary", "train.learning_rate=0.01,0.1", "--trials", "2", "--seeds", "1", "--epochs", "1")
    done = segkit("sweep", "--arch", "net", *BOTH_DATA, "--device", "cpu", *vary, "--json")
    assert json.loads(done.stdout)["trials"]
    [folder] = Path("sweeps").iterdir()
    assert folder.name == "net-squares-and-more-learning_rate"
    compared = json.loads((folder / "comparison" / "comparison.json").read_text())
    assert set(compared["datasets"]) == {"squares", "more"}


@pytest.mark.parametrize("mode", ["slices", "slab", "patches"])
@pytest.mark.usefixtures("no_report")
def test_volumes_of_several_datasets(
    toy_registry: Registry, mode: str, same_when_resumed: Callable[..., tuple[RunResult, Resume]]
) -> None:
    """In every mode of volumes, dealt evenly: each scored apart, and stopped and resumed the undisturbed run's file."""
    said = {"components.arch": "solid", "components.data": "blocks + more=blocks", "data.mode": mode}
    said |= {
        "data.deal": "evenly",
        "data.more_coarse": "true",
        "data.patches": 2,
        "run.device": "cpu",
        "run.threads": 1,
    }

    def plan_volumes(**values: object) -> Plan:
        flags = {name.replace("__", "."): value for name, value in values.items()}
        return make_plan([Layer("flag", said | flags)], toy_registry, {})

    whole, _ = same_when_resumed(plan_volumes, toy_registry)
    assert {name: rows[0]["n_cases"] for name, rows in whole.summary["datasets"].items()} == {"blocks": 2, "more": 2}


def test_patches_dealt_evenly_are_centred_as_ever(toy_registry: Registry) -> None:
    """A share of them on a label of the case, as data.foreground says: dealing says nothing of where they lie."""
    said = {"components.arch": "solid", "components.data": "blocks + more=blocks", "data.mode": "patches"}
    said |= {"data.deal": "evenly", "data.size": (8, 8, 8), "data.foreground": 1.0, "data.patches": 6}
    job = start_job(
        make_plan([Layer("flag", said)], toy_registry, {}),
        Ranks.from_environment(),
        Progress(),
        StopRequest(print),
        None,
    )
    store = open_stores(job)["train"]
    batches = make_batches(job, store, make_preprocessing(job.plan, store), 4, job.plan.config.augment)
    assert isinstance(batches.sampler, EvenDeal)
    assert batches.source.volumes
    shown = batches.sampler.epoch([], batches.samples, 0, 1)
    parts = [batches.source.take(0, 1, index, place) for index, place in enumerate(shown)]
    assert all(((part.mask > 0) & (part.mask < 255)).any() for part in parts)
