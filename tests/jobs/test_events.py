"""Events: what plugins hear of a run, and that none of them can stop it."""

from __future__ import annotations

import json
import types

import pluggy
import pytest

import segkit
from segkit.config import Layer
from segkit.contracts import RunInfo
from segkit.declarations import hookspecs
from segkit.declarations.installed import Plugin
from segkit.discovery import Registry
from segkit.engine.progress import Progress
from segkit.jobs.events import SILENT, Events
from segkit.jobs.run import run_job
from segkit.planning.plan import make_plan
from segkit.testing import events as kit


@pytest.fixture
def info(tmp_path):
    """A run that is told of."""
    return RunInfo(tmp_path, {"train.epochs": 2}, 10, "cpu")


def events_of(told, **modules):
    """Events heard by modules of hook implementations, by plugin name."""
    manager = pluggy.PluginManager("segkit")
    manager.add_hookspecs(hookspecs)
    for name, functions in modules.items():
        module = types.ModuleType(name)
        for hook, function in functions.items():
            setattr(module, hook, segkit.hookimpl(function))
        manager.register(module, f"{name}/entry")
    return Events(manager, told.append)


def listener(heard):
    """Implementations that write down what they hear."""

    def segkit_run_started(run):
        heard.append(("started", run.folder.name))

    def segkit_epoch_ended(record):
        heard.append(("epoch", record["epoch"]))

    def segkit_run_ended(status, summary):
        heard.append((status, dict(summary)))

    return {function.__name__: function for function in (segkit_run_started, segkit_epoch_ended, segkit_run_ended)}


def test_what_is_heard_in_order(info):
    """Start, every epoch, and the end with the summary that was written; arguments may be left out."""
    heard = []
    events = events_of([], good=listener(heard))
    with events.during(info):
        events.epoch_ended({"epoch": 1})
        events.epoch_ended({"epoch": 2})
        (info.folder / "summary.json").write_text('{"scores": []}')
    assert heard == [("started", info.folder.name), ("epoch", 1), ("epoch", 2), ("finished", {"scores": []})]


@pytest.mark.parametrize(("error", "status"), [(KeyboardInterrupt, "stopped"), (ValueError, "failed")])
def test_how_a_run_ends_otherwise(error, status, info):
    """The error goes on its way."""
    heard = []
    events = events_of([], good=listener(heard))
    with pytest.raises(error), events.during(info):
        raise error
    assert heard[-1] == (status, {})


@pytest.mark.parametrize("error", [RuntimeError("no\ndisk"), SystemExit(3)])
def test_a_failing_hook_is_told_once_and_left_out(error, info):
    """Others hear on; the run is not stopped."""
    heard, told = [], []

    def segkit_epoch_ended(record):
        raise error

    events = events_of(told, bad={"segkit_epoch_ended": segkit_epoch_ended}, good=listener(heard))
    with events.during(info):
        events.epoch_ended({"epoch": 1})
        events.epoch_ended({"epoch": 2})
    assert [what for what, _ in heard] == ["started", "epoch", "epoch", "finished"]
    (line,) = told
    assert line.startswith(f"plugin bad: segkit_epoch_ended failed ({type(error).__name__}")
    assert "\n" not in line


def test_what_a_hook_prints_is_no_result(info, capsys):
    """It goes to stderr."""
    events = events_of([], chatty={"segkit_run_started": lambda: print("hello")})
    with events.during(info):
        pass
    assert capsys.readouterr() == ("", "hello\n")


def test_nobody_listens(info):
    """Without a registry nothing is called."""
    with SILENT.during(info):
        SILENT.epoch_ended({"epoch": 1})


def test_a_plugin_that_only_listens_loads_without_a_note():
    """It declares no component, and need not."""
    module = types.ModuleType("listening")
    module.segkit_epoch_ended = segkit.hookimpl(lambda record: None, specname="segkit_epoch_ended")
    registry = Registry()
    point = types.SimpleNamespace(name="listening", load=lambda: module)
    registry.add(Plugin("segkit-listening", "1.0", point, ("segkit-core>=0.1,<1",)))
    assert (registry.plugins[0].status, registry.plugins[0].notes) == ("ok", [])


def test_a_job_tells_its_events(toy_registry, monkeypatch):
    """Every epoch is told with its line of history.jsonl, and the end with summary.json; resuming is told too."""
    monkeypatch.setattr("segkit.jobs.run.write_report", lambda *_, **__: None)
    heard = []

    def segkit_run_started(run):
        heard.append(("started", (run.folder / "config.toml").is_file(), run.config["train.epochs"], run.resumed))

    def segkit_epoch_ended(run, record):
        written = (run.folder / "history.jsonl").read_text().splitlines()
        heard.append(("epoch", json.loads(written[-1]) == record))
        assert record.keys() == (kit.TRAINED | kit.VALIDATED).keys(), "the kit tells plugins what a run tells them"

    def segkit_run_ended(run, status, summary):
        heard.append((status, summary == json.loads((run.folder / "summary.json").read_text())))
        assert kit.SUMMARY.keys() <= summary.keys()
        assert kit.SUMMARY["scores"][0].keys() <= summary["scores"][0].keys()

    functions = (segkit_run_started, segkit_epoch_ended, segkit_run_ended)
    told = []
    events = events_of(told, good={function.__name__: function for function in functions})
    values = {"components.arch": "net", "components.data": "squares", "run.device": "cpu", "train.epochs": 2}
    plan = make_plan([Layer("flag", values)], toy_registry, {})
    run_job(plan, None, Progress(), events=events)
    assert heard == [("started", True, 2, False), ("epoch", True), ("epoch", True), ("finished", True)]
    assert told == []


def test_a_plugin_that_failed_in_an_epoch_hears_of_the_end(info):
    """The failing hook is left out from there on, the others are not."""
    told, heard = [], []

    def segkit_epoch_ended(record):
        raise RuntimeError("no disk")

    hooks = {"segkit_epoch_ended": segkit_epoch_ended, "segkit_run_ended": lambda status: heard.append(status)}
    with events_of(told, bad=hooks).during(info):
        pass
    events = events_of(told, bad=hooks)
    with events.during(info):
        events.epoch_ended({"epoch": 1})
        events.epoch_ended({"epoch": 2})
    assert len(told) == 1
    assert heard == ["finished", "finished"]
