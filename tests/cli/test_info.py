"""`segkit info`."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from segkit.cli.main import main
from segkit.discovery import Registry
from segkit.settings import SECTIONS

NET = """\
arch\tnet\tA net.
full name\tsegkit-net:net
version\t1.0
aliases\tn-net
reference\tSomebody, 2015
spatial dims\t2,3
layers\tlast = decoder.0
factory\tnet.model:build
param\tarch.width\tint\t64\t1 to 1024\tChannels of the first level.
param\tarch.norm\tnone | batch\tnone\t\tNormalisation.
param\tarch.size\tlist of int | none\tnone\t>= 8\tGrid.
default in 2D\tarch.norm\tbatch
default in 3D\tarch.width\t16
default in 3D\ttrain.epochs\t5
"""


@pytest.mark.parametrize("name", ["net", "n-net", "segkit-net:net"])
def test_piped_info(invoke, name):
    """In a pipe: everything the declaration says, line by line, with the names that --set takes."""
    result = invoke("info", name)
    assert (result.exit_code, result.stdout) == (0, NET)


def test_json_info(invoke):
    """--json gives every field and param; unlimited ends of a range are null, as JSON knows no infinity."""
    (net,) = json.loads(invoke("info", "net", "--json").stdout)
    assert (net["spatial_dims"], net["layers"]) == ([2, 3], {"last": "decoder.0"})
    assert net["defaults"] == {"2": {"arch.norm": "batch"}, "3": {"arch.width": 16, "train.epochs": 5}}
    assert [param["set"] for param in net["params"]] == ["arch.width", "arch.norm", "arch.size"]
    assert (net["params"][2]["default"], net["params"][2]["min"], net["params"][2]["max"]) == (None, 8, None)
    (distance,) = json.loads(invoke("info", "distance", "--json").stdout)
    assert (distance["unit"], distance["range"], distance["poolable"]) == ("mm", [0.0, None], False)
    (volumes,) = json.loads(invoke("info", "volumes", "--json").stdout)
    assert volumes["modes"] == {"slices": 2, "patches": 3}


def test_all_that_answer_are_described(invoke):
    """A name of several kinds or plugins is described for each of them."""
    described = json.loads(invoke("info", "overlap", "--json").stdout)
    assert [(item["kind"], item["full_name"]) for item in described] == [
        ("loss", "one:overlap"),
        ("loss", "two:overlap"),
        ("metric", "two:overlap"),
    ]
    assert invoke("info", "overlap").stdout.count("full name\t") == 3


def test_info_on_a_terminal(invoke, monkeypatch):
    """Written for people: facts and params as tables, and a line to copy."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "100")
    result = invoke("info", "net")
    assert "set with: --set arch.width=64" in result.stdout
    for text in ("A net.", "Somebody, 2015", "1 to 1024", "in 3D"):
        assert text in result.stdout


@pytest.mark.parametrize(
    ("name", "code", "message"),
    [
        ("nte", 2, "error: no component named 'nte' (did you mean 'net'?); see: segkit list; not loaded: broken"),
        ("broken", 1, "error: plugin broken 1.0 did not load: ImportError: no module named rare; reinstall it"),
        ("one:net", 2, "error: no component named 'one:net'"),
    ],
)
def test_unknown_names(invoke, name, code, message):
    """An unknown name is a usage error; one that a broken plugin may have provided gives the reason."""
    result = invoke("info", name)
    assert result.exit_code == code
    assert result.stderr.startswith(message)


@pytest.fixture
def toy_info(toy_registry, monkeypatch):
    """Call `segkit info ARGS` in this process with the toy plugin alone."""
    monkeypatch.setattr(Registry, "discover", classmethod(lambda cls, **_: toy_registry))
    return lambda *args: CliRunner().invoke(main, ["info", *args])


def test_cost_on_a_dataset(toy_info):
    """The dataset's task and size, and what the settings change."""
    result = toy_info("net", "--data", "squares", "--set", "arch.width=5", "--set", "data.size=16x24")
    assert result.exit_code == 0, result.output
    costs = dict(line.split("\t")[1:] for line in result.stdout.splitlines() if line.startswith("cost\t"))
    assert costs["on"] == "segkit-toy:squares, 16x24, 3 -> 1 channels"
    assert costs["parameters"] == f"{3 * 5 * 9 + 5 + 5 + 1:,}"
    assert costs["receptive field"] == "3x3"
    (listed,) = json.loads(
        toy_info("net", "--data", "squares", "--set", "arch.width=5", "--set", "data.size=16x24", "--json").stdout
    )
    assert listed["cost"]["flops"] == 2 * 16 * 24 * (3 * 5 * 9 + 5)
    assert listed["cost"]["receptive_field"] == [3, 3]


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("overlap", "--data", "squares"), "error: segkit-toy:overlap is no architecture; leave out --data"),
        (("net", "--set", "arch.width=5"), "error: --set and --data-root go with --data"),
        (("net", "--data", "cubes"), "error: arch net is built for 2D"),
        (("net", "--data", "squares", "--set", "arch.widht=5"), "error: --set: arch (net) has no 'widht' (did you"),
    ],
)
def test_cost_that_cannot_be_counted(toy_info, args, message):
    """What cannot be meant is a usage error of one line."""
    result = toy_info(*args)
    assert result.exit_code == 2
    assert result.stderr.splitlines()[-1].startswith(message)


def test_settings_are_shown(invoke):
    """Every setting of the core with type, default, limits and sentence; of one section; as JSON."""
    lines = [line.split("\t") for line in invoke("info", "settings").stdout.splitlines()]
    fields = [f"{section}.{field}" for section, kind in SECTIONS.items() for field in kind.__dataclass_fields__]
    assert [line[0] for line in lines] == fields
    assert all(len(line) == 5 and line[1] and line[4].endswith(".") for line in lines)
    train = invoke("info", "settings", "train").stdout.splitlines()
    assert "train.epochs\tint\t20\t1 to 100000\tPasses over the training split." in train
    assert all(line.startswith("train.") for line in train)
    told = json.loads(invoke("info", "settings", "--json").stdout)
    assert [one["setting"] for one in told] == fields


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["settings", "trian"], "settings have no section 'trian' (did you mean 'train'?)"),
        (["net", "train"], "only settings have sections"),
    ],
)
def test_sections_that_are_none(invoke, args, message):
    """What cannot be meant is told."""
    result = invoke("info", *args)
    assert (result.exit_code, message in result.stderr) == (2, True)


def test_a_run_takes_the_preset(invoke, monkeypatch):
    """What a run takes stands before what the component has by itself."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "140")
    assert "16 in 3D; by itself 64" in invoke("info", "net").stdout


def test_recipes_are_shown(toy_run):
    """What a dataset's recipe says, as a run takes it; modes apart."""
    shown = CliRunner().invoke(main, ["info", "squares"]).stdout.splitlines()
    recipe = {line.split("\t")[1]: line.split("\t")[2] for line in shown if line.startswith("recipe\t")}
    assert recipe["components.loss"]
