"""`segkit predict`."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from segkit.cli import output
from segkit.cli.many import launcher_options
from segkit.cli.paths import PATH
from segkit.cli.setting_text import SettingText, set_option
from segkit.errors import UsageError, did_you_mean
from segkit.rundir.names import CONFIG, MODEL

if TYPE_CHECKING:
    from segkit.data.origin import Maker
    from segkit.engine.label_forms import Form
    from segkit.engine.progress import Progress
    from segkit.jobs.predict import Input, Outcome
    from segkit.model import Model

FORMS: tuple[Literal["auto", "labels", "bits", "files"], ...] = ("auto", "labels", "bits", "files")
RUN_FILES = (MODEL, CONFIG)
LEAST = 3
"""Images that are named as the least to be trusted."""
SHOWN = 20
"""Files whose sizes a terminal is shown."""


@click.command()
@click.argument("given", nargs=-1, required=True, type=PATH, metavar="MODEL... INPUT...")
@click.option("-o", "--output", "folder", type=PATH, metavar="DIR", required=True, help="Folder of the results.")
@click.option("--overlays", is_flag=True, help="Also write each image with its classes coloured, to look at.")
@click.option("--probabilities", is_flag=True, help="Also write probabilities, one .npy per image.")
@click.option(
    "--format",
    "form",
    default="auto",
    show_default=True,
    metavar="NAME",
    help="Of overlapping classes: labels, a label map where it says all; bits, a bit mask; files, one per class. "
    "Or a format that an installed plugin writes, such as dicom-seg.",
)
@click.option("--tta/--no-tta", default=None, help="Average over copies mirrored as in training; else as scored.")
@click.option("--keep-ids", type=PATH, metavar="FILE", help="Also write who is behind names that hide people.")
@click.option("--force", is_flag=True, help="Replace results that are there already.")
@click.option("--device", default="auto", show_default=True, metavar="NAME", help="auto, cpu, cuda, cuda:1 or mps.")
@click.option("--workers", type=click.IntRange(0, 256), metavar="N", help="Threads that read and write files.")
@click.option("--each", is_flag=True, help="Each model by itself, into DIR/NAME, as a job; several are else averaged.")
@launcher_options("With --each: each model")
@set_option("Set a param of the launcher.", metavar="launcher.PARAM=VALUE", kind=SettingText(("launcher",)))
@output.json_option
def predict(
    given: tuple[str, ...],
    folder: str,
    overlays: bool,
    probabilities: bool,
    form: str,
    tta: bool | None,
    keep_ids: str | None,
    force: bool,
    device: str,
    workers: int | None,
    each: bool,
    launcher: str | None,
    jobs: int | None,
    dry_run: bool,
    assignments: tuple[str, ...],
    as_json: bool,
) -> None:
    """Predict label maps of images: photographs (JPEG, PNG, TIFF) and what installed datasets read (such as NIfTI).

    MODEL is a run directory or a model.safetensors; the probabilities of several are averaged. INPUT is a file, a
    folder with all below it, or a pattern; volumes of several channels are files ID_0000, ID_0001 and so on.

    \b
    segkit predict runs/unet-isic photo.jpg -o out --overlays
    segkit predict runs/a runs/b images/ 'more/*.png' -o out
    segkit predict runs/a runs/b images/ -o out --each --jobs 2

    A label map has the image's own size; a photograph's is a palette PNG whose indices are the labels. A photograph
    that its EXIF data say to turn is turned first, as viewers do, and so lies its label map. DIR/sizes.csv has the size
    of every class. A file that cannot be predicted is reported, the others go on, and the exit code is 1.
    """
    models, inputs = split_arguments(given)
    if each:
        if force or keep_ids:
            raise UsageError(
                f"--{'force' if force else 'keep-ids'} was given with --each",
                "name another --output" if force else "names are the same for all models: ask one",
            )
        predict_each(models, inputs, folder, as_json=as_json)
        return
    asked = {"--launcher": launcher, "--jobs": jobs, "--dry-run": dry_run, "--set": assignments}
    if alone := [option for option, said in asked.items() if said]:
        raise UsageError(f"{alone[0]} was given without --each", "say --each to predict with each model by itself")

    from segkit.cli.progress import make_progress
    from segkit.engine.device import default_workers
    from segkit.jobs.predict import Options, counted, find_inputs, predict_files

    loaded = load_models(models, device, tta)
    first = loaded[0]
    found = find_inputs(inputs, first.opener, first.image_channels, first.image_dims)
    items = found.items
    label_form, file_format = chosen_format(form, first)
    options = Options(
        overlays,
        probabilities,
        force,
        default_workers() if workers is None else workers,
        label_form,
        file_format,
        maker_of(loaded, models),
    )
    progress = make_progress()
    if found.left_out:
        progress.message(f"left out: {counted(found.left_out)}")
    if any(model.header.get("generated_sample") for model in loaded):
        progress.message("GENERATED SAMPLE: the model has learnt from drawn images, its predictions mean nothing")
    try:
        if keep_ids is not None:
            write_ids(Path(keep_ids), first, items, progress, Path(folder))
        outcome = predict_files(loaded, items, Path(folder), options, progress)
    finally:
        progress.close()
    if as_json:
        output.print_json(outcome.record)
    else:
        show(outcome)
    if outcome.failed:
        output.complain(f"{len(outcome.failed)} of {len(items)} files could not be predicted, as told above")
        sys.exit(1)


def predict_each(models: Sequence[str], inputs: Sequence[str], folder: str, *, as_json: bool) -> None:
    """Predict with each model as a job, and print a line of each."""
    from segkit.cli.many import each, tell_failures
    from segkit.jobs.predict.names import RECORD
    from segkit.jobs.predict.record import whole_record

    whole = [str(Path(text).absolute()) for text in inputs]
    jobs, failed = each(
        models,
        folder,
        lambda run, own: ["predict", str(run), *whole, "--output", str(own)],
        lambda own: whole_record(own) is not None,
    )
    records = {job: record for job in jobs if (record := whole_record(job.folder)) is not None}
    if as_json:
        output.print_json(
            [{"run": job.name, "prediction": records.get(job), "error": failed.get(job.name)} for job in jobs]
        )
    else:
        rows = [
            (job.name, str(len(record["files"])), str(len(record["failed"])), str(job.folder))
            for job, record in records.items()
        ]
        output.print_table(("run", "predicted", "failed", "label maps"), rows)
    tell_failures(failed)
    bad = sum(len(record["failed"]) for record in records.values())
    if bad:
        output.complain(f"{bad} files could not be predicted, as told in {RECORD}")
    if failed or bad:
        sys.exit(1)


def write_ids(path: Path, model: Model, items: Sequence[Input], progress: Progress, folder: Path) -> None:
    """Write what stands behind the names of images, before any is predicted."""
    from segkit.jobs.identities import Named, keep_identities

    images = [Named(item.name, model.opener.reader_of(item.path), item.files) for item in items]
    keep_identities(path, images, progress.message, out_of=folder)


def chosen_format(name: str, model: Model) -> tuple[Form, str]:
    """Tell the form of overlapping classes from a file format of a plugin's; raises UsageError where it is neither."""
    for form in FORMS:
        if name == form:
            return form, ""
    known = sorted({*model.opener.formats()})
    if name not in known:
        raise UsageError(
            f"--format {name} is no format{did_you_mean(name, [*FORMS, *known])}",
            f"there are {', '.join([*FORMS, *known])}",
        )
    return "auto", name


def maker_of(models: list[Model], paths: list[str]) -> Maker:
    """Return what label maps say of the models that made them."""
    from segkit.data.origin import Maker
    from segkit.data.sources import content_hash
    from segkit.rundir.checkpoint import checkpoint_of

    components = [item for model in models for item in model.header["components"]]
    networks = list(dict.fromkeys((item["name"], item["version"]) for item in components if item["kind"] == "arch"))
    data = next((item.get("params") for item in components if item["kind"] == "data"), None)
    return Maker(
        " + ".join(str(name) for name, _ in networks),
        " + ".join(str(version) for _, version in networks),
        " ".join(content_hash(checkpoint_of(Path(path))) for path in paths),
        data or {},
    )


def split_arguments(given: tuple[str, ...]) -> tuple[list[str], list[str]]:
    """Tell models from inputs; raises UsageError where one of them is missing."""
    models = [text for text in given if is_model(Path(text))]
    inputs = [text for text in given if text not in models]
    if not models:
        raise UsageError(
            f"none of {', '.join(map(repr, given))} is a model", "give a run directory or a model.safetensors first"
        )
    if not inputs:
        raise UsageError("no image was named", "give files, folders or patterns after the model")
    return models, inputs


def is_model(path: Path) -> bool:
    """Whether a path is a checkpoint or a run directory, finished or not."""
    return path.suffix == ".safetensors" or any((path / name).is_file() for name in RUN_FILES)


def load_models(paths: list[str], device: str, tta: bool | None) -> list[Model]:
    """Load the models."""
    from segkit.cli.registry import load_registry
    from segkit.model import load_model
    from segkit.rundir.checkpoint import checkpoint_of

    registry = load_registry()
    models = [load_model(checkpoint_of(Path(path)), device, registry) for path in paths]
    return models if tta is None else [model.adjusted(mirror=tta, turn=None if tta else False) for model in models]


def show(outcome: Outcome) -> None:
    """Print the size of every class in every image; on a terminal of the first ones."""
    shown = outcome.predicted[:SHOWN] if output.for_people() else outcome.predicted
    rows: list[tuple[str, ...]] = []
    for part in shown:
        for size in part.sizes:
            known = next(
                (f"{value:.4g} {unit}" for value, unit in ((size.mm2, "mm2"), (size.ml, "ml")) if value is not None), ""
            )
            rows.append((part.item.label, part.mask.name, size.name, str(size.pixels), f"{size.share:.1%}", known))
    heads: tuple[str, ...] = ("image", "label map", "class", "pixels", "share", "size")
    if output.for_people() and not any(row[-1] for row in rows):
        heads, rows = heads[:-1], [row[:-1] for row in rows]
    output.print_table(heads, rows)
    if not output.for_people():
        return
    for line in trust(outcome):
        output.say(line)
    more = len(outcome.predicted) - len(shown)
    output.say(f"{f'and {more} more; ' if more else ''}all sizes: {outcome.folder / 'sizes.csv'}")
    if outcome.record["overlays"]:
        output.say(f"look at: {outcome.folder / 'overlays'}")


def trust(outcome: Outcome) -> Iterator[str]:
    """Yield what models say of their label maps: those least trusted or agreed on, and what that order is worth."""
    calibration, estimate = outcome.record["models"][0].get("calibration") or {}, outcome.record.get("estimate")
    agreed = sorted((part.agreement, part.item.label) for part in outcome.predicted if part.agreement is not None)
    if agreed:
        least = ", ".join(f"{label} {dice:.2f}" for dice, label in agreed[:LEAST])
        worth = "" if estimate else "; not measured how it ranks"
        yield f"least agreement of the models (Dice with one another{worth}): {least}"
    known = sorted((part.expected, part.item.label) for part in outcome.predicted if part.expected is not None)
    if known and estimate:
        ranking = estimate["ranking"]
        yield f"lowest expected Dice: {', '.join(f'{label} {expected:.2f}' for expected, label in known[:LEAST])}"
        yield (
            f"  that order goes {100 * (ranking['gained'] or 0):.0f} % of the way from none to the best (AURC), "
            f"Spearman {ranking['spearman'] or 0:.2f}, on {ranking['n']} cases ({ranking['split']})"
        )
    risk = calibration.get("risk")
    if risk and len(outcome.record["models"]) == 1:
        yield (
            f"foreground from a probability of {risk['threshold']:g} on: expected share of missed foreground at most "
            f"{risk['level']:g}, by {risk['cases']} held-out cases exchangeable with these"
        )
