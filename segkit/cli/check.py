"""`segkit check`."""

from __future__ import annotations

import contextlib
import faulthandler
import sys
import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from segkit.cli import output
from segkit.cli.registry import load_registry
from segkit.errors import UsageError, one_line

if TYPE_CHECKING:
    from segkit.testing.suite import CheckOutcome, Item, Suite

COLOURS = {"passed": "green", "failed": "red", "skipped": "yellow", "xfailed": "yellow"}
GRACE = 30.0
"""Seconds after the limit before the process itself is ended: a library that hangs in C hears no alarm."""


@click.command("check", short_help="Hold a plugin against the conformance kit.")
@click.argument("distributions", nargs=-1, required=True, metavar="DISTRIBUTION...")
@click.option("--full", is_flag=True, help="Also what takes long, such as compiling with inductor.")
@click.option("--only", metavar="CHECK", multiple=True, help="Run these checks and what they need: [COMPONENT:]CHECK.")
@click.option("--skip", metavar="CHECK", multiple=True, help="Leave out these checks: [COMPONENT:]CHECK.")
@click.option("--xfail", metavar="CHECK=REASON", multiple=True, help="A known gap: [COMPONENT:]CHECK=REASON.")
@click.option(
    "--time-limit",
    metavar="SECONDS",
    type=click.FloatRange(min=0, min_open=True),
    default=120.0,
    show_default=True,
    help="A check that takes longer is ended and has failed.",
)
@output.json_option
@click.pass_context
def check(
    context: click.Context,
    distributions: tuple[str, ...],
    full: bool,
    only: tuple[str, ...],
    skip: tuple[str, ...],
    xfail: tuple[str, ...],
    time_limit: float,
    as_json: bool,
) -> None:
    """Run every check of the conformance kit on installed plugins, by distribution; exits with 1 where one fails.

    \b
    segkit check segkit-mynet
    segkit check segkit-mynet --only builds --only onnx
    segkit check segkit-mynet --xfail "onnx=it uses a custom operator"

    A failure says what was expected, what came, and how to mend it.
    """
    from segkit.testing.suite import Suite

    registry = load_registry()
    options: dict[str, Any] = {"xfail": known_gaps(xfail), "full": full, "skip": skip, "limit": time_limit}
    suites = [Suite.of(name, registry, **options) for name in distributions]
    for suite in suites:
        suite.check_names("--only", only)
    start = time.perf_counter()
    done = [(suite, item, outcome) for suite in suites for item, outcome in run(suite, only, tell=not as_json)]
    if not done:
        raise UsageError(f"nothing that is checked has {', '.join(only)}", "leave out --only to see what there is")
    failed = [str(item) for _, item, outcome in done if outcome.status == "failed"]
    if as_json:
        output.print_json([as_object(suite, item, outcome) for suite, item, outcome in done])
    else:
        counts = {status: sum(outcome.status == status for *_, outcome in done) for status in COLOURS}
        told = ", ".join(f"{count} {status}" for status, count in counts.items() if count)
        output.say(f"checks: {told}, in {time.perf_counter() - start:.1f} s")
        if len(failed) > 1:
            output.say(f"failed: {', '.join(failed)}")
    if failed:
        context.exit(1)


def known_gaps(texts: tuple[str, ...]) -> dict[str, str]:
    """Read --xfail CHECK=REASON."""
    gaps = {}
    for text in texts:
        name, _, reason = text.partition("=")
        if not reason.strip():
            raise UsageError(f"--xfail {text!r} gives no reason", 'write --xfail "CHECK=REASON"')
        gaps[name.strip()] = reason.strip()
    return gaps


def run(suite: Suite, only: tuple[str, ...], *, tell: bool) -> Iterator[tuple[Item, CheckOutcome]]:
    """Run a suite's checks, printing a line for each as it ends; of --only also what stands in the way of those."""
    from segkit.testing.suite import names_of

    told: set[Item] = set()
    for item in suite.items():
        if only and not set(only) & set(names_of(item)):
            continue
        with named(item, suite.limit):
            outcome = suite.outcome(item)
        # Exit code 0 for a network that does not build, since all that was asked for was skipped, misled (issue 20).
        for one in (outcome.blocked_by, item):
            if one is not None and one not in told:
                told.add(one)
                if tell:
                    show(one, suite.outcome(one))
                yield one, suite.outcome(one)


@contextlib.contextmanager
def named(item: Item, limit: float) -> Iterator[None]:
    """Name a check on stderr while it runs, on a terminal at once, otherwise if it takes longer than a second."""
    text, terminal = f"running: {one_line(item.subject.full_name)} {item.check.name}", sys.stderr.isatty()
    timer = threading.Timer(1.0, output.say, (text,), {"err": True})
    timer.daemon = True
    if terminal:
        click.echo(text, nl=False, err=True)
    else:
        timer.start()
    # Without a file of its own, as in a test's runner, there is nowhere to write the last word.
    with contextlib.suppress(OSError, ValueError, AttributeError):
        faulthandler.dump_traceback_later(limit + GRACE, exit=True)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()
        timer.cancel()
        if terminal:
            click.echo("\r\x1b[K", nl=False, err=True)


def show(item: Item, outcome: CheckOutcome) -> None:
    """Print one check's line, and what is wrong where it failed."""
    seconds = f"{outcome.seconds:.2f} s"
    if not output.for_people():
        output.print_line(outcome.status, item.subject.full_name, item.check.name, seconds, outcome.reason)
    else:
        from rich.text import Text

        status, label = (f"{outcome.status:<8}", COLOURS[outcome.status]), one_line(item.subject.label)
        line = Text.assemble(status, f"{label:<20} {item.check.name:<18}")
        line.append(f"{seconds:>9}", style="dim")
        line.append(f"  {one_line(outcome.reason)}" if outcome.reason else "")
        output.console().print(line, soft_wrap=True)
    if outcome.status == "failed" and outcome.failure is not None:
        output.say(*str(outcome.failure).splitlines())
        cause = outcome.failure.__cause__
        if cause is not None and click.get_current_context().find_root().params.get("traceback"):
            output.show_traceback(type(cause), cause, cause.__traceback__)


def as_object(suite: Suite, item: Item, outcome: CheckOutcome) -> dict[str, Any]:
    """One check as JSON."""
    failure = outcome.failure
    return {
        "distribution": suite.plugins[0].name,
        "subject": item.subject.full_name,
        "kind": item.subject.kind,
        "check": item.check.name,
        "status": outcome.status,
        "reason": outcome.reason,
        "seconds": round(outcome.seconds, 3),
        "expected": item.check.expected,
        "found": failure.found if failure else "",
        "mend": failure.mend if failure else "",
    }
