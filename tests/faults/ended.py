"""A command that is ended at any moment, again and again, and taken up each time: what must come of it."""

from __future__ import annotations

import random
import shutil
import signal
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from commands import COMMANDS, Command, fingerprint, left_over, not_gone, prepared
from fault_injector import Injector
from forked import Done, learn, run

TIMED, AGAIN = 4, 3
"""All kills but one of so many are at a time; one of so many is followed by a second."""


@dataclass
class Tally:
    """What came of a command's kills.

    Attributes:
        kills: how many met it under way, by how their moment was drawn.
        wrong: what did not come right, a line each.
    """

    kills: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


class Killer:
    """Kills a command again and again, each time from the same beginning.

    Args:
        places: a folder for its folders.
        seed: of the moments.
    """

    def __init__(self, base: Path, name: str, places: Path, seed: int) -> None:
        self.base, self.name, self.places = base, name, places
        self.command: Command = COMMANDS[name]
        self.drawn, self.tally = random.Random(f"{name} {seed}"), Tally()
        whole = prepared(base, self.command, places / "whole")
        learn_from = run(self.command.args, whole)
        assert learn_from.code == 0, learn_from.stderr
        learn(whole)
        shutil.rmtree(whole)
        # Once more: with all imported it takes the time that the others take.
        counter = Injector(prepared(base, self.command, whole), 0, "kill")
        self.whole = run(self.command.args, whole, counter.install, lambda: self.note(counter))
        assert self.whole.code == 0, self.whole.stderr
        self.seconds = self.whole.seconds
        self.calls = int((places / "calls").read_text())
        self.wanted = fingerprint(whole, self.command)
        assert self.wanted

    def note(self, counter: Injector) -> None:
        """Write down, in the command's process, what it did to files."""
        with counter.real_open(self.places / "calls", "w") as stream:
            stream.write(str(counter.count))

    def kill(self, place: Path, args: tuple[str, ...], timed: bool) -> tuple[Done, str]:
        """Carry out a command and kill it; returns it, and when."""
        if timed or not self.calls:
            moment = self.drawn.uniform(0, self.seconds)
            done = run(args, place, kill_after=moment)
            if done.code == 0:  # it had ended before: the machine is less busy than it was
                self.seconds = min(self.seconds, done.seconds)
            return done, f"after {moment:.3f} s"
        call = self.drawn.randint(1, self.calls)
        injector = Injector(place, call, "kill")
        return run(args, place, injector.install), f"before call {call}"

    def trial(self, number: int) -> None:
        """Kill once or twice, take up again, and compare."""
        place = prepared(self.base, self.command, self.places / str(number))
        timed = number % TIMED != TIMED - 1
        done, when = self.kill(place, self.command.args, timed)
        self.tally.kills["time" if timed or not self.calls else "call"] += done.code < 0
        if done.code < 0 and number % AGAIN == AGAIN - 1:
            done, second = self.kill(place, self.command.again(place), True)
            when += f" and {second}"
            self.tally.kills["second"] += done.code < 0
        if done.code < 0:
            done = run(self.command.again(place), place)
        self.tally.wrong += [f"{self.name}, killed {when}: {fault}" for fault in self.faults(place, done)]
        shutil.rmtree(place)

    def ask(self, number: int, sent: signal.Signals) -> None:
        """Ask the command to stop at a time, as Ctrl-C or a scheduler does; it says so, and is taken up again."""
        place = prepared(self.base, self.command, self.places / f"{sent.name}-{number}")
        moment = self.drawn.uniform(0, self.seconds)
        done = run(self.command.args, place, kill_after=moment, number=sent)
        found = unsaid(done, sent)
        self.tally.kills[sent.name] += done.code != 0
        if done.code:
            done = run(self.command.again(place), place)
        found += self.faults(place, done)
        self.tally.wrong += [f"{self.name}, {sent.name} after {moment:.3f} s: {fault}" for fault in found]
        shutil.rmtree(place)

    def faults(self, place: Path, done: Done) -> list[str]:
        """What is not as if nothing had happened."""
        # Killed when all was in place already, a command that makes something new refuses to make it again.
        refused = done.code == 1 and "already" in done.stderr and fingerprint(place, self.command) == self.wanted
        if done.code and not refused:
            return [f"code {done.code}: {done.stderr[-300:]}"]
        found = fingerprint(place, self.command)
        if found != self.wanted:
            names = {name for name, _ in found.items() ^ self.wanted.items()}
            return [f"another result: {', '.join(sorted(names))}"]
        if self.command.says and done.stdout != self.whole.stdout:
            return [f"it says something else: {done.stdout[-300:]}"]
        left = [*left_over(place), *not_gone(place, self.command)]
        return [f"left {left}"] if left else []


def unsaid(done: Done, sent: signal.Signals) -> list[str]:
    """What a command that was asked to stop must not do: end in silence, in a traceback, or with another code."""
    if done.code not in (0, 128 + sent):
        return [f"code {done.code}: {done.stderr[-300:]}"]
    if "Traceback" in done.stderr or "internal error" in done.stderr:
        return [f"no sentence: {done.stderr[-600:]}"]
    if done.code and "stopped by" not in done.stderr.splitlines()[-1]:
        return [f"nothing said: {done.stderr[-300:]}"]
    return []
