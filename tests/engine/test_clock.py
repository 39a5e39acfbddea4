"""Where time goes: parts inside others, the trace, and a clock that is off."""

import json
import time

import pytest
import torch

from segkit.engine.clock import OFF, TRACED, UNTRACED, Clock, without_places

CPU = torch.device("cpu")


def test_a_part_inside_another_counts_for_itself_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten seconds outside with four inside are six and four."""
    now = iter([0.0, 3.0, 7.0, 10.0])
    monkeypatch.setattr(time, "perf_counter", lambda: next(now))
    clock = Clock(CPU)
    with clock("outer"), clock("inner"):
        pass
    assert clock.seconds == {"outer": 6.0, "inner": 4.0}


def test_waiting_for_items_counts_and_using_them_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two items of one second each are used for five: two seconds of waiting, and the end costs one more."""
    now = iter([0.0, 1.0, 6.0, 7.0, 12.0, 13.0])
    monkeypatch.setattr(time, "perf_counter", lambda: next(now))
    clock = Clock(CPU)
    assert list(clock.over("ab", "waiting")) == ["a", "b"]
    assert clock.seconds == {"waiting": 3.0}


def test_a_block_that_fails_is_counted_and_closed() -> None:
    """After an exception the clock goes on as if nothing were open."""
    clock = Clock(CPU)
    with pytest.raises(RuntimeError), clock("outer"), clock("inner"):
        raise RuntimeError
    assert set(clock.seconds) == {"outer", "inner"}
    with clock("after"):
        pass
    assert clock.seconds["after"] >= 0


@pytest.mark.parametrize("steps", [UNTRACED - 1, UNTRACED + 1, UNTRACED + TRACED + 1])
def test_what_is_written(tmp_path, steps: int) -> None:
    """Shares add up to one; the trace names the parts, and no folder or host of this machine."""
    clock = Clock(CPU)
    for _ in range(steps):
        with clock("forward"):
            torch.ones(3).sum()
        clock.step()
    clock.write(tmp_path)
    profile = json.loads((tmp_path / "profile.json").read_text())
    assert profile["steps"] == steps
    assert sum(part["share"] for part in profile["parts"].values()) == pytest.approx(1)
    trace = tmp_path / "trace.json"
    assert trace.exists() == (steps >= UNTRACED)
    if trace.exists():
        assert str(tmp_path) not in trace.read_text()
        names = {event.get("name") for event in json.loads(trace.read_text())["traceEvents"]}
        assert ("forward" in names) == (steps > UNTRACED)


def test_without_places_drops_what_names_a_folder() -> None:
    """What is not known to be harmless is left out."""
    assert without_places({"traceEvents": [], "traceName": "/a/b"}) == {"traceEvents": []}


def test_a_clock_that_is_off_keeps_nothing() -> None:
    """The usual run measures nothing."""
    with OFF("forward"):
        OFF.step()
    assert not OFF.seconds
    assert not OFF.runs
