"""The process that steps are measured in: what kills it, and what it says."""

import sys

import pytest

from segkit import SegkitError, UsageError
from segkit.config import Kind, Layer, Origin
from segkit.jobs.plan.apart import Apart
from segkit.jobs.plan.child import layer_as_json, layer_of

ANSWERING = """
import json, os, signal, sys, time
sys.stdin.readline()
for line in sys.stdin:
    asked = json.loads(line)
    what = asked["settings"].get("do")
    if what == "killed": os.kill(os.getpid(), signal.SIGKILL)
    if what == "hang": time.sleep(60)
    if what == "fail": sys.exit(3)
    if what == "refuse": print(json.dumps({"error": ["nothing is there", "look"], "usage": True}), flush=True); continue
    print(json.dumps({"seconds": os.getpid()}), flush=True)
"""


@pytest.fixture
def apart(monkeypatch: pytest.MonkeyPatch, tmp_path):
    """A child that does as it is told."""
    monkeypatch.setattr("segkit.jobs.plan.apart.COMMAND", (sys.executable, "-c", ANSWERING))
    with Apart([], tmp_path, patience=2.0) as bench:
        yield bench


def test_a_child_that_the_system_kills_had_too_little_memory(apart) -> None:
    """The next question is answered by a new one."""
    first = apart.steps({}, 1).seconds
    assert apart.steps({"do": "killed"}, 1).failed == "memory"
    assert apart.steps({}, 1).seconds != first


def test_a_child_that_takes_too_long_is_ended(apart) -> None:
    """It is no matter of memory."""
    assert apart.steps({"do": "hang"}, 1).failed == "time"
    assert apart.steps({}, 1).failed == ""


def test_a_whole_probe_has_a_process_of_its_own(apart) -> None:
    """What earlier probes took is not counted."""
    first = apart.steps({}, 1).seconds
    assert apart.steps({}, 1).seconds == first
    assert apart.steps({}, 1, whole=True).seconds != first


def test_faults_and_refusals_are_told(apart) -> None:
    """A refusal as it was meant, a fault of the child's own with its code."""
    with pytest.raises(UsageError, match="nothing is there; look"):
        apart.steps({"do": "refuse"}, 1)
    with pytest.raises(SegkitError, match="ended with code 3"):
        apart.steps({"do": "fail"}, 1)


def test_nothing_is_left_running(apart) -> None:
    """The child ends with the block."""
    apart.steps({}, 1)
    child = apart.child
    apart.end()
    assert child.poll() is not None


def test_layers_cross_unchanged() -> None:
    """With their kinds and with what nobody had said."""
    layer = Layer(
        "config file c.toml", {"data.size": [8, 8]}, Kind.FILE, {"data.size": Origin(Kind.RECIPE, "recipe of x")}
    )
    assert layer_of(layer_as_json(layer)) == layer
