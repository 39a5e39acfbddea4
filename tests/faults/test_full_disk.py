"""A disk that is really full: no signal kills what writes through memory, and the same command goes on later."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from commands import COMMANDS, Command, fingerprint, left_over, prepared
from forked import run
from test_faults import faults_of

MOST = 64 * 2**10
"""kB that are enough for all."""
DISKS = 10


@contextmanager
def disk(place: Path, kilobytes: int) -> Iterator[None]:
    """Put a disk of that size at a folder; skips where this user may not."""
    place.mkdir()
    made = ("mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "none", str(place))
    if subprocess.run(made, capture_output=True, check=False).returncode:
        pytest.skip("this user may not mount a disk of a size of its own")
    try:
        yield
    finally:
        subprocess.run(("umount", "-l", str(place)), check=True)


def resize(place: Path, kilobytes: int) -> None:
    """Give a disk another size."""
    subprocess.run(("mount", "-o", f"remount,size={kilobytes}k", str(place)), check=True)


def used(place: Path) -> int:
    """How many kB of a disk are taken."""
    found = os.statvfs(place)
    return (found.f_blocks - found.f_bfree) * found.f_frsize // 1024


@pytest.mark.full
@pytest.mark.parametrize("name", ["probabilities", "evaluate", "run", "export", "compare", "explain"])
def test_full_at_any_moment(name, base, tmp_path):
    """Disks from full to nearly large enough: whole or absent, a sentence, and right once there is space."""
    command = COMMANDS[name]
    with disk(tmp_path / "whole", MOST):
        whole = prepared(base, command, tmp_path / "whole" / "place")
        before = used(whole)
        assert run(command.args, whole).code == 0
        wanted, needed = fingerprint(whole, command), used(whole) - before
    sizes = [needed * share // DISKS for share in range(DISKS)]
    codes = [once(base, command, wanted, tmp_path / str(size), size) for size in sizes]
    print(f"\n{name}: {needed} kB, of {DISKS} disks {sum(map(bool, codes))} were full, all right in the end")
    assert sum(map(bool, codes)) > DISKS // 2


def once(base: Path, command: Command, wanted: dict[str, str], place: Path, free: int) -> int:
    """Carry out a command on a disk with so many kB free, and again on a larger one; returns the first exit code."""
    with disk(place, MOST):
        inner = prepared(base, command, place / "place")
        for stream in ("stdout", "stderr"):  # what is said goes elsewhere
            (inner / f".{stream}").unlink(missing_ok=True)
            (inner / f".{stream}").symlink_to(place.with_name(f"{place.name}.{stream}"))
        resize(place, max(4, used(place) + free))  # 0 would be without a limit
        done = run(command.args, inner)
        assert not faults_of(done)
        assert not left_over(inner)
        resize(place, MOST)
        if done.code:
            done_again = run(command.again(inner), inner)
            assert done_again.code == 0, done_again.stderr
        assert fingerprint(inner, command) == wanted
        return done.code
