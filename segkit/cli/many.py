"""What `segkit evaluate` and `segkit predict` share over many runs: each run is a job of a launcher."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

from segkit.cli import output as out
from segkit.errors import UsageError

if TYPE_CHECKING:
    from segkit.discovery import Registry
    from segkit.engine.progress import Progress
    from segkit.jobs.launch.command import CommandJob
    from segkit.jobs.launch.engine import Engine
    from segkit.jobs.launch.job import Job

Decorated = TypeVar("Decorated", bound=Callable[..., Any])
OWN = ("launcher", "jobs", "dry_run")
SET = "assignments"


def launcher_options(what: str) -> Callable[[Decorated], Decorated]:
    """The options that choose who carries out jobs.

    Args:
        what: a job is.
    """

    def add(command: Decorated) -> Decorated:
        for option in (
            click.option("--dry-run", is_flag=True, help="With --launcher: show what would be submitted; do nothing."),
            click.option(
                "--jobs",
                type=click.IntRange(1, 10_000),
                metavar="N",
                help="So many jobs at a time, with local unless --launcher says.",
            ),
            click.option(
                "--launcher", metavar="NAME", help=f"{what} as a job of its own: local, or a plugin's launcher."
            ),
        ):
            command = option(command)
        return command

    return add


def chosen_engine(
    options: dict[str, Any], registry: Registry, default: str | None = None
) -> tuple[Engine | None, list[str]]:
    """Build the launcher that was asked for, if one was; returns it with what --set says of the runs.

    Args:
        default: the launcher where none was asked for.
    """
    from segkit.jobs.launch.engine import SECTION, open_engine, settings_of
    from segkit.jobs.launch.local import NAME

    settings, assignments = settings_of(SECTION, options[SET])
    name = options["launcher"] or (NAME if options["jobs"] else default)
    if name is not None:
        return open_engine(name, settings, options["jobs"], registry), assignments
    if settings or options["dry_run"]:
        raise UsageError(
            f"{'--dry-run' if options['dry_run'] else f'--set launcher.{next(iter(settings))}'} was given without a "
            "launcher",
            f"name one: --launcher {NAME}",
        )
    return None, assignments


@contextmanager
def going_on_later(progress: Progress) -> Iterator[None]:
    """Exit with 130 or 143 where the block is stopped, and say that the same command goes on; errors pass."""
    from segkit.engine.stop import Stopped

    try:
        yield
    except Stopped as stop:
        progress.close()
        out.say(f"{stop}; the same command goes on where it was", err=True)
        sys.exit(stop.exit_code)
    except BaseException:
        progress.close()
        raise


def show_submission(jobs: Sequence[Job], engine: Engine) -> None:
    """Print what would be submitted for jobs that are not finished."""
    left = [job for job in jobs if not job.finished]
    out.say(*(engine.script([(job.arguments, job.logs) for job in left]) if left else "all are finished").splitlines())


def each(
    runs: Sequence[str], folder: str, words: Callable[[Path, Path], Sequence[str]], ended: Callable[[Path], bool]
) -> tuple[list[CommandJob], dict[str, str]]:
    """Carry out the command that was called for each run by itself; where that is stopped, exit with 130 or 143.

    Args:
        folder: gets a folder for each run.
        words: of a run and its folder, the command line without the options that were given.
        ended: whether a folder holds all that the command writes.

    Returns:
        The jobs, and name and reason of those that failed.
    """
    from segkit.cli.progress import make_progress
    from segkit.cli.registry import load_registry
    from segkit.engine.launch import Launch
    from segkit.jobs.launch.command import JOBS, make_jobs
    from segkit.jobs.launch.local import NAME
    from segkit.jobs.launch.watch import carry_out

    context = click.get_current_context()
    if Launch.from_environment().several:
        raise UsageError("several runs are jobs of a launcher, torchrun has started several processes", "leave it out")
    engine, assignments = chosen_engine(context.params, load_registry(), NAME)
    assert engine is not None
    again = said_again(context, assignments)
    place = Path(folder)
    jobs = make_jobs(list(map(Path, runs)), place, lambda run, own: [*words(run, own), *again], ended)
    if context.params["dry_run"]:
        show_submission(jobs, engine)
        sys.exit(0)
    progress = make_progress()
    with going_on_later(progress):
        failed = carry_out(jobs, engine, place.absolute() / JOBS, progress)
    progress.close()
    return jobs, failed


def said_again(context: click.Context, assignments: Sequence[str]) -> list[str]:
    """Return the options that were given, as words of a command line; not those of this command alone.

    Args:
        assignments: what --set says of the runs.
    """
    from segkit.cli.paths import PathText

    words: list[str] = []
    for param in context.command.params:
        name = param.name or ""
        given = context.get_parameter_source(name) is ParameterSource.COMMANDLINE
        if not isinstance(param, click.Option) or not given or name in (*OWN, "folder", "each", "as_json"):
            continue
        value = assignments if name == SET else context.params[name]
        if param.is_flag:
            words.append(param.opts[-1] if value else param.secondary_opts[-1])
            continue
        for text in value if param.multiple else [value]:
            whole = str(Path(str(text)).absolute()) if isinstance(param.type, PathText) else str(text)
            words += [param.opts[-1], whole]
    return words


def tell_failures(failed: dict[str, str]) -> None:
    """Name the runs that failed, each with its reason."""
    for name, reason in failed.items():
        out.complain(f"{name} failed: {reason}")
