"""`segkit compare`: which model is better, by how much, and is it sure."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from segkit.cli import output as out
from segkit.cli.completion import ComponentName
from segkit.cli.many import chosen_engine, going_on_later, launcher_options, show_submission, tell_failures
from segkit.cli.options import FLAG_FIELDS, as_one, flag_layers
from segkit.cli.paths import PATH
from segkit.cli.run import run as run_command
from segkit.cli.setting_text import SETTING, set_option
from segkit.errors import SegkitError, UsageError

if TYPE_CHECKING:
    from segkit.discovery import Registry
    from segkit.engine.progress import Progress
    from segkit.jobs.compare.compose import ComparisonResult
    from segkit.jobs.compare.grid import Axis, Grid

AXES = {"arch": "components.arch", "loss": "components.loss"}
"""Options that may be given several times: models are all combinations of their values."""
OWN = ("output", "name", *AXES)
COLUMNS = ("rank", "model", "mean", "ci_low", "ci_high", "n", "seeds", "seed_std")
COUNTS = ("missed", "spurious")
TRY_AGAIN = "the reasons stand above; the same command tries them again"
COSTS = ("parameters", "train_seconds", "seconds_per_case", "peak_memory")


def shared_options() -> list[click.Parameter]:
    """The options of `segkit run` that all models take alike."""
    return [option for option in run_command.params if option.name in FLAG_FIELDS and option.name not in OWN]


@click.command()
@click.argument("runs", type=PATH, metavar="[RUN...]", nargs=-1)
@click.option("--arch", type=ComponentName("arch"), multiple=True, help="Architecture, repeatable.")
@click.option(
    "--loss",
    type=ComponentName("loss", terms=True),
    multiple=True,
    metavar="SUM",
    help="Loss or sum of losses, repeatable.",
)
@click.option(
    "--vary",
    type=SETTING,
    multiple=True,
    metavar="KIND.PARAM=VALUE",
    help="A setting that models differ in, repeatable per value.",
)
@click.option(
    "--seeds", type=click.IntRange(1, 1000), metavar="N", default=1, help="Train every model with so many seeds."
)
@click.option(
    "--folds", type=click.IntRange(2, 1000), metavar="N", help="Cross-validate, if the dataset deals out folds."
)
@click.option("--config", type=PATH, metavar="FILE", help="Config file of all models, or DATASET:NAME.")
@set_option(
    "Set any config field or param, of all models or of those that NAME is a part of.",
    metavar="[NAME:]KIND.PARAM=VALUE",
)
@click.option("--from", "source", type=PATH, metavar="RUN|FILE", help="Start every model from these weights.")
@click.option(
    "--output", type=PATH, metavar="DIR", help="The comparison's directory; comparisons/NAME where not given."
)
@click.option("--name", metavar="TEXT", help="Name of the comparison.")
@launcher_options("Train each run")
@click.option("--anonymous", is_flag=True, help="Show numbers in the place of case ids and groups.")
@out.json_option
def compare(
    runs: tuple[str, ...],
    output: str | None,
    name: str | None,
    anonymous: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Say which model is better, by how much, and whether that is sure.

    Either trains what is not there yet, and the same command goes on where it was stopped, or takes finished runs.

    \b
    segkit compare --arch unet --arch unetpp --data isic --seeds 3
    segkit compare --arch unet --loss dice --loss "bce + dice" --data isic
    segkit compare --arch unet --vary arch.depth=3 --vary arch.depth=5 --data isic
    segkit compare --arch unet --arch unetpp --data isic --seeds 3 --jobs 2
    segkit compare runs/unet-isic runs/unetpp-isic
    """
    from segkit.cli.progress import make_progress
    from segkit.cli.registry import load_registry
    from segkit.jobs.compare.compose import compare_finished, comparison_folder, write_comparison
    from segkit.jobs.compare.models import group_runs
    from segkit.jobs.compare.runs import read_runs

    given = [
        name for name, value in options.items() if value not in (None, (), False) and (name, value) != ("seeds", 1)
    ]
    grid_options = [name for name in given if name != "data_root"]
    if runs and grid_options:
        raise UsageError(
            f"finished runs and --{grid_options[0].replace('_', '-')} were both given",
            "compare finished runs, or name what to train",
        )
    if not runs and not any(options[axis] for axis in (*AXES, "vary")):
        raise UsageError(
            "nothing to compare was named", "give finished runs, or --arch, --loss or --vary several times"
        )
    registry = load_registry()
    progress = make_progress()
    failed: dict[str, str] = {}
    try:
        if runs:
            models = group_runs(read_runs(map(Path, runs)))
            folder, title = comparison_folder(name, output, models)
        else:
            models, failed, folder, title = trained(options, registry, progress, name, output)
        write = compare_finished if runs else write_comparison
        result = write(
            models,
            folder,
            title,
            registry,
            data_root=as_one("data_root", options["data_root"]) or None,
            anonymous=anonymous,
            tell=progress.message,
            failed=failed,
        )
    finally:
        progress.close()
    show(result, as_json=as_json)
    if failed:
        tell_failures(failed)
        sys.exit(1)


compare.params.extend(shared_options())


def trained(
    options: dict[str, Any], registry: Registry, progress: Progress, name: str | None, output: str | None
) -> tuple[Any, dict[str, str], Path, str]:
    """Train what is not there yet; where that is stopped, say how to go on and exit with 130 or 143.

    Returns:
        The models, name and reason of the runs that failed, the comparison's directory and its name.
    """
    from segkit.engine.launch import Launch
    from segkit.jobs.compare.grid import grid_folder, jobs_of, launch_missing, plan_grid, train_missing
    from segkit.jobs.events import Events

    if Launch.from_environment().several:
        raise UsageError(
            "segkit compare trains its runs in one process, torchrun has started several",
            "train each with torchrun ... segkit run, then compare the runs",
        )
    engine, options["assignments"] = chosen_engine(options, registry)
    cells = plan_grid(read_grid(options, registry), registry, tell=progress.message)
    folder, title = grid_folder(cells, name, output)
    if options["dry_run"]:
        assert engine is not None
        show_submission(jobs_of(cells, folder), engine)
        progress.close()
        sys.exit(0)
    with going_on_later(progress):
        if engine is None:
            grid = train_missing(cells, folder, progress, Events(registry.manager, progress.message))
        else:
            grid = launch_missing(cells, folder, progress, engine)
    if len(grid.models) < 2:
        progress.close()
        tell_failures(grid.failed)
        raise SegkitError(f"nothing can be compared: {len(grid.failed)} of {len(cells)} runs failed", TRY_AGAIN)
    return grid.models, grid.failed, folder, title


def read_grid(options: dict[str, Any], registry: Registry) -> Grid:
    """Turn the options into a grid."""
    from segkit.config import read_assignments
    from segkit.jobs.compare.grid import Axis, Grid
    from segkit.planning.plan import read_config
    from segkit.rundir.source import open_source

    config, assignments = options["config"], options["assignments"]
    layers = [read_config(config, registry)] if config else []
    layers += flag_layers({name: value for name, value in options.items() if name in FLAG_FIELDS and name not in OWN})
    layers.append(read_assignments(text for text in assignments if not own_name(text)))
    own: dict[str, list[str]] = {}
    for text in assignments:
        if name := own_name(text):
            own.setdefault(name, []).append(text.partition(":")[2])
    axes = [Axis(f"--{option}", setting, options[option]) for option, setting in AXES.items() if options[option]]
    axes += varied(options["vary"])
    return Grid(
        layers,
        axes,
        source=open_source(options["source"]) if options["source"] is not None else None,
        seeds=options["seeds"],
        folds=options["folds"],
        own={name: read_assignments(texts) for name, texts in own.items()},
    )


def own_name(assignment: str) -> str:
    """The part before the colon of NAME:KIND.PARAM=VALUE; "" where there is none."""
    head = assignment.partition("=")[0]
    return head.partition(":")[0].strip() if ":" in head else ""


def varied(texts: Sequence[str]) -> list[Axis]:
    """One axis per setting named with --vary."""
    from segkit.jobs.compare.grid import Axis

    values: dict[str, list[str]] = {}
    for text in texts:
        setting, equals, value = text.partition("=")
        if not equals or "." not in setting:
            raise UsageError(f"--vary {text!r} is not KIND.PARAM=VALUE", "write for instance --vary arch.depth=4")
        values.setdefault(setting.strip(), []).append(value.strip())
    return [Axis("--vary", setting, tuple(found)) for setting, found in values.items()]


def show(result: ComparisonResult, *, as_json: bool) -> None:
    """Print the answer, the table of models and where the page is."""
    record = result.record
    if as_json:
        out.print_json(record)
        return
    if out.for_people():
        show_table(record)
    else:
        main = main_rows(record)
        out.print_line(*COLUMNS, *COSTS, *COUNTS)
        for row, model in main:
            costs = [model[name] for name in COSTS[:-1]] + [model["peak_memory"]["process"]]
            values = [*(row[key] for key in COLUMNS), *costs, *(row[key] for key in COUNTS)]
            out.print_line(*("" if value is None else str(value) for value in values))
    out.say(record["headline"])
    if record["training"]:
        out.say(record["training"])
    out.say(f"report: {result.report}")


def main_rows(record: dict[str, Any]) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """The main score of each model with what it costs, the best first."""
    overall = record["scores"][0]["class"]
    models = {model["label"]: model for model in record["models"]}
    rows = [row for row in record["scores"] if (row["metric"], row["class"]) == (record["main_metric"], overall)]
    return sorted(((row, models[row["model"]]) for row in rows), key=lambda pair: pair[0]["rank"])


def show_table(record: dict[str, Any]) -> None:
    """Print models and differences as people read them."""
    from segkit.report import text

    main = main_rows(record)
    # Where nobody has several seeds the column would say so in every row, and crowd the others out of 80 columns.
    several = any(row["seeds"] > 1 for row, _ in main)
    rows = [
        [
            str(row["rank"]),
            row["model"],
            text.number(row["mean"]),
            str(row["n"]),
            f"{row['missed']:g}",
            text.interval(row["ci_low"], row["ci_high"]),
            *([text.number(row["seed_std"]) if row["seeds"] > 1 else "one seed"] if several else []),
            text.count(model["parameters"]) if model["parameters"] else text.UNDEFINED,
            text.duration(model["train_seconds"]) if model["train_seconds"] is not None else text.UNDEFINED,
            text.memory(model["peak_memory"]["process"]),
        ]
        for row, model in main
    ]
    head = ["", "model", f"mean {record['main_metric']}", "n", "missed", "95 % interval"]
    head += ["SD of seeds"] if several else []
    columns = (*head, "parameters", "training", "memory")
    out.print_table(columns, rows, spare=("memory", "training", "parameters"), right=columns[2:])
    show_datasets(record)
    overall = record["scores"][0]["class"]
    for pair in record["differences"]:
        if (pair["metric"], pair["class"]) == (record["main_metric"], overall):
            out.say(pair["sentence"])


def show_datasets(record: dict[str, Any]) -> None:
    """Print the models' main scores on each of several datasets, class by class."""
    from segkit.report import text

    for name, scores in record.get("datasets", {}).items():
        rows = [
            [
                row["class"],
                row["model"],
                text.number(row["mean"]),
                str(row["n"]),
                f"{row['missed']:g}",
                text.interval(row["ci_low"], row["ci_high"]),
            ]
            for row in scores
            if row["metric"] == record["main_metric"]
        ]
        out.say(f"on dataset {name}:")
        out.print_table(("class", "model", f"mean {record['main_metric']}", "n", "missed", "95 % interval"), rows)
