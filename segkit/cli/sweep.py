"""`segkit sweep`: look for better values of settings, and say what they are worth."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from segkit.cli import output as out
from segkit.cli.many import going_on_later
from segkit.cli.options import FLAG_FIELDS, flag_layers
from segkit.cli.paths import PATH
from segkit.cli.run import run as run_command
from segkit.cli.setting_text import SETTING, set_option
from segkit.errors import SegkitError

if TYPE_CHECKING:
    from segkit.discovery import Registry
    from segkit.jobs.launch.engine import Engine
    from segkit.jobs.sweep.sweep import Sweep, SweepResult

OWN = ("output", "name")
SHOWN = 5
FOLDER = Path("sweeps")


@click.command()
@click.option(
    "--vary",
    type=SETTING,
    multiple=True,
    metavar="SETTING=VALUES",
    help="What to search, repeatable: A,B,C or LOW..HIGH or log:LOW..HIGH.",
)
@click.option(
    "--trials", type=click.IntRange(1, 100_000), metavar="N", default=30, show_default=True, help="Trials in all."
)
@click.option(
    "--searcher", metavar="NAME", default="random", show_default=True, help="random, or a plugin's, such as tpe."
)
@click.option(
    "--seeds", type=click.IntRange(1, 1000), metavar="N", default=3, show_default=True, help="Seeds of the comparison."
)
@click.option("--config", type=PATH, metavar="FILE", help="Config file of all trials, or DATASET:NAME.")
@set_option("Set any config field or param.")
@click.option("--from", "source", type=PATH, metavar="RUN|FILE", help="Start every trial from these weights.")
@click.option("--launcher", metavar="NAME", help="Train the comparison's runs as jobs: local, or a plugin's launcher.")
@click.option("--jobs", type=click.IntRange(1, 10_000), metavar="N", help="So many of those at a time.")
@click.option("--output", type=PATH, metavar="DIR", help="The sweep's directory; sweeps/NAME where not given.")
@click.option("--name", metavar="TEXT", help="Name of the sweep.")
@out.json_option
def sweep(output: str | None, name: str | None, as_json: bool, **options: Any) -> None:
    """Search settings by trials, and compare the best with the default.

    Chosen on the validation split alone, compared in pairs on the test split. The same command goes on where it was
    stopped; started several times, also on several machines with one folder, it shares the trials.

    \b
    segkit sweep --arch unet --data isic --vary train.learning_rate=log:1e-4..1e-2 --vary arch.width=16,24,32
    segkit sweep --arch unet --data isic --vary train.learning_rate=log:1e-4..1e-2 --searcher tpe --trials 50
    """
    from segkit.cli.progress import make_progress
    from segkit.cli.registry import load_registry
    from segkit.jobs.sweep.page import write_sweep
    from segkit.jobs.sweep.sweep import carry_out_sweep

    registry, progress = load_registry(), make_progress()
    wanted, engine = read_sweep(options, registry)
    name = name or default_name(wanted)
    folder = Path(output) if output is not None else FOLDER / name
    with going_on_later(progress):
        result = carry_out_sweep(wanted, folder, name, registry, progress, engine)
    progress.close()
    if result.elsewhere:
        out.say(f"{result.elsewhere} trials run in other processes; the last of them compares", err=True)
        return
    record = write_sweep(result, name)
    show(result, record, as_json=as_json)


sweep.params[:0] = [option for option in run_command.params if option.name in FLAG_FIELDS and option.name not in OWN]


def read_sweep(options: dict[str, Any], registry: Registry) -> tuple[Sweep, Engine | None]:
    """Turn the options into what is asked for, and the launcher of the final comparison, if one was named."""
    from segkit.config import read_assignments
    from segkit.jobs.launch import engine as launching
    from segkit.jobs.launch.engine import open_engine, settings_of
    from segkit.jobs.launch.local import NAME
    from segkit.jobs.sweep.search import SECTION, find_searcher
    from segkit.jobs.sweep.space import read_space
    from segkit.jobs.sweep.sweep import Sweep
    from segkit.planning.plan import read_config
    from segkit.rundir.source import open_source

    engine = None
    launcher, assignments = settings_of(launching.SECTION, options["assignments"])
    own, assignments = settings_of(SECTION, assignments)
    if options["launcher"] or options["jobs"]:
        engine = open_engine(options["launcher"] or NAME, launcher, options["jobs"], registry)
    found, params = find_searcher(options["searcher"], own, registry)
    layers = [read_config(options["config"], registry)] if options["config"] else []
    layers += flag_layers({name: value for name, value in options.items() if name in FLAG_FIELDS})
    layers.append(read_assignments(assignments))
    source = open_source(options["source"]) if options["source"] is not None else None
    space = read_space(options["vary"])
    return Sweep(layers, space, found, params, options["trials"], options["seeds"], source), engine


def default_name(wanted: Sweep) -> str:
    """Name a sweep after what is trained, and what is searched."""
    from segkit.discovery import plain_name
    from segkit.jobs.compare.compose import file_name

    said = {name: value for layer in wanted.layers for name, value in layer.values.items()}
    parts = [plain_name(str(said[name])) for name in ("components.arch", "components.data") if name in said]
    return file_name("-".join([*parts, *(setting.name.rpartition(".")[2] for setting in wanted.space)]))


def show(result: SweepResult, record: dict[str, Any], *, as_json: bool) -> None:
    """Print the best trials, what they are worth, and where the page is."""
    from segkit.rundir.names import REPORT

    if as_json:
        out.print_json(record)
    else:
        settings = [setting.name for setting in result.space]
        rows = [
            [str(trial.number), f"{trial.score:.4f}", *(trial.values[name] for name in settings)]
            for trial in result.ranked[:SHOWN]
        ]
        head = ("trial", f"val/{result.figure}", *settings)
        if not out.for_people():
            out.print_line(*head)
        out.print_table(head, rows)
        out.say(record["headline"], record["caution"])
        if record["comparison"]:
            out.say(f"on the test split: {record['comparison']}", *record["differences"])
        out.say(f"report: {result.folder / REPORT}")
    for run, reason in (result.failed or {}).items():
        out.complain(f"{run} failed: {reason}")
    if not result.ranked:
        raise SegkitError(f"none of {len(result.trials)} trials has a score", "the reasons are in trials.csv")
    if result.failed:
        sys.exit(1)
