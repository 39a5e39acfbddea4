"""Commands given what strangers may send, by the thousand: in forks that have everything imported, watched from within.

An attack is drawn from its seed into a folder of its own. `outside` beside it holds a canary, which nothing may read
into what is handed on, change or remove.
"""

from __future__ import annotations

import base64
import contextlib
import faulthandler
import json
import os
import re
import resource
import shutil
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from segkit.engine.memory import CLEAR, RESET_PEAK, resident_peak
from segkit.errors import SegkitError

CANARY = b"the reader's own file, which is nobody's business"
OUTSIDE, GIVEN = "outside", ("images", "run", "volumes")
"""What stays as it is, also where a command is told to write into the folder that holds it."""
LONGEST = 10
"""Seconds of a processor; the machine may have much else to do."""
BLOCKED = 60
"""Seconds on the clock after which a process waits for something that does not come."""
LARGEST = 2 * 2**30
"""Bytes of a process, PyTorch included."""
BATCH = 250
"""Attacks that one fork takes."""
PROGRAMS = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn")
COLOUR = re.compile(rb"\x1b\[[0-9;]*m")
STEERING = re.compile(rb"[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80[\xaa-\xae]|\xe2\x81[\xa6-\xa9]")
"""What of a name would move a cursor, set a title or turn the writing around."""


@dataclass(frozen=True)
class Attack:
    """What was drawn.

    Attributes:
        args: of `segkit`, or what is called in its place.
        check: given the exit code, says what is wrong with the result of what was not spoiled, "" for nothing; None
            where all was.
        writes: what the command may change of what it was given, relative to the attack's folder.
    """

    args: Sequence[str] | Callable[[], None]
    check: Callable[[int], str] | None = None
    writes: tuple[str, ...] = ("out",)


def works(home: Path, pattern: str) -> Callable[[int], str]:
    """Return a check that a command succeeds and leaves something."""

    def check(code: int) -> str:
        return f"code {code}" if code else "" if any(home.glob(pattern)) else f"there is no {pattern}"

    return check


class Besieger(Protocol):
    """Attacks of one kind.

    Attributes:
        name: of the kind of input.
    """

    name: str

    def prepare(self, place: Path) -> None:
        """Make what attacks begin with, once, in an empty folder."""

    def draw(self, home: Path, seed: int) -> Attack:
        """Lay an attack out in a folder."""


@dataclass
class Siege:
    """What came of it.

    Attributes:
        outcomes: "right", "refused" (a sentence and the code 1 or 2) and "shown" (spoiled, and of no consequence).
        wrong: seed and what was wrong.
    """

    outcomes: Counter[str] = field(default_factory=Counter)
    wrong: list[tuple[int, str]] = field(default_factory=list)
    longest: float = 0.0
    peak: int = 0

    @property
    def told(self) -> str:
        """One line for a table."""
        counts = ", ".join(f"{count} {name}" for name, count in sorted(self.outcomes.items()))
        return f"{counts}, {len(self.wrong)} wrong; longest {self.longest:.1f} s, largest {self.peak >> 20} MiB"


def besiege(besieger: Besieger, place: Path, seeds: Iterable[int]) -> Siege:
    """Carry out attacks, in one fork for some hundred of them; a fork that hangs or dies is replaced."""
    base, siege, left = place / "base", Siege(), list(seeds)
    base.mkdir(parents=True)
    besieger.prepare(base)
    while left:
        results = place / "results"
        results.unlink(missing_ok=True)
        child = os.fork()
        if child == 0:
            try:
                take_all(besieger, place, left[:BATCH], results)
            except BaseException:
                (place / "stacks").write_text(traceback.format_exc())
            finally:
                os._exit(0)
        os.waitpid(child, 0)
        lines = results.read_text(encoding="utf-8").splitlines() if results.exists() else []
        done = [json.loads(line) for line in lines]
        for one in done:
            siege.outcomes[one["outcome"]] += 1
            siege.longest, siege.peak = max(siege.longest, one["seconds"]), max(siege.peak, one["peak"])
            siege.wrong += [(one["seed"], fault) for fault in one["faults"]]
        left = left[len(done) :]
        if left and len(done) < BATCH:
            said = (place / "stacks").read_text(encoding="utf-8", errors="replace")[-1500:]
            siege.wrong.append((left.pop(0), f"hung, or died: {said}"))
    return siege


def take_all(besieger: Besieger, place: Path, seeds: Sequence[int], results: Path) -> None:
    """Carry out attacks one by one in this process, a line of result each."""
    started = watched()
    size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + 3 * LARGEST, resource.RLIM_INFINITY))
    with (place / "stacks").open("w") as stacks, results.open("w", encoding="utf-8") as lines:
        faulthandler.register(signal.SIGPROF, file=stacks, chain=True)
        for seed in seeds:
            started.clear()
            faulthandler.dump_traceback_later(BLOCKED, exit=True, file=stacks)
            signal.setitimer(signal.ITIMER_PROF, LONGEST)
            told = take(besieger, place / "homes" / str(seed), seed, started)
            signal.setitimer(signal.ITIMER_PROF, 0)
            faulthandler.cancel_dump_traceback_later()
            lines.write(json.dumps(told) + "\n")
            lines.flush()


def take(besieger: Besieger, home: Path, seed: int, started: list[str]) -> dict[str, Any]:
    """Carry out one attack; returns what came of it."""
    shutil.rmtree(home, ignore_errors=True)  # of a process that died
    (home / OUTSIDE).mkdir(parents=True)
    (home / OUTSIDE / "canary").write_bytes(CANARY)
    os.chdir(home)
    os.environ["SEGKIT_CACHE"] = str(home / "cache")
    attack = besieger.draw(home, seed)
    before = contents_of(home, attack.writes)
    if seed % 2:
        os.environ["FORCE_COLOR"] = "1"
    else:
        os.environ.pop("FORCE_COLOR", None)
    CLEAR.write_text(RESET_PEAK)
    start = time.process_time()
    with streams_into(home / ".told") as code_of:
        code = code_of(attack.args)
    seconds, peak = time.process_time() - start, resident_peak() or 0
    said = (home / ".told").read_bytes()
    (home / ".told").unlink()
    faults = list(faults_of(home, attack, code, said, before))
    faults += [f"started {program}" for program in started]
    faults += [f"took {peak >> 20} MiB"] if peak > LARGEST else []
    if faults and os.environ.get("SEGKIT_ATTACKS_KEPT"):
        with contextlib.suppress(shutil.Error):  # of pipes and sockets, which are not copied
            shutil.copytree(home, Path(os.environ["SEGKIT_ATTACKS_KEPT"], home.name), symlinks=True, dirs_exist_ok=True)
    os.chdir(home.parent)
    shutil.rmtree(home)
    outcome = "refused" if code else "right" if attack.check is not None else "shown"
    return {"seed": seed, "outcome": outcome, "seconds": seconds, "peak": peak, "faults": faults}


@contextlib.contextmanager
def streams_into(path: Path) -> Iterator[Callable[[Any], int]]:
    """Let everything that is written to the terminal, be it by a library in C, go into a file."""
    kept = [os.dup(stream) for stream in (1, 2)]
    own = sys.stdout, sys.stderr
    target = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC)
    for stream in (1, 2):
        os.dup2(target, stream)
    sys.stdout, sys.stderr = (open(stream, "w", closefd=False, encoding="utf-8") for stream in (1, 2))  # noqa: SIM115
    try:
        yield code_of
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        sys.stdout, sys.stderr = own
        for stream, before in zip((1, 2), kept, strict=True):
            os.dup2(before, stream)
            os.close(before)
        os.close(target)


def code_of(args: Sequence[str] | Callable[[], None]) -> int:
    """Call the command, or what is in its place as the command would; returns the exit code."""
    from segkit.cli import main
    from segkit.cli.output import complain

    try:
        if not callable(args):
            main(list(args))
        else:
            args()
    except SystemExit as leaving:
        return leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
    except SegkitError as error:
        complain(str(error))
        return error.exit_code
    except BaseException:
        traceback.print_exc()
        return 71
    return 0


def faults_of(home: Path, attack: Attack, code: int, said: bytes, before: dict[str, Any]) -> Iterator[str]:
    """What must not come of an attack."""
    shown = COLOUR.sub(b"", said)
    if b"Traceback" in shown or b"internal error" in shown or code not in (0, 1, 2):
        yield f"code {code}: {shown[-600:].decode(errors='replace')}"
    if code and not any(line.startswith((b"error", b"Usage", b"Error")) for line in shown.splitlines()):
        yield f"code {code} without a sentence: {shown[-300:]!r}"
    if found := STEERING.search(shown):
        yield f"raw {found[0]!r} in {shown[max(0, found.start() - 80) : found.end() + 40]!r}"
    try:
        shown.decode("utf-8")
    except UnicodeDecodeError as error:
        yield f"no UTF-8: {shown[max(0, error.start - 40) : error.end + 20]!r}"
    after = contents_of(home, attack.writes)
    changed = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
    if changed:
        yield f"changed {changed[:5]}"
    if b"nobody's business" in said or any(map(holds_canary, files_in(home, attack.writes))):
        yield "handed the canary on"
    if attack.check is not None:
        wrong = attack.check(code)
        if wrong:
            yield f"right input: {wrong}: {shown[-400:].decode(errors='replace')}"


def contents_of(home: Path, writes: Sequence[str]) -> dict[str, Any]:
    """Kind, size, time and target of everything that a command has to leave as it is."""
    found: dict[str, Any] = {}
    may = {".told", "cache", *writes}
    for folder, folders, files in os.walk(home):
        here = os.path.relpath(folder, home)
        if here in may - {"."}:
            folders[:] = []
            continue
        for name in [*files, *folders]:
            path = os.path.join(folder, name)  # noqa: PTH118
            inner = os.path.relpath(path, home)
            if inner in may or ("." in may and here == "." and inner not in (OUTSIDE, *GIVEN)):
                if name in folders:
                    folders.remove(name)  # and all that is in it
                continue
            facts = os.lstat(path)
            link = os.readlink(path) if os.path.islink(path) else ""  # noqa: PTH114, PTH115
            is_folder = not link and name in folders
            found[inner] = (facts.st_mode, link, *(() if is_folder else (facts.st_size, facts.st_mtime_ns)))
    return found


def files_in(home: Path, writes: Sequence[str]) -> Iterator[Path]:
    """The files that a command wrote, or may have: beside the canary, where it was to write there."""
    for place in ("cache", *writes):
        for path in [home / place, *(home / place).rglob("*")]:
            if (
                home / OUTSIDE not in path.parents
                and path.is_file()
                and not path.is_symlink()
                and path.stat().st_size < 50_000_000
            ):
                yield path


def holds_canary(path: Path) -> bool:
    """Whether a file holds the canary, as it is or in base 64."""
    data = path.read_bytes()
    return CANARY in data or any(base64.b64encode(CANARY[cut:])[:-4] in data for cut in range(3))


def watched() -> list[str]:
    """Note every program that is started from now on."""
    started: list[str] = []

    def watch(event: str, args: tuple[Any, ...]) -> None:
        if event in PROGRAMS:
            started.append(f"{event} {args[:1]}")

    sys.addaudithook(watch)
    return started


def warm_up() -> None:
    """Import all that commands import, once, in the parent; and find the toy plugin beside those installed."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "toy"))
    from importlib.metadata import EntryPoint

    import torch

    import segkit.jobs.compare.compose
    import segkit.jobs.explain
    import segkit.jobs.export
    import segkit.jobs.predict
    import segkit.jobs.run
    import segkit.report  # noqa: F401
    from segkit.declarations.installed import Plugin
    from segkit.discovery import Registry

    torch.set_num_threads(1)
    registry = Registry.discover()
    if not any(plugin.name == "segkit-toy" for plugin in registry.plugins):
        registry.add(Plugin("segkit-toy", "1.0", EntryPoint("toy", "segkit_toy", "segkit")))
        Registry.discover = classmethod(lambda cls, **_: registry)  # type: ignore[method-assign,assignment]
