"""Whose fault an error is."""

from __future__ import annotations

import json
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pluggy
import pytest
from click.testing import CliRunner, Result

from segkit import Launcher, RunInfo, SearchedSetting, Searcher, SegkitError, StudyInfo
from segkit.cli import strangers
from segkit.cli.main import main
from segkit.declarations import hookspecs
from segkit.declarations.installed import Plugin
from segkit.discovery import Found, Registry
from segkit.jobs.culprit import Culprit, culprit_of
from segkit.jobs.events import Events
from segkit.jobs.launch.engine import open_engine
from segkit.jobs.sweep.search import open_search

STRANGER = """
import segkit

@segkit.hookimpl
def segkit_losses():
    names = ("build", "call", "chatty")
    return [segkit.Loss(name=name, factory=f"stranger_loss:{name}", summary="Odd.") for name in names]

@segkit.hookimpl
def segkit_metrics():
    return [segkit.Metric(name="odd", factory="stranger_loss:score", measure="stranger_loss:measure", summary="Odd.")]

@segkit.hookimpl
def segkit_architectures():
    return [segkit.Architecture(name="odd-net", factory="stranger_net:build", summary="Odd.")]
"""
LOSS = """
def build(task, params):
    return 1 / 0

def call(task, params):
    def loss(logits, mask):
        raise KeyError("weights")
    return loss

def chatty(task, params):
    print("building")
    def loss(logits, mask):
        print("a step")
        return logits.square().flatten(1).mean(1)
    return loss

def measure(prediction, mask, spacing, task, options):
    raise IndexError("no such class")

def score(task, params):
    return lambda measurement: 1
"""
NET = """
from torch import nn

class Net(nn.Module):
    def __init__(self, task):
        super().__init__()
        self.convolution = nn.Conv2d(task.in_channels, task.out_channels, 1)

    def forward(self, x):
        return self.convolution(x).view(-1, 7, 7)

def build(task, params):
    return Net(task)
"""
TOY = ("run", "--arch", "net", "--data", "squares", "--device", "cpu", "--epochs", "1", "--set", "data.cases=4")


@pytest.fixture
def installed(toy_registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Registry:
    """The toy plugin and a stranger's whose parts fail."""
    for name, text in {"stranger": STRANGER, "stranger_loss": LOSS, "stranger_net": NET}.items():
        (tmp_path / f"{name}.py").write_text(text)
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.syspath_prepend(str(tmp_path))
    toy_registry.add(Plugin("segkit-stranger", "0.3", EntryPoint("stranger", "stranger", "segkit")))
    assert not toy_registry.failed, toy_registry.failed[0].reason
    monkeypatch.setattr(Registry, "discover", classmethod(lambda cls, **_: toy_registry))
    monkeypatch.setattr("segkit.jobs.run.write_report", lambda folder, *_, **__: (folder / "report.html").touch())
    strangers.registry.cache_clear()
    return toy_registry


def run(*args: str) -> Result:
    """Run the toy job."""
    return CliRunner().invoke(main, [*TOY, "--set", "components.explainers=none", *args])


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--loss", "build"), "ZeroDivisionError: division by zero, in stranger_loss.py line 3"),
        (("--loss", "call"), "KeyError: 'weights', in stranger_loss.py line 7"),
        (("--metric", "odd"), "IndexError: no such class, in stranger_loss.py line"),
        (("--arch", "odd-net"), "plugin segkit-stranger 0.3 (arch odd-net): RuntimeError: shape"),
    ],
)
def test_what_a_stranger_s_code_raises_is_told_as_its_own(
    installed: Registry, args: tuple[str, ...], said: str
) -> None:
    """Factory, loss, measure and forward: plugin, version, component, file and line; never an internal error."""
    result = run(*args)
    assert result.exit_code == 1
    assert said in result.stderr
    assert "plugin segkit-stranger 0.3" in result.stderr
    assert "report it to its author; --traceback shows where" in result.stderr
    assert "internal error" not in result.stderr


def test_segkit_s_own_faults_stay_its_own(installed: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever plugins take part in the run."""
    monkeypatch.setattr("segkit.jobs.run.score_split", lambda *_: 1 / 0)
    result = run("--loss", "chatty")
    assert "internal error: ZeroDivisionError" in result.stderr


def test_a_plugin_that_only_takes_part_is_no_culprit(installed: Registry) -> None:
    """An error that none of its frames is in."""
    with pytest.raises(ValueError, match="mine") as caught:
        raise ValueError("mine")
    assert culprit_of(caught.value, installed.plugins) is None


def test_json_stays_valid_when_a_loss_prints(installed: Registry) -> None:
    """What it prints goes to stderr."""
    result = run("--loss", "chatty", "--json")
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["name"]
    assert "a step" in result.stderr


@pytest.mark.parametrize(
    ("components", "said"), [(("a", "b", "c"), " (a, b, c)"), (("a", "b", "c", "d"), ""), ((), "")]
)
def test_the_components_of_a_large_plugin_are_not_listed(components, said) -> None:
    """Up to three are named; of more, and of none, the plugin's name has to do."""
    plugin = Plugin("segkit-x", "1.0", EntryPoint("x", "x", "segkit"))
    error = Culprit(plugin, tuple(components), "x.py line 3").error(ValueError("no"))
    assert error.message == f"plugin segkit-x 1.0{said}: ValueError: no, in x.py line 3"


ELSEWHERE = """
import segkit

def build(params):
    raise KeyError("token")

class Broken:
    def __init__(self, study=None):
        pass

    def submit(self, arguments, folder):
        return {}["host"]

    def state(self, id):
        return "running"

    def cancel(self, id):
        pass

    def suggest(self, number, trials):
        return {}["host"]

def broken(params):
    return Broken()

def searching(params):
    return Broken

@segkit.hookimpl
def segkit_epoch_ended(run, record):
    return record["accuracy"]
"""


@pytest.fixture
def elsewhere(tmp_path, monkeypatch) -> Plugin:
    """Launchers, searchers and an event hook that raise."""
    (tmp_path / "stranger_elsewhere.py").write_text(ELSEWHERE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr("segkit.jobs.culprit.contact_of", lambda name: f"https://{name}.example")
    components = [
        kind(name=name, factory=f"stranger_elsewhere:{factory}", summary="Odd.")
        for kind, names in (
            (Launcher, {"unbuilt-launcher": "build", "odd-launcher": "broken"}),
            (Searcher, {"unbuilt-searcher": "build", "odd-searcher": "searching"}),
        )
        for name, factory in names.items()
    ]
    point = EntryPoint("odd", "stranger_elsewhere", "segkit")
    return Plugin("segkit-odd", "1.0", point, ("segkit-core>=0.1,<0.2",), components=components)


def test_launchers_are_told_by_name_place_and_author(elsewhere, tmp_path) -> None:
    """What the factory raises, and what submitting does."""
    registry = Registry()
    registry.plugins = [elsewhere]
    with pytest.raises(SegkitError) as unbuilt:
        open_engine("unbuilt-launcher", {}, None, registry)
    engine = open_engine("odd-launcher", {}, None, registry)
    with pytest.raises(SegkitError) as asked:
        engine.submit([(["true"], tmp_path)])
    said = "launcher segkit-odd:unbuilt-launcher cannot be used: KeyError: 'token', in stranger_elsewhere.py line 5"
    assert unbuilt.value.message == said
    said = "launcher segkit-odd:odd-launcher: submit failed: KeyError: 'host', in stranger_elsewhere.py line 12"
    assert asked.value.message == said
    way = "see whether its engine runs, or report it to its author (https://segkit-odd.example)"
    assert {unbuilt.value.hint, asked.value.hint} == {way}


def test_searchers_are_told_by_name_place_and_author(elsewhere, tmp_path) -> None:
    """What the factory raises, and what suggesting does."""
    study = StudyInfo(tmp_path, "study", (SearchedSetting("train.epochs", ("1", "2")),), True, 0)
    searcher, odd = (Found(elsewhere, one) for one in elsewhere.components[2:])
    with pytest.raises(SegkitError) as unbuilt:
        open_search(searcher, None, study)
    with pytest.raises(SegkitError) as asked:
        open_search(odd, None, study).suggest(0, [])
    said = "searcher segkit-odd:unbuilt-searcher cannot be used: KeyError: 'token', in stranger_elsewhere.py line 5"
    assert unbuilt.value.message == said
    said = "searcher segkit-odd:odd-searcher: suggest failed: KeyError: 'host', in stranger_elsewhere.py line 21"
    assert asked.value.message == said
    for error in (unbuilt.value, asked.value):
        assert "report it to its author (https://segkit-odd.example)" in str(error.hint)


def test_event_hooks_are_told_by_name_place_and_author(elsewhere, tmp_path) -> None:
    """Once; the run goes on."""
    manager, told = pluggy.PluginManager("segkit"), []
    manager.add_hookspecs(hookspecs)
    manager.register(elsewhere.entry_point.load(), "segkit-odd/odd")
    events = Events(manager, told.append, RunInfo(tmp_path, {}, 1, "cpu", resumed=False))
    for _ in range(2):
        events.epoch_ended({"epoch": 1})
    assert told == [
        "plugin segkit-odd: segkit_epoch_ended failed (KeyError: 'accuracy', in stranger_elsewhere.py line 31); "
        "it is not called again in this run, report it to its author (https://segkit-odd.example)"
    ]
