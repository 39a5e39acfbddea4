"""`segkit list`."""

from __future__ import annotations

import json

import pytest

import segkit
from segkit.cli.completion import KINDS_BY_WORD
from segkit.data import normalize
from segkit.declarations.parts import EVERY_KIND, PARTS

LINES = """\
arch\tnet\tA net.\tsegkit-net\t1.0
data\tvolumes\tSome volumes.\tsegkit-net\t1.0
loss\tone:overlap\tOne's overlap.\tone\t1.0
loss\ttwo:overlap\tTwo's overlap.\ttwo\t1.0
metric\tdistance\tA distance.\tone\t1.0
metric\toverlap\tOverlap.\ttwo\t1.0
"""
WARNINGS = """\
warning: plugin broken 1.0 did not load: ImportError: no module named rare (see: segkit plugins)
warning: loss 'overlap' is provided by several plugins: say one:overlap or two:overlap
"""


def of_plugins(text):
    """The lines of what plugins provide."""
    return "".join(line for line in text.splitlines(True) if "\tsegkit-core\t" not in line)


def test_piped_list(invoke):
    """In a pipe: one tab-separated line per component, by kind and name; warnings go to stderr."""
    result = invoke("list")
    assert (result.exit_code, of_plugins(result.stdout), result.stderr) == (0, LINES, WARNINGS)


def test_what_the_core_carries_out_itself_is_listed(invoke):
    """Whoever looks for an optimizer finds all there are; each is described, with the setting that names it."""
    lines = [line.split("\t") for line in invoke("list", "optimizers").stdout.splitlines()]
    assert [(kind, name, plugin) for kind, name, _, plugin, _ in lines] == [
        ("optimizer", "adam", "segkit-core"),
        ("optimizer", "adamw", "segkit-core"),
    ]
    listed = [item for item in json.loads(invoke("list", "--json").stdout) if item["distribution"] == "segkit-core"]
    names = {(item["kind"], item["name"]) for item in listed}
    assert names >= {("schedule", "cosine"), ("normalization", "ct"), ("exporter", "onnx")}
    assert names == {(kind, name) for kind, cls in PARTS.items() for name in cls.own}
    for kind, name in names:
        text = invoke("info", name).stdout
        assert text.startswith(f"{kind}\t{name}\t")
        setting = PARTS[kind].setting
        assert not setting or f"--set {setting}={name}" in text
    (one,) = json.loads(invoke("info", "segkit-core:cosine", "--json").stdout)
    assert (one["full_name"], one["setting"]) == ("segkit-core:cosine", "train.schedule")


def test_the_cores_own_names_are_what_settings_take():
    """A summary of what is not there would be as wrong as a missing one."""
    assert {*PARTS["normalization"].own} == {*normalize.KINDS}


def test_one_kind(invoke):
    """A kind shows only its own components, and what is contested in other kinds is not mentioned."""
    result = invoke("list", "metric")
    assert result.stdout == "".join(line for line in LINES.splitlines(True) if line.startswith("metric"))
    assert "overlap" not in result.stderr


def test_json_list(invoke):
    """--json gives the same components as objects, with warnings still apart."""
    result = invoke("list", "--json")
    listed = json.loads(result.stdout)
    assert [(item["kind"], item["full_name"]) for item in listed][:3] == [
        ("arch", "segkit-net:net"),
        ("data", "segkit-net:volumes"),
        ("loss", "one:overlap"),
    ]
    assert listed[0]["aliases"] == ["n-net"]
    assert [item["full_name"] for item in listed if item["shared_name"]] == ["one:overlap", "two:overlap"]
    assert result.stderr == WARNINGS


def test_list_on_a_terminal(invoke, monkeypatch):
    """Written for people: a head, and each kind once above its components."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "100")
    result = invoke("list")
    assert "\x1b[" in result.stdout
    assert result.stdout.count("metric") == 1
    assert "summary" in result.stdout


def test_nothing_installed(invoke, plugins):
    """An empty list says why on stderr, as JSON too."""
    plugins.clear()
    assert invoke("list").stderr == "warning: no plugin provides a component\n"
    assert invoke("list", "explainer").stderr == "warning: no plugin provides a component of kind explainer\n"
    assert {item["distribution"] for item in json.loads(invoke("list", "--json").stdout)} == {"segkit-core"}
    assert json.loads(invoke("list", "arch", "--json").stdout) == []


def test_no_plugins_before_or_behind(invoke):
    """--no-plugins is taken in either place."""
    assert invoke("--no-plugins", "list").stdout == invoke("list", "--no-plugins").stdout
    assert of_plugins(invoke("list", "--no-plugins").stdout) == ""


@pytest.mark.parametrize("word", ["loss", "losses", "LOSSES", "Loss"])
def test_plurals(invoke, word):
    """What people call a kind is understood."""
    assert invoke("list", word).stdout == "".join(line for line in LINES.splitlines(True) if line.startswith("loss"))


def test_every_kind_has_a_plural():
    """Each kind is understood in the plural, and no word means two."""
    assert {"architectures", "datasets", "losses", "metrics", "explainers", "optimizers"} <= set(KINDS_BY_WORD)
    assert set(KINDS_BY_WORD.values()) == set(EVERY_KIND)


def test_many_components_are_shown_by_name(invoke, plugins, monkeypatch):
    """What would run off a terminal is names alone, and how to have the rest; a pipe gets every line."""
    plugins["many"] = [
        segkit.Metric(name=f"m{number}", measure="m:g", factory="m:f", summary="S.") for number in range(60)
    ]
    assert len(of_plugins(invoke("list").stdout).splitlines()) == 66
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")
    text = invoke("list").stdout
    assert len(text.splitlines()) < 20
    assert "with a summary of each: segkit list arch" in text
