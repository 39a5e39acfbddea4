"""`segkit run`: the whole job."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from segkit.cli import output
from segkit.cli.completion import ComponentName
from segkit.cli.options import FLAG_FIELDS, SettingsCommand, flag_layers
from segkit.cli.output import leads, say
from segkit.cli.paths import PATH
from segkit.cli.setting_text import set_option
from segkit.errors import UsageError

if TYPE_CHECKING:
    from segkit.config import Layer
    from segkit.discovery import Registry
    from segkit.engine.progress import Progress
    from segkit.jobs.run import RunResult
    from segkit.planning.plan import Plan
    from segkit.rundir.resume import Resume


@click.command(cls=SettingsCommand)
@click.option("--arch", type=ComponentName("arch"), help="Architecture.")
@click.option("--data", type=ComponentName("data"), multiple=True, help="Dataset; repeated, one network of several.")
@click.option("--data-root", type=PATH, multiple=True, metavar="DIR", help="Folder of the data, of each dataset.")
@click.option(
    "--loss",
    type=ComponentName("loss", terms=True),
    metavar="SUM",
    help='Loss or sum of losses, such as "dice + 0.5*focal".',
)
@click.option(
    "--metric", type=ComponentName("metric"), multiple=True, help="Metric, repeatable; the first is the main one."
)
@click.option(
    "--explain", type=ComponentName("explainer", words=("none",)), multiple=True, help="Explainer, repeatable, or none."
)
@click.option("--size", metavar="N|HxW", help="Working size.")
@click.option("--epochs", metavar="N", help="Passes over the training split.")
@click.option("--batch-size", metavar="N", help="Samples of one step.")
@click.option("--lr", "learning_rate", metavar="RATE", help="Highest learning rate.")
@click.option("--optimizer", metavar="NAME", help="adam or adamw.")
@click.option("--device", metavar="NAME", help="auto, cpu, cuda, cuda:1 or mps.")
@click.option("--seed", metavar="N", help="Seed of weights, order and augmentation.")
@click.option("--workers", metavar="N", help="Threads that prepare data.")
@click.option("--output", type=PATH, metavar="DIR", help="The run's directory; must not hold anything yet.")
@click.option("--name", metavar="TEXT", help="Name of the run.")
@click.option(
    "--config", type=PATH, metavar="FILE", help="Config file, or DATASET:NAME for one shipped with a dataset."
)
@set_option("Set any config field or param.")
@click.option(
    "--deterministic", is_flag=True, default=None, help="On CUDA: bit-reproducible operators only, or a refusal."
)
@click.option("--compile", flag_value="inductor", help="Training steps through torch.compile: slow to start.")
@click.option("--profile", is_flag=True, default=None, help="Write where the time goes: profile.json, trace.json.")
@click.option(
    "--from",
    "source",
    type=PATH,
    metavar="RUN|FILE",
    help="Start from the weights of a run, a safetensors or .pth file.",
)
@click.option(
    "--from-classes", metavar="OLD=NEW", multiple=True, help="With --from: a class that has another name there."
)
@click.option("--plan", "planned", is_flag=True, help="Choose first what fits, as segkit plan does, then train that.")
@click.option("--memory", metavar="AMOUNT", help="With --plan: memory that training may take, such as 8GB.")
@click.option("--minutes", type=float, metavar="N", help="With --plan: time from start to report.  [60]")
@click.option("--resume", type=PATH, metavar="RUN", help="Go on with a run that was stopped, in its directory.")
@click.option("--allow", metavar="NAME,...", multiple=True, help="With --resume: what may differ, by its name.")
@click.option(
    "--keep-ids", type=PATH, metavar="FILE", help="Also write who is behind case ids that hide people, such as DICOM's."
)
@click.option("--dry-run", is_flag=True, help="Show every setting and where it comes from; train nothing.")
@click.option("--open", "show_page", is_flag=True, help="Show the report in the browser at the end.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
def run(as_json: bool, show_page: bool, **options: Any) -> None:
    """Train, score and report: data in, trained and scored model out.

    \b
    segkit run --arch unet --data isic
    segkit run --arch unet --data isic --size 128 --dry-run
    segkit run --config runs/unet-isic/config.toml --seed 1
    segkit run --data isic --from runs/unet-isic --data-root elsewhere
    segkit run --data isic --plan --minutes 30
    segkit run --resume runs/unet-isic
    segkit run --resume runs/unet-isic --epochs 40
    segkit run --resume runs/unet-isic --allow batch-size --batch-size 4
    torchrun --nproc-per-node 4 -m segkit run --arch unet --data isic
    """
    from segkit.rundir.resume import is_longer

    resume = options["resume"]
    if resume is not None and is_finished(Path(resume)) and not is_longer(Path(resume), options["epochs"]):
        refuse_options(resume, options)
        if leads():
            show_finished(Path(resume), as_json=as_json)
        return
    if options["dry_run"]:
        show_settings(options, as_json=as_json)
        return
    result = carry_out("run", **options)
    if leads():
        show_result(result, as_json=as_json)
        if show_page:
            open_page(Path(result.report))


def is_finished(folder: Path) -> bool:
    """Whether a run has all that it can have, its page included."""
    from segkit.rundir.stage import Stage, standing_of

    standing = standing_of(folder)
    return standing.stage is Stage.FINISHED and not standing.details


def refuse_options(resume: str, options: dict[str, Any]) -> None:
    """Raise UsageError where something was said that a finished run cannot take: nothing is dropped (issue 17)."""
    from segkit.rundir.allowances import read_allowances

    read_allowances(options["allow"])
    said = [layer.source for layer in said_layers(options) if layer.values]
    said += [f"--{name}" for name in ("config",) if options[name] is not None]
    said += ["--from"] if options["source"] is not None else []
    said += ["--keep-ids"] if options["keep_ids"] is not None else []
    if said:
        raise UsageError(
            f"--resume {resume}: this run is finished, and {', '.join(said)} cannot change it",
            f"start a new run: segkit run --config {Path(resume, 'config.toml')} {' '.join(said)} ...",
        )


def said_layers(options: dict[str, Any]) -> list[Layer]:
    """The settings that the command line names, weakest first."""
    from segkit.config import read_assignments

    flags = {name: value for name, value in options.items() if name in FLAG_FIELDS}
    return [*flag_layers(flags), read_assignments(options["assignments"])]


def carry_out(command: str, **options: Any) -> RunResult:
    """Plan, train and, unless the command is `train`, score and report: the one way of all that trains a run.

    Where the run is stopped, say how to go on and exit with 130 (Ctrl-C) or 143 (SIGTERM).
    """
    from segkit.cli.progress import make_progress
    from segkit.cli.registry import load_registry
    from segkit.engine.launch import Launch
    from segkit.engine.progress import Progress
    from segkit.rundir.claim import check_output

    stopped, launch = read_resume(options), Launch.from_environment()
    registry, progress = load_registry(), make_progress() if launch.leads else Progress()
    plan = plan_of(options, stopped, registry, progress)
    if stopped:
        check_own_output(plan.output, stopped.folder)
    elif launch.leads and not launch.restarts:  # started again by torchrun, the command finds its own run there
        check_output(plan.output)
    if options["keep_ids"] is not None and launch.leads:
        keep_ids(Path(options["keep_ids"]), plan, progress, stopped.folder if stopped else None)

    from segkit.engine.stop import Stopped
    from segkit.jobs.events import Events
    from segkit.jobs.run import run_job

    events = Events(registry.manager, progress.message)
    try:
        return run_job(plan, None, progress, stopped, only_train=command == "train", events=events)
    except Stopped as stop:
        progress.close()
        way_on = f"; go on with: segkit {command} --resume {stop.folder}" if stop.folder else ""
        if launch.leads:
            say(f"{stop}{way_on}", err=True)
        sys.exit(stop.exit_code)
    finally:
        progress.close()


def keep_ids(path: Path, plan: Plan, progress: Progress, folder: Path | None) -> None:
    """Write what stands behind the ids of a plan's cases, before anything is trained."""
    from segkit.jobs.identities import Named, keep_identities

    out_of = folder or (Path(plan.output) if plan.output is not None else None)
    cases = {case.id: case for split in plan.cases.values() for case in split}
    images = [Named(case.id, plan.reader, case.files) for case in cases.values()]
    keep_identities(path, images, progress.message, out_of=out_of)


def plan_of(options: dict[str, Any], stopped: Resume | None, registry: Registry, progress: Progress) -> Plan:
    """Resolve what the command line says to what will be done; raises UsageError where that cannot be meant."""
    from segkit.planning.plan import make_plan, read_config
    from segkit.rundir.source import open_source

    config = options["config"]
    check_plan_options(options)
    layers = [stopped.config] if stopped else [read_config(config, registry)] if config is not None else []
    if options["planned"]:
        layers = [plan_layer(options, registry, progress), *layers]
    if stopped:
        refuse_source(stopped.folder, options["source"])
    source = open_source(options["source"]) if options["source"] is not None else None
    return make_plan([*layers, *said_layers(options)], registry, tell=progress.message, source=source)


def check_plan_options(options: dict[str, Any]) -> None:
    """Raise UsageError where what is said of a plan has no plan to go with, or where each process would plan."""
    from segkit.engine.launch import Launch

    for name in ("memory", "minutes"):
        if options[name] is not None and not options["planned"]:
            raise UsageError(f"--{name} was given without --plan", "it is what a plan may take: say --plan too")
    if options["planned"] and options["resume"] is not None:
        raise UsageError("--resume and --plan were both given", "a run is resumed with its own config")
    if options["planned"] and Launch.from_environment().several:
        # What is chosen depends on times that are measured: each process would choose for itself (issue 28).
        raise UsageError(
            "--plan was given to several processes of one run",
            "plan once, in one process: segkit plan ... --output plan.toml, then torchrun ... run --config plan.toml",
        )


def plan_layer(options: dict[str, Any], registry: Registry, progress: Progress) -> Layer:
    """Plan what was not said, and say on stderr what was chosen and why."""
    from segkit.cli.plan import MINUTES, planned_for
    from segkit.jobs.plan.compose import planned_layer
    from segkit.jobs.plan.write import forecast_text

    planned = planned_for({**options, "minutes": options["minutes"] or MINUTES}, registry, progress)
    for choice in planned.choices:
        progress.message(f"plan: {choice.name} {choice.text}: {choice.reason}")
    for remark in planned.remarks:
        progress.message(f"note: {remark}")
    progress.message(f"plan: {forecast_text(planned)}")
    return planned_layer(planned.values)


def show_settings(options: dict[str, Any], *, as_json: bool) -> None:
    """Print every setting that a run of these options would have, with where each comes from."""
    from segkit import params
    from segkit.cli.progress import make_progress
    from segkit.cli.registry import load_registry

    config = plan_of(options, read_resume(options), load_registry(), make_progress()).config
    values = config.flat()
    if as_json:
        output.print_json(
            {name: {"value": value, "from": config.origin(name).source} for name, value in values.items()}
        )
        return
    rows = [(name, params.show(value), config.origin(name).source) for name, value in values.items()]
    output.print_table(("setting", "value", "from"), rows)


def open_page(page: Path) -> None:
    """Show a page in the browser; without one say so, for the work is done."""
    if click.launch(str(page)) != 0:
        output.warn(f"no browser could be started; open {page} in one")


def read_resume(options: dict[str, Any]) -> Resume | None:
    """Return the run to go on with, as --resume and --allow name it; None for a new one."""
    from segkit.rundir.allowances import read_allowances
    from segkit.rundir.resume import is_longer, open_run

    allowed = read_allowances(options["allow"])
    if options["resume"] is None:
        if allowed:
            raise UsageError("--allow was given without --resume", "say which run to go on with")
        return None
    if options["config"] is not None:
        raise UsageError("--resume and --config were both given", "a run is resumed with its own config")
    folder = Path(options["resume"])
    return open_run(folder, allowed, longer=is_longer(folder, options["epochs"]))


def refuse_source(folder: Path, source: str | None) -> None:
    """Raise UsageError where a run that has weights of its own is to go on with others.

    Those that it once started from may be named again: an engine gives its jobs the same command line once more.
    """
    from segkit.config import read_file
    from segkit.rundir.names import CONFIG
    from segkit.rundir.resume import has_state
    from segkit.rundir.source import open_source

    if source is None or not has_state(folder):
        return
    if open_source(source).digest != read_file(folder / CONFIG).values.get("start.digest"):
        raise UsageError(
            f"--resume {folder} and --from {source} were both given: the run goes on with its own weights",
            "leave --from out, or start a new run",
        )


def check_own_output(output: str | None, folder: Path) -> None:
    """Raise UsageError where a run is to go on in another directory than its own."""
    from segkit.files import real

    if output is not None and real(Path(output)) != real(folder):
        raise UsageError(
            f"--resume {folder} and --output {output} were both given",
            "a run goes on in its own directory; to keep what it is now, copy that directory first",
        )


def show_finished(folder: Path, *, as_json: bool) -> None:
    """Say that there is nothing to go on with, or print the summary that there is."""
    if as_json:
        from segkit.rundir.read import read_record

        output.print_json(dict(read_record(folder).summary))
        return
    say(f"{folder} is finished; its report: {folder / 'report.html'}")


def show_result(result: Any, *, as_json: bool) -> None:
    """Print the scores and where the report is."""
    if as_json:
        output.print_json(result.summary, sort_keys=True)
        return
    from segkit.cli.output import console
    from segkit.report.tables import print_scores

    print_scores(result.summary, console())
    say(f"report: {result.report}")
