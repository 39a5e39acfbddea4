"""SIGKILL at any moment of every command, which is then taken up again: the same records.

Three of four moments are drawn over the seconds that a command takes, one over what it does to files: before such a
call. One of three commands is killed a second time while it is taken up again.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from commands import COMMANDS
from ended import Killer, Tally

QUICK = 1
"""Kills per command in the default suite."""
MANY = int(os.environ.get("SEGKIT_KILLS", "72"))
"""Under `full`, of each of fourteen commands: a thousand kills, or as many as the variable says."""
SEED = int(os.environ.get("SEGKIT_KILLS_SEED", "1"))
"""Of the moments: another one tries others."""


def kill_many(base: Path, name: str, places: Path, times: int, seed: int) -> Tally:
    """Kill a command so many times."""
    killer = Killer(base, name, places, seed)
    for number in range(times):
        killer.trial(number)
    return killer.tally


@pytest.mark.parametrize("name", ["run", "predict"])
def test_some_kills(name, base, tmp_path):
    """A kill of a run and one of a prediction."""
    assert not kill_many(base, name, tmp_path, QUICK, 0).wrong


@pytest.mark.full
@pytest.mark.parametrize("name", COMMANDS)
def test_many_kills(name, base, tmp_path):
    """Dozens of kills of every command."""
    tally = kill_many(base, name, tmp_path, MANY, SEED)
    met = ", ".join(f"{count} ({kind})" for kind, count in sorted(tally.kills.items()))
    print(f"\n{name}: of {MANY}, killed under way {met}; {len(tally.wrong)} not survived")
    assert not tally.wrong, "\n".join(tally.wrong)
