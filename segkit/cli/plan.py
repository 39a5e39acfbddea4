"""`segkit plan`."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from segkit.cli import output
from segkit.cli.completion import ComponentName
from segkit.cli.options import FLAG_FIELDS, flag_layers
from segkit.cli.output import say
from segkit.cli.paths import PATH
from segkit.cli.setting_text import set_option

if TYPE_CHECKING:
    from collections.abc import Sequence

    from segkit.config import Layer
    from segkit.discovery import Registry
    from segkit.engine.progress import Progress
    from segkit.jobs.plan.planned import Planned

COLUMNS = ("choice", "chosen", "because", "instead")
MINUTES = 60.0


@click.command()
@click.option("--data", type=ComponentName("data"), multiple=True, help="Dataset; repeated, one network of several.")
@click.option("--data-root", type=PATH, multiple=True, metavar="DIR", help="Folder of the data, of each dataset.")
@click.option("--arch", type=ComponentName("arch"), help="Architecture; any that can be planned where not given.")
@click.option("--memory", metavar="AMOUNT", help="Memory that training may take, such as 8GB; most of what is free.")
@click.option(
    "--minutes", type=float, metavar="N", default=MINUTES, show_default=True, help="From the run's start to its report."
)
@click.option("--size", metavar="N|HxW", help="Working size, where it is not to be chosen.")
@click.option("--device", metavar="NAME", help="auto, cpu, cuda, cuda:1 or mps.")
@click.option("--config", type=PATH, metavar="FILE", help="Config file with what is not to be chosen.")
@set_option("Set what is not to be chosen.")
@click.option("--output", "target", type=PATH, metavar="FILE", default="plan.toml", show_default=True, help="The file.")
@output.json_option
def plan(target: str, as_json: bool, **options: Any) -> None:
    """Choose how to train on a dataset: what fits into the memory, and what the minutes suffice for.

    Training cases are looked at, and a few training steps are measured on this machine; validation and test cases are
    not looked at. Every choice is shown with its reason and written into a config file.

    \b
    segkit plan --data isic --minutes 30
    segkit run --config plan.toml
    segkit plan --data msd --data-root DIR --memory 8GB --output short.toml
    """
    from segkit.cli.progress import make_progress
    from segkit.cli.registry import load_registry
    from segkit.files import write_text
    from segkit.jobs.plan.write import toml_of

    registry, progress = load_registry(), make_progress()
    try:
        planned = planned_for(options, registry, progress)
    finally:
        progress.close()
    write_text(Path(target), toml_of(planned))
    if as_json:
        output.print_json(as_object(planned, target))
        return
    show(planned)
    say(f"plan: {target}; train with: segkit run --config {target}")


def planned_for(options: dict[str, Any], registry: Registry, progress: Progress) -> Planned:
    """Make the plan that options ask for."""
    from segkit.config import read_assignments
    from segkit.jobs.plan.apart import Apart
    from segkit.jobs.plan.budget import Budget, read_memory, read_minutes
    from segkit.jobs.plan.compose import Planner
    from segkit.planning.plan import read_config

    memory = options.get("memory")
    budget = Budget(None if memory is None else read_memory(memory), read_minutes(options["minutes"]))
    config = options.get("config")
    flags = {name: value for name, value in options.items() if name in FLAG_FIELDS}
    given: Sequence[Layer] = [
        *([read_config(config, registry)] if config is not None else []),
        *flag_layers(flags),
        read_assignments(options["assignments"]),
    ]
    with tempfile.TemporaryDirectory(prefix="segkit-plan-") as scratch, Apart(given, Path(scratch)) as bench:
        return Planner(given, registry, budget, bench, progress).plan()


def show(planned: Planned) -> None:
    """Print the choices, what is to be known, and what the run is going to take."""
    from segkit.jobs.plan.write import forecast_text

    rows = [(choice.name, choice.text, choice.reason, choice.instead) for choice in planned.choices]
    output.print_table(COLUMNS, rows)
    for remark in planned.remarks:
        output.warn(remark)
    say(f"the run: {forecast_text(planned)}")


def as_object(planned: Planned, target: str) -> dict[str, Any]:
    """What --json prints."""
    from dataclasses import asdict

    return {
        "file": target,
        "choices": [asdict(choice) for choice in planned.choices],
        "remarks": list(planned.remarks),
        "forecast": asdict(planned.forecast),
        "settings": planned.values,
        "seconds": planned.spent,
    }
