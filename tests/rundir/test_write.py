"""What a run writes down about itself."""

import json
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest

from segkit.config import Layer
from segkit.data.case import Case
from segkit.discovery import Registry
from segkit.planning.plan import Plan, make_plan
from segkit.rundir.write import (
    component_versions,
    history_line,
    model_header,
    params_record,
    references_digest,
    task_record,
    without_folders,
)
from segkit.version import __version__


def plan_of(registry: Registry, **values: object) -> Plan:
    """Make a plan of flags, written as section__field=value."""
    flags = {name.replace("__", "."): value for name, value in values.items()}
    return make_plan([Layer("flag", {"components.arch": "net", "components.data": "squares", **flags})], registry, {})


def test_every_component_has_kind_name_and_version(toy_registry: Registry) -> None:
    """In the order of the config: what a later command needs to name what is not installed."""
    listed = component_versions(plan_of(toy_registry, components__explainers="glow"))
    assert [(item["kind"], item["name"]) for item in listed] == [
        ("arch", "segkit-toy:net"),
        ("data", "segkit-toy:squares"),
        ("loss", "segkit-toy:bernoulli"),
        ("metric", "segkit-toy:overlap"),
        ("metric", "segkit-toy:miss"),
        ("explainer", "segkit-toy:glow"),
    ]
    assert {item["version"] for item in listed} == {"1.0"}


def test_params_say_which_of_them_were_said(toy_registry: Registry) -> None:
    """A flag said one; a recipe, an architecture's wish and a default said none; who it was is not told."""
    plan = plan_of(toy_registry, arch__centred=True, metric__miss__offset=3)
    assert params_record(plan.config, "arch", "net") == {"params": {"width": 6, "centred": True}, "said": ["centred"]}
    assert params_record(plan.config, "metric", "miss")["said"] == ["offset"]
    assert params_record(plan.config, "metric", "overlap")["said"] == []


@dataclass(frozen=True)
class Files:
    table: Path = Path("/home/anna/clinic/table.csv")
    width: int = 3
    other: Path | None = None


def test_folders_of_params_are_kept_private() -> None:
    """Of a path the file's name alone."""
    assert without_folders(Files()) == {"table": "table.csv", "width": 3, "other": "none"}


def test_a_header_is_the_same_for_the_same_model(toy_registry: Registry) -> None:
    """Name, output, workers and who said a setting are not in it; settings, seed, cases and what chose it are."""
    # Two photographs of one patient: sides 4 and 2, no spacing, 5 quantiles of 3 channels, a share of the class.
    rows = [[2.0, 1.0, None, None, *[0.5] * 15, share] for share in (0.25, 0.75)]
    stores = {
        split: SimpleNamespace(
            fingerprint=f"of {split}",
            contents=["b", "a"],
            numbers=rows,
            cases=[Case("b", group="p"), Case("a", group="p")],
        )
        for split in ("train", "val")
    }
    preprocessing = SimpleNamespace(to_dict=lambda: {"mode": "slices"})

    def header(**values: object) -> dict:
        plan = plan_of(toy_registry, **values)
        return model_header(plan, preprocessing, stores, "epoch 3", [{"mean": 0.5}], selected_on="val")

    first = header(run__seed=3, evaluate__minimum_size=7)
    elsewhere = {"run__name": "mine", "run__output": "there", "run__workers": 3}
    assert header(run__seed=3, evaluate__minimum_size=7, **elsewhere) == first
    assert header(run__seed=4, evaluate__minimum_size=7) != first
    assert first["segkit"] == __version__
    assert first["task"] == {"in_channels": 3, "classes": ["class-1"], "spatial_dims": 2}
    assert (first["weights"], first["selected_on"]) == ("epoch 3", "val")
    assert first["scores"] == {"split": "test", "rows": [{"mean": 0.5}]}
    assert first["data"] == {"train": "of train", "val": "of val"}
    assert first["postprocess"] == {"minimum_size": 7}
    assert first["likeness"]["patients"] == 1
    assert first["likeness"]["rows"] == [[2.0, 1.0, None, None, *[0.5] * 15, 0.5]]
    assert len(first["likeness"]["columns"]) == 20
    assert (first["training"]["seed"], first["training"]["epochs"]) == (3, 3)
    assert first["training"]["augment"]["rotation"] == 20
    assert first["generated_sample"] is True
    assert first["loss"] == "segkit-toy:bernoulli"
    assert first["components"][0] | {"params": 0} == {
        "kind": "arch", "name": "segkit-toy:net", "version": "1.0", "params": 0, "said": []
    }  # fmt: skip


def test_the_task_is_that_of_the_network(toy_registry: Registry) -> None:
    """In mode slab every slice brings its channel."""
    flags = {"components__arch": "solid", "components__data": "blocks", "data__mode": "slab", "data__slab": 5}
    assert task_record(plan_of(toy_registry, **flags)) == {
        "in_channels": 5, "classes": ["low", "high"], "spatial_dims": 2
    }  # fmt: skip


@pytest.mark.parametrize(("field", "value"), [("case", "b"), ("group", "q"), ("reference_digest", "2")])
def test_only_the_same_cases_with_the_same_masks_are_equal(field: str, value: str) -> None:
    """Their order does not count; an id, a patient or a mask does; no patient is as good as none said."""
    one = {"case": "a", "group": None, "reference_digest": "1"}
    two = {"case": "c", "group": "p", "reference_digest": "3"}

    def digest(*rows: dict) -> str:
        return references_digest([SimpleNamespace(**row) for row in rows])

    assert digest(one, two) == digest(two, {**one, "group": ""})
    assert digest(one, two) != digest({**one, field: value}, two)
    assert digest(one) != digest(one, two)


def test_a_line_of_history_is_one_line() -> None:
    """Whatever is in it; nan and infinities are what JSON can hold."""
    line = history_line({"epoch": 3, "loss": float("nan"), "note": "a\nb"})
    assert line.count("\n") == 1
    assert line.endswith("\n")
    assert json.loads(line)["epoch"] == 3


@dataclass(frozen=True)
class TextParams:
    """A param that holds a path as text, and one that only looks a little like it."""

    splits: str | None = "/home/somebody/study/splits.csv"
    home: str = "~/study/classes.toml"
    windows: str = r"C:\\Users\\somebody\\classes.toml"
    patient: str = r"(\w+)_image"
    own: str = "splits.csv"


def test_paths_that_are_text_are_cut_too() -> None:
    """Of an absolute path only the file's name is handed on; patterns and names stay as they are."""
    assert without_folders(TextParams()) == {
        "splits": "splits.csv",
        "home": "classes.toml",
        "windows": "classes.toml",
        "patient": r"(\w+)_image",
        "own": "splits.csv",
    }
