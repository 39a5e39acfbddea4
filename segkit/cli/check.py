"""`segkit check`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click

from segkit.cli import output
from segkit.cli.registry import load_registry
from segkit.errors import UsageError, one_line

if TYPE_CHECKING:
    from segkit.testing.suite import CheckOutcome, Item, Suite

COLOURS = {"passed": "green", "failed": "red", "skipped": "yellow", "xfailed": "yellow"}


@click.command("check", short_help="Hold a plugin against the conformance kit.")
@click.argument("distributions", nargs=-1, required=True, metavar="DISTRIBUTION...")
@click.option("--full", is_flag=True, help="Also what takes long, such as compiling with inductor.")
@click.option("--only", metavar="CHECK", multiple=True, help="Run these checks alone, by name.")
@click.option("--xfail", metavar="CHECK=REASON", multiple=True, help="A known gap: [COMPONENT:]CHECK=REASON.")
@output.json_option
@click.pass_context
def check(
    context: click.Context,
    distributions: tuple[str, ...],
    full: bool,
    only: tuple[str, ...],
    xfail: tuple[str, ...],
    as_json: bool,
) -> None:
    """Run every check of the conformance kit on installed plugins, by distribution; exits with 1 where one fails.

    \b
    segkit check segkit-mynet
    segkit check segkit-mynet --xfail "onnx=it uses a custom operator"

    A failure says what was expected, what came, and how to mend it.
    """
    from segkit.testing.suite import Suite

    registry = load_registry()
    options: dict[str, Any] = {"xfail": known_gaps(xfail), "full": full}
    suites = [Suite.of(name, registry, **options) for name in distributions]
    start = time.perf_counter()
    done = [(suite, item, outcome) for suite in suites for item, outcome in run(suite, only, tell=not as_json)]
    if not done:
        raise UsageError(f"no check is named {', '.join(only)}", "leave out --only to see the names")
    failures = [outcome.failure for _, _, outcome in done if outcome.status == "failed" and outcome.failure]
    if as_json:
        output.print_json([as_object(suite, item, outcome) for suite, item, outcome in done])
    else:
        for failure in failures:
            output.say("", *str(failure).splitlines())
        counts = {status: sum(outcome.status == status for *_, outcome in done) for status in COLOURS}
        told = ", ".join(f"{count} {status}" for status, count in counts.items() if count)
        output.say(*([""] if failures else []), f"checks: {told}, in {time.perf_counter() - start:.1f} s")
    if failures:
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


def run(suite: Suite, only: tuple[str, ...], *, tell: bool) -> list[tuple[Item, CheckOutcome]]:
    """Run a suite's checks, printing a line for each as it ends."""
    done = []
    for item in suite.items():
        if only and item.check.name not in only:
            continue
        outcome = suite.outcome(item)
        done.append((item, outcome))
        if tell:
            show(item, outcome)
    return done


def show(item: Item, outcome: CheckOutcome) -> None:
    """Print one check's line."""
    seconds = f"{outcome.seconds:.2f} s"
    if not output.for_people():
        output.print_line(outcome.status, item.subject.full_name, item.check.name, seconds, outcome.reason)
        return
    from rich.text import Text

    line = Text.assemble(
        (f"{outcome.status:<8}", COLOURS[outcome.status]), f"{one_line(item.subject.label):<20} {item.check.name:<18}"
    )
    line.append(f"{seconds:>9}", style="dim")
    output.console().print(line.append(f"  {one_line(outcome.reason)}" if outcome.reason else ""), soft_wrap=True)


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
