"""Give segkit spoiled files, as many as asked for, and count what comes of it.

    python tests/fuzz/run.py --count 10000 [--seed 0] [--only checkpoints] [--keep FOLDER]
                             [--output docs/benchmarks/fuzz.md]

The only acceptable outcomes are a right result and a SegkitError; anything else is listed with the place it came
from, its input is kept where --keep names a folder, and the exit status is 1. An input that takes over ten seconds
ends the run with the stack of every thread.
"""

from __future__ import annotations

import argparse
import datetime
import faulthandler
import logging
import os
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings

HANG = 10
LARGEST = 2 * 2**30
RIGHT, REFUSED = "right result", "SegkitError"


@dataclass
class Result:
    """What came of one target's inputs.

    Attributes:
        longest: seconds of the slowest input.
        failures: the first input of each kind of failure, by what was raised and where.
    """

    outcomes: Counter[str] = field(default_factory=Counter)
    longest: float = 0.0
    failures: dict[str, bytes] = field(default_factory=dict)


def fuzz(target, count: int, first: int) -> Result:
    """Give a target `count` inputs."""
    from segkit.errors import SegkitError

    result = Result()

    @seed(first)
    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(target.inputs)
    def once(data: bytes) -> None:
        faulthandler.dump_traceback_later(HANG, exit=True)
        start = time.perf_counter()
        try:
            target.take(data)
            result.outcomes[RIGHT] += 1
        except SegkitError as error:
            result.outcomes[REFUSED] += 1
            if not one_line(error):
                result.failures.setdefault(f"not a sentence: {error!r}"[:200], data)
        except BaseException as error:
            kind = "wrong result" if isinstance(error, AssertionError) else "traceback"
            result.outcomes[kind] += 1
            result.failures.setdefault(place_of(error), data)
        finally:
            faulthandler.cancel_dump_traceback_later()
        result.longest = max(result.longest, time.perf_counter() - start)

    once()
    return result


def one_line(error: Exception) -> bool:
    """Whether an error is one printable line with a way out."""
    text = str(error)
    return bool(text) and "\n" not in text and "\r" not in text and "\x1b" not in text and "; " in text


def place_of(error: BaseException) -> str:
    """Name what was raised and the lines it came from."""
    frames = traceback.extract_tb(error.__traceback__)[-3:]
    where = " < ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in reversed(frames))
    return f"{type(error).__name__}: {str(error)[:100]!r} at {where}"


def table(results: dict[str, Result]) -> str:
    """Write the counts as Markdown."""
    others = sorted({name for result in results.values() for name in result.outcomes} - {RIGHT, REFUSED})
    names = [RIGHT, REFUSED, *(others or ["anything else"])]
    lines = [f"| input | {' | '.join(names)} | longest |", "| --- " * (len(names) + 2) + "|"]
    for target, result in results.items():
        counts = " | ".join(str(result.outcomes[name]) for name in names)
        lines.append(f"| {target} | {counts} | {result.longest * 1e3:.0f} ms |")
    total = sum((result.outcomes for result in results.values()), Counter())
    longest = max(result.longest for result in results.values())
    lines.append(f"| all {total.total()} | {' | '.join(str(total[name]) for name in names)} | {longest * 1e3:.0f} ms |")
    return "\n".join(lines)


def main() -> int:
    """Fuzz, print, and write the page if asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=int(os.environ.get("SEGKIT_FUZZ_COUNT", "400")))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", action="append", help="one kind of input, such as checkpoints; repeatable")
    parser.add_argument("--keep", type=Path, help="folder for inputs that should not have done what they did")
    parser.add_argument("--output", type=Path, help="also write a page with the table")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    with tempfile.TemporaryDirectory() as place:
        os.environ["SEGKIT_CACHE"] = str(Path(place, "cache"))
        from targets import all_targets
        from volume_targets import volume_targets

        from segkit.engine.memory import resident_peak

        known = [*all_targets(Path(place)), *volume_targets(Path(place))]
        targets = [target for target in known if not options.only or target.name in options.only]
        results = {target.name: fuzz(target, -(-options.count // len(targets)), options.seed) for target in targets}
    # Not getrusage's: Linux hands that of the process which started this one on, a test process of over 2 GiB.
    peak = resident_peak() or 0
    text = f"{table(results)}\n\nPeak memory of the process, torch included: {peak / 2**20:.0f} MiB."
    print(text)
    failures = [(name, *item) for name, result in results.items() for item in result.failures.items()]
    for number, (name, place, data) in enumerate(failures):
        print(f"FAILED {name}: {place}\n  {data[:80]!r}")
        if options.keep is not None:
            options.keep.mkdir(exist_ok=True)
            (options.keep / f"{number}-{name.replace(' ', '-')}").write_bytes(data)
    if options.output is not None:
        today = datetime.datetime.now(tz=datetime.UTC).date()
        options.output.write_text(f"# Fuzzing\n\n{__doc__}\n{today}, seed {options.seed}.\n\n{text}\n")
    return 1 if failures or peak > LARGEST else 0


if __name__ == "__main__":
    sys.exit(main())
