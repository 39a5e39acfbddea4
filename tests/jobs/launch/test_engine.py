"""Launchers by name, their settings, and answers that no launcher may give."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from segkit.errors import SegkitError, UsageError
from segkit.jobs.launch.engine import Engine, open_engine, settings_of
from segkit.jobs.launch.local import LocalParams


def test_settings_of_the_launcher_are_none_of_the_run() -> None:
    """They are taken out of --set."""
    assert settings_of("launcher.", ["launcher.threads = 2", "arch.width=3", "net:arch.width=4"]) == (
        {"threads": "2"},
        ["arch.width=3", "net:arch.width=4"],
    )


def test_local_is_the_cores(parts_registry) -> None:
    """It needs no plugin, and takes its own params alone, within their limits."""
    engine = open_engine("local", {"threads": "2", "devices": "0,1"}, None, parts_registry)
    assert (engine.at_once, engine.launcher.threads, engine.goes_on) == (2, 2, False)
    with pytest.raises(UsageError, match=r"launcher local has no param 'thread' \(did you mean 'threads'\?\)"):
        open_engine("local", {"thread": "2"}, 1, parts_registry)
    with pytest.raises(UsageError, match="threads=0 is out of range"):
        open_engine("local", {"threads": "0"}, 1, parts_registry)


def test_an_engine_that_is_not_there(parts_registry) -> None:
    """By name, with what there is."""
    with pytest.raises(UsageError, match="no launcher named 'slurn'"):
        open_engine("slurn", {}, 1, parts_registry)


def test_a_plugins_launcher(parts_registry) -> None:
    """It is built by its declaration; one that does not resolve is its author's to mend."""
    with pytest.raises(SegkitError, match=r"plugin segkit-toy-parts, launcher nowhere: .* does not resolve"):
        open_engine("nowhere", {}, 1, parts_registry)


class Odd:
    """A launcher that answers what it may not."""

    def __init__(self, **answers: object) -> None:
        self.answers = answers

    def submit(self, arguments, folder):
        """Return no text."""
        return self.answers["id"]

    def state(self, id):
        """Return no state."""
        return self.answers["state"]

    def cancel(self, id):
        """Do nothing."""


def test_answers_are_checked(tmp_path) -> None:
    """What is no id and no state is told as the launcher's fault."""
    engine = Engine("odd", Odd(id=7, state="done"), None)
    with pytest.raises(SegkitError, match=r"launcher odd gave \[7\] as ids of 1 jobs"):
        engine.submit([(["x"], tmp_path)])
    with pytest.raises(SegkitError, match="launcher odd says that 1 is 'done'"):
        engine.states(["1"])
    with pytest.raises(SegkitError, match="launcher odd has no submit, state, cancel"):
        Engine("odd", object(), None)


@pytest.mark.parametrize("error", [RuntimeError("no licence"), SystemExit("no licence")])
def test_a_launcher_that_raises(error) -> None:
    """Where it is built and where it is asked; also one that would end the command."""

    def fails(*_: object) -> None:
        raise error

    component = SimpleNamespace(params=LocalParams)
    found = SimpleNamespace(component=component, full_name="segkit-x:here", load=lambda: fails)
    registry = SimpleNamespace(components=lambda _: [component], find=lambda *_: found)
    with pytest.raises(SegkitError, match=r"launcher segkit-x:here cannot be used: \w+: no licence.*; see whether its"):
        open_engine("here", {}, 1, registry)
    launcher = Odd(id="1", state="running")
    launcher.cancel = fails
    with pytest.raises(SegkitError, match=r"launcher odd: cancel failed: \w+: no licence"):
        Engine("odd", launcher, None).cancel("1")
