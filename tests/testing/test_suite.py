"""Checks of distributions and params, known gaps, and the pytest function."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from segkit.declarations import Architecture
from segkit.declarations.installed import Plugin
from segkit.discovery import Registry
from segkit.errors import UsageError
from segkit.testing import plugin_checks
from segkit.testing.check import checks_of
from segkit.testing.suite import Suite

SAMPLES = Path(__file__).parent / "samples"


def net(params="Params", **changes):
    """Declare the sample network with other params."""
    import kit_nets

    fields = {"factory": "kit_nets:build", "summary": "Two convolutions.", "params": getattr(kit_nets, params)}
    return Architecture(**{"name": "net", "layers": {"last": "body"}, **fields, **changes})


def first_checks(suite):
    """Return how the checks of the plugin and of every component came out, without building anything."""
    names = {check.name for check in checks_of("plugin")} | {"params", "resolves"}
    return {item.check.name: suite.outcome(item) for item in suite.items() if item.check.name in names}


def failed(suite):
    """Return the names of those that fail."""
    return [name for name, outcome in first_checks(suite).items() if outcome.status == "failed"]


def test_a_plugin_as_it_should_be(suite_of):
    """It passes what every plugin has to pass."""
    assert failed(suite_of("kit_nets", net())) == []
    assert {check.name for check in checks_of("plugin")} == {
        "loads",
        "core-range",
        "declares-lightly",
        "events",
        "commands",
    }


def test_a_plugin_that_declares_nothing(suite_of):
    """The checks that need components are skipped."""
    outcomes = first_checks(suite_of("kit_nets"))
    assert {name: outcome.status for name, outcome in outcomes.items()} == {
        "loads": "failed",
        "core-range": "skipped",
        "declares-lightly": "skipped",
        "events": "skipped",
        "commands": "skipped",
    }
    assert "@segkit.hookimpl" in str(outcomes["loads"].failure)


EVENTS = {
    "takes-arguments-of-its-own": ("def segkit_run_started(run, colour):", "pass", "no such argument"),
    "wants-a-score": (
        "def segkit_run_ended(run, status, summary):",
        "summary['scores'][0]['mean']",
        "KeyError: 'scores'",
    ),
    "changes-the-record": ("def segkit_epoch_ended(run, record):", "record['mine'] = 1", "TypeError"),
    "counts-on-numbers": (
        "def segkit_epoch_ended(run, record):",
        "[int(value * 100) for value in record.get('val', {}).values()]",
        "TypeError",
    ),
    "wants-validation": ("def segkit_epoch_ended(run, record):", "record['val']", "KeyError: 'val'"),
    "makes-its-folder": ("def segkit_run_started(run):", "(run.folder / 'mine').mkdir()", "FileExistsError"),
}


@pytest.mark.parametrize("way", EVENTS)
def test_hooks_that_fail_on_what_a_run_says(way, suite_of, tmp_path, monkeypatch):
    """They are called as a run calls them: a run that failed has no summary, one that goes on has its folder."""
    head, line, word = EVENTS[way]
    name = f"kit_events_{way.replace('-', '_')}"
    (tmp_path / f"{name}.py").write_text(f"import segkit\n\n@segkit.hookimpl\n{head}\n    {line}\n")
    monkeypatch.syspath_prepend(tmp_path)
    outcomes = first_checks(suite_of(name))
    assert {name: outcome.status for name, outcome in outcomes.items()} == {
        **dict.fromkeys(("loads", "core-range", "declares-lightly"), "passed"),
        "events": "failed",
        "commands": "skipped",
    }
    assert word in str(outcomes["events"].failure)


def test_a_plugin_that_does_not_load(suite_of):
    """Its own reason is told."""
    suite = suite_of("kit_nets")
    suite.plugins[0].error = ImportError("No module named 'absent'")
    assert "No module named 'absent'" in str(first_checks(suite)["loads"].failure)


@pytest.mark.parametrize("requires", [(), ("segkit-core",), ("segkit-core>=99",)])
def test_a_plugin_without_a_range_of_cores(requires, suite_of):
    """No range, or one that excludes this core, fails one check."""
    suite = suite_of("kit_nets", net())
    suite.plugins[0].requires = requires
    assert failed(suite) == ["core-range"]


def test_a_plugin_that_imports_torch_to_declare(suite_of):
    """The library is named."""
    suite = suite_of("kit_heavy", net())
    assert failed(suite) == ["declares-lightly"]
    assert "torch" in str(first_checks(suite)["declares-lightly"].failure)


@pytest.mark.parametrize(("params", "word"), [("OddParams", "words"), ("TerseParams", "help")])
def test_params_that_cannot_be_typed_or_understood(params, word, suite_of):
    """A default has to survive --set, and a help text has to say something."""
    suite = suite_of("kit_nets", net(params))
    assert failed(suite) == ["params"]
    assert word in str(first_checks(suite)["params"].failure)


@pytest.mark.parametrize("name", ["layers", "net:layers", "net 2D:layers"])
def test_a_known_gap_is_no_failure(name, suite_of):
    """It is named by check, by component and check, or more exactly."""
    suite = suite_of("kit_nets", net(layers={"last": "absent"}), xfail={name: "it has no layers"})
    (outcome,) = [suite.outcome(item) for item in suite.items() if item.check.name == "layers"]
    assert (outcome.status, outcome.reason) == ("xfailed", "it has no layers")


def test_a_gap_that_is_closed_is_a_failure(suite_of):
    """Otherwise nobody would take it out."""
    suite = suite_of("kit_nets", net(), xfail={"params": "they are odd"})
    assert "take it out of xfail" in str(first_checks(suite)["params"].failure)


@pytest.mark.parametrize("options", [{"xfail": {"onx": "why"}}, {"params": {"nett": {}}}])
def test_options_that_name_nothing_are_usage_errors(options, suite_of):
    """A slip of the finger is not taken for a gap."""
    with pytest.raises(UsageError, match="did you mean"):
        suite_of("kit_nets", net(), **options).check_options()


def test_a_distribution_that_is_not_installed():
    """The nearest name is offered."""
    registry = Registry()
    registry.plugins = [Plugin("segkit-mynet", "1.0", EntryPoint("mynet", "kit_nets", "segkit"))]
    with pytest.raises(UsageError, match="did you mean 'segkit-mynet'"):
        Suite.of("segkit-mynett", registry)
    assert Suite.of("Segkit_MyNet", registry).plugins == registry.plugins


def test_an_exception_is_told_with_its_place(suite_of, failures):
    """What a plugin raises becomes a failure that names file and line."""
    suite = suite_of("kit_nets", net(small={"width": 1}), params={"net": {"width": 0}})
    failure = failures(suite, leave_out=["compile", "torch-export", "onnx"])["builds"]
    assert "width=0 is out of range" in failure.found


PLUGIN = """
import segkit
from kit_nets import Params


@segkit.hookimpl
def segkit_architectures():
    return [
        segkit.Architecture(
            name="net", factory="kit_nets:build", summary="Two.", params=Params, layers={"last": "absent"}
        )
    ]
"""
METADATA = "Metadata-Version: 2.1\nName: segkit-kit\nVersion: 1.0\nRequires-Dist: segkit-core>=0.1,<1\n"


@pytest.fixture
def installed(tmp_path):
    """Install the sample network, its layer misnamed, as segkit-kit where only a new process sees it."""
    info = tmp_path / "segkit_kit-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(METADATA)
    (info / "entry_points.txt").write_text("[segkit]\nkit = kit_plugin\n")
    (tmp_path / "kit_plugin.py").write_text(PLUGIN)
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(SAMPLES)])}


def test_the_pytest_function_has_one_test_per_check(installed, tmp_path):
    """A third party's test file is two lines; failures say expected, found, to mend."""
    (tmp_path / "test_kit.py").write_text(
        "from segkit.testing import plugin_checks\n\ntest_plugin = plugin_checks('segkit-kit')\n"
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "loads or params or layers"]
    done = subprocess.run(command, capture_output=True, text=True, env=installed, cwd=tmp_path, check=False)
    assert "1 failed, 3 passed" in done.stdout, done.stdout + done.stderr
    assert "test_plugin[net-2d-layers]" in done.stdout
    assert "expected: The layers declared for explanations exist" in done.stdout
    assert "to mend:  take a name from model.named_modules()" in done.stdout
    assert "suite.py" not in done.stdout


def test_the_command_runs_the_same_checks(installed):
    """`segkit check` prints a line per check, the failures in full, and exits with 1; as JSON it is one list."""
    command = [sys.executable, "-m", "segkit", "check", "segkit-kit", "--only", "loads", "--only", "layers"]
    done = subprocess.run(command, capture_output=True, text=True, env=installed, check=False)
    lines = done.stdout.splitlines()
    assert done.returncode == 1
    assert [line.split("\t")[:3] for line in lines[:2]] == [
        ["passed", "segkit-kit", "loads"],
        ["failed", "segkit-kit:net (2D)", "layers"],
    ]
    assert "  found:    layers['last'] = 'absent' is no module of the network" in lines
    assert lines[-1].startswith("checks: 1 passed, 1 failed, in ")
    gap = ["--xfail", "layers=it has none", "--json"]
    done = subprocess.run([*command, *gap], capture_output=True, text=True, env=installed, check=False)
    assert done.returncode == 0, done.stderr
    assert [(one["check"], one["status"], one["reason"]) for one in json.loads(done.stdout)] == [
        ("loads", "passed", ""),
        ("layers", "xfailed", "it has none"),
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["segkit-kitt"], "did you mean 'segkit-kit'"),
        (["segkit-kit", "--xfail", "onnx"], "gives no reason"),
        (["segkit-kit", "--only", "nothing"], "--only names no check: 'nothing'"),
        (["segkit-kit", "--only", "empties"], "nothing that is checked has empties"),
        (["segkit-kit", "--skip", "onxx"], "did you mean 'onnx'"),
        (["segkit-kit", "--time-limit", "0"], "0.0 is not in the range x>0"),
    ],
)
def test_the_command_refuses_in_words(arguments, message, installed):
    """Usage errors exit with 2."""
    command = [sys.executable, "-m", "segkit", "check", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env=installed, check=False)
    assert done.returncode == 2
    assert message in done.stderr


def test_what_stands_in_the_way_of_only_is_told(installed, tmp_path):
    """A network that does not build fails `--only layers`: what was asked for was not looked at."""
    (tmp_path / "kit_plugin.py").write_text(PLUGIN.replace("kit_nets:build", "kit_nets:broken"))
    command = [sys.executable, "-m", "segkit", "check", "segkit-kit", "--only", "layers"]
    done = subprocess.run(command, capture_output=True, text=True, env=installed, check=False)
    told = [line.split("\t") for line in done.stdout.splitlines() if "\t" in line]
    assert [cells[0::2][:2] for cells in told] == [["failed", "builds"], ["skipped", "layers"]]
    assert done.returncode == 1
    (tmp_path / "test_kit.py").write_text(
        "from segkit.testing import plugin_checks\n\ntest_plugin = plugin_checks('segkit-kit')\n"
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "layers"]
    done = subprocess.run(command, capture_output=True, text=True, env=installed, cwd=tmp_path, check=False)
    assert "1 failed" in done.stdout
    assert "fails 'builds'" in done.stdout


HANGS = {
    "sleeps": "while True:\n        time.sleep(60)",
    "computes": "while True:\n        pass",
    "waits": "threading.Event().wait()",
    "catches": "while True:\n        try:\n            time.sleep(60)\n        except Exception:\n            pass",
    "child": "subprocess.run([sys.executable, '-c', 'import time; time.sleep(60)'])",
}


@pytest.mark.parametrize("way", HANGS)
def test_a_check_that_hangs_is_ended_and_named(way, suite_of, failures, tmp_path, monkeypatch):
    """Whatever it waits for; the line is named, and the checks of other components go on."""
    code = f"import subprocess, sys, threading, time\n\ndef build(task, params):\n    {HANGS[way]}\n"
    (tmp_path / f"kit_hangs_{way}.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    suite = suite_of("kit_nets", net(factory=f"kit_hangs_{way}:build"), net(name="other"), limit=0.3)
    items = [item for item in suite.items() if item.check.name == "builds"]
    first = suite.outcome(items[0]).failure
    assert "it was ended after 0.3 s, in kit_hangs" in first.found
    assert first.subject == "segkit-sample:net (2D) fails 'builds'"
    suite.limit = 60
    assert suite.outcome(items[1]).status == "passed"


def test_the_command_ends_what_hangs_and_names_it_while_it_runs(installed, tmp_path):
    """A line on stderr after a second; the failure comes before the checks that follow, and the rest is skipped."""
    (tmp_path / "kit_hangs.py").write_text("import time\n\ndef build(task, params):\n    time.sleep(600)\n")
    (tmp_path / "kit_plugin.py").write_text(PLUGIN.replace("kit_nets:build", "kit_hangs:build"))
    command = [
        sys.executable,
        "-m",
        "segkit",
        "check",
        "segkit-kit",
        "--time-limit",
        "1.5",
        "--skip",
        "declares-lightly",
    ]
    done = subprocess.run(command, capture_output=True, text=True, env=installed, check=False)
    assert "running: segkit-kit:net (2D) builds" in done.stderr
    lines = done.stdout.splitlines()
    (at,) = [number for number, line in enumerate(lines) if line.startswith("failed\t") and "builds" in line]
    assert "it was ended after 1.5 s, in kit_hangs.py line 4: time.sleep(600)" in lines[at + 3]
    assert lines[at + 5].startswith("skipped\t")
    assert done.returncode == 1


def test_what_a_plugin_prints_stays_out_of_the_json(installed, tmp_path):
    """One list on stdout, whatever a network says."""
    (tmp_path / "kit_prints.py").write_text(
        "import kit_nets\n\ndef build(task, params):\n    print('hello')\n    return kit_nets.build(task, params)\n"
    )
    (tmp_path / "kit_plugin.py").write_text(PLUGIN.replace("kit_nets:build", "kit_prints:build"))
    command = [sys.executable, "-m", "segkit", "check", "segkit-kit", "--only", "builds", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, env=installed, check=False)
    assert [one["check"] for one in json.loads(done.stdout)] == ["builds"]


def test_a_check_that_is_left_out_stands_in_nobodys_way(suite_of):
    """What needs it is run all the same: that it would fail is what somebody wants to look past."""
    suite = suite_of("kit_nets", net(), skip=["net:builds"])
    statuses = {
        item.check.name: suite.outcome(item) for item in suite.items() if item.check.name in ("builds", "layers")
    }
    assert {name: outcome.status for name, outcome in statuses.items()} == {"builds": "skipped", "layers": "passed"}
    assert statuses["builds"].reason == "it is left out"


def test_a_plugin_that_exits_is_told(suite_of, failures, tmp_path, monkeypatch):
    """sys.exit in a factory ends neither the command nor the other checks."""
    (tmp_path / "kit_exits.py").write_text("import sys\n\ndef build(task, params):\n    sys.exit(3)\n")
    monkeypatch.syspath_prepend(tmp_path)
    found = failures(suite_of("kit_nets", net(factory="kit_exits:build")), leave_out=["declares-lightly"])
    assert "SystemExit: 3, in kit_exits.py line 4: sys.exit(3)" in found["builds"].found


def test_full_adds_what_takes_long(suite_of):
    """Compiling with inductor is left out unless it is asked for."""
    names = [[item.check.name for item in suite_of("kit_nets", net(), full=full).items()] for full in (False, True)]
    assert set(names[1]) - set(names[0]) == {"compile-inductor"}


def test_plugin_checks_refuses_an_unknown_distribution():
    """At collection, where the name is written."""
    with pytest.raises(UsageError, match="no installed distribution"):
        plugin_checks("segkit-nobody-has-this")


def test_checks_are_listed_as_they_are_written():
    """What happens to be imported first, a single module of the kit, does not change the order."""
    code = "{first}; from segkit.testing.check import checks_of; print([check.name for check in checks_of('arch')])"
    listed = [
        subprocess.run(
            [sys.executable, "-c", code.format(first=first)], capture_output=True, text=True, check=True
        ).stdout
        for first in ("import segkit.testing.graphs", "import segkit.testing.architectures")
    ]
    assert listed[0] == listed[1]
