"""SIGKILL at random moments of every command, which is then taken up again: the same records."""

from __future__ import annotations

import os
import random
import shutil
from pathlib import Path

import pytest
from commands import COMMANDS, fingerprint, left_over, make_base, prepared
from forked import run, warm_up

QUICK = 1
"""Kills per command in the default suite."""
MANY = int(os.environ.get("SEGKIT_KILLS", "125"))
"""Under `full`, of each of eight commands: a thousand kills, or as many as the variable says."""


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the commands begin with."""
    warm_up()
    return make_base(tmp_path_factory.mktemp("base") / "base")


def kill(base: Path, name: str, places: Path, times: int, seed: int) -> tuple[int, list[str]]:
    """Kill a command again and again; returns how often it was under way, and what went wrong."""
    command, drawn, wrong, hit = COMMANDS[name], random.Random(f"{name} {seed}"), [], 0
    whole = prepared(base, command, places / "whole")
    done = run(command.args, whole)
    assert done.code == 0, done.stderr
    wanted = fingerprint(whole, command)
    for number in range(times):
        place = prepared(base, command, places / str(number))
        moment = drawn.uniform(0, done.seconds)
        killed = run(command.args, place, kill_after=moment)
        hit += killed.code < 0
        again = run(command.again(place), place) if killed.code < 0 else killed
        if again.code:
            wrong.append(f"{name}, killed after {moment:.3f} s: code {again.code}: {again.stderr[-300:]}")
        elif fingerprint(place, command) != wanted:
            wrong.append(f"{name}, killed after {moment:.3f} s: another result")
        elif left := left_over(place):
            wrong.append(f"{name}, killed after {moment:.3f} s: left {left}")
        shutil.rmtree(place)
    return hit, wrong


@pytest.mark.parametrize("name", ["run", "predict"])
def test_some_kills(name, base, tmp_path):
    """A kill of a run and one of a prediction."""
    _, wrong = kill(base, name, tmp_path, QUICK, 0)
    assert not wrong, "\n".join(wrong)


@pytest.mark.full
@pytest.mark.parametrize("name", COMMANDS)
def test_many_kills(name, base, tmp_path):
    """A hundred and more kills of every command."""
    hit, wrong = kill(base, name, tmp_path, MANY, 1)
    print(f"{name}: {hit} of {MANY} killed under way, {len(wrong)} not survived")
    assert not wrong, "\n".join(wrong)
