"""Whatever the disk refuses: whole or absent, one sentence, and the command repeated ends right."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable
from pathlib import Path

import pytest
from commands import COMMANDS, fingerprint, left_over, prepared
from fault_injector import ERRORS, Injector
from forked import Done, learn, run

ENOUGH = 3
"""Refused calls per command in the default suite, spread over all of them; `full` refuses each."""
QUICK = ("run", "predict")
KINDS = (*ERRORS, "short")
EVERY = int(os.environ.get("SEGKIT_FAULTS", "1"))
"""Under `full`, one of so many calls of a command is refused, in one of the four ways in turn; 0: each in every way."""
PIECE, PIECES = (int(part) for part in os.environ.get("SEGKIT_FAULTS_PIECE", "1/1").split("/"))
"""Which of how many equal parts of these calls is tried: all of a long command's take hours."""
WRITING = [name for name in COMMANDS if name != "data verify"]


def attempt(place: Path, args: tuple[str, ...], refused: int, error: str) -> tuple[Done, list[str]]:
    """Carry out a command on a disk that refuses one call; returns it, and what was done to files."""
    injector = Injector(place, refused, error, lasting=error == "ENOSPC")
    calls = place / ".calls"
    done = run(args, place, injector.install, lambda: _note(calls, injector))
    return done, json.loads(calls.read_text()) if calls.exists() else []


def _note(path: Path, injector: Injector) -> None:
    with injector.real_open(path, "w") as stream:
        json.dump(injector.calls, stream)


def disturb(base: Path, name: str, places: Path, trials: list[tuple[int, str]]) -> list[str]:
    """Refuse one call after the other, each in its way; returns what went wrong, a line each."""
    command, wrong = COMMANDS[name], []
    whole = prepared(base, command, places / "whole")
    assert run(command.args, whole).code == 0
    learn(whole)
    wanted = fingerprint(whole, command)
    assert wanted
    for number, error in trials:
        place = prepared(base, command, places / f"{number}-{error}")
        done, _ = attempt(place, command.args, number, error)
        faults = faults_of(done)
        if left := left_over(place, ended=not done.code):
            faults.append(f"left {left}")
        # Refused when all was in place already, such as the last sync of a folder: the work is whole.
        whole_already = bool(done.code) and fingerprint(place, command) == wanted
        again = run(command.again(place), place) if done.code else done
        if again.code and not whole_already:
            faults.append(f"repeated: code {again.code}: {again.stderr[-300:]}")
        elif fingerprint(place, command) != wanted:
            faults.append("repeated: another result")
        wrong += [f"{name}, call {number}, {error}: {fault}" for fault in faults]
        shutil.rmtree(place)
    return wrong


def faults_of(done: Done) -> list[str]:
    """What a refused command must not do."""
    faults = []
    if done.code not in (0, 1):
        faults.append(f"code {done.code}: {done.stderr[-300:]}")
    if "Traceback" in done.stderr or "internal error" in done.stderr:
        faults.append(f"no sentence: {done.stderr[-300:]}")
    if done.code == 1 and not any(line.startswith("error") for line in done.stderr.splitlines()):
        faults.append(f"nothing said: {done.stderr[-300:]}")
    return faults


def calls_of(base: Path, name: str, places: Path) -> int:
    """How often a command does something to files."""
    place = prepared(base, COMMANDS[name], places / "count")
    done, calls = attempt(place, COMMANDS[name].args, 0, "EIO")
    assert done.code == 0, done.stderr
    assert len(calls) > 5, calls
    return len(calls)


def in_turn(numbers: Iterable[int]) -> list[tuple[int, str]]:
    """Give each call one way of being refused."""
    return [(number, KINDS[turn % len(KINDS)]) for turn, number in enumerate(numbers)]


@pytest.mark.parametrize("name", QUICK)
def test_some_refused_calls(name, base, tmp_path):
    """A few calls of a command, spread over all of them, each refused once."""
    count = calls_of(base, name, tmp_path)
    numbers = [1 + round(step * (count - 1) / (ENOUGH - 1)) for step in range(ENOUGH)]
    assert not disturb(base, name, tmp_path, in_turn(numbers))


@pytest.mark.full
@pytest.mark.parametrize("name", WRITING)
def test_every_refused_call(name, base, tmp_path):
    """Every call of every command refused once, the kinds of errors in turn."""
    count = calls_of(base, name, tmp_path)
    numbers = range(1, count + 1)
    trials = in_turn(numbers[::EVERY]) if EVERY else [(number, kind) for number in numbers for kind in KINDS]
    trials = trials[PIECE - 1 :: PIECES]
    wrong = disturb(base, name, tmp_path, trials)
    print(f"\n{name}: {count} calls, {len(trials)} refused, {len(wrong)} faults")
    assert not wrong, "\n".join(wrong)
