"""Ctrl-C and SIGTERM at any moment of every command: a sentence, its exit code, and taken up again the same records."""

from __future__ import annotations

import os
import signal

import pytest
from commands import COMMANDS
from ended import Killer

MANY = int(os.environ.get("SEGKIT_SIGNALS", "8"))
"""Of each signal and command under `full`."""


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_asked_once(sent, base, tmp_path):
    """A prediction that is asked to stop."""
    killer = Killer(base, "predict", tmp_path, 0)
    killer.ask(0, sent)
    assert not killer.tally.wrong, "\n".join(killer.tally.wrong)


@pytest.mark.full
@pytest.mark.parametrize("name", COMMANDS)
def test_asked_often(name, base, tmp_path):
    """Every command, asked at times all over its course."""
    killer = Killer(base, name, tmp_path, 2)
    for number in range(MANY):
        killer.ask(number, signal.SIGINT)
        killer.ask(number, signal.SIGTERM)
    print(f"\n{name}: {dict(killer.tally.kills)} stopped under way, {len(killer.tally.wrong)} wrong")
    assert not killer.tally.wrong, "\n".join(killer.tally.wrong)
