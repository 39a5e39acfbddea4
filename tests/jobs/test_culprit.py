"""Whose fault an error is."""

from __future__ import annotations

import json
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from segkit.cli import strangers
from segkit.cli.main import main
from segkit.declarations.installed import Plugin
from segkit.discovery import Registry
from segkit.jobs.culprit import Culprit, culprit_of

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
