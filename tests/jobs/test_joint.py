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
from segkit.engine.progress import Progress
from segkit.errors import UsageError
from segkit.jobs.run import RunResult, run_job
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
