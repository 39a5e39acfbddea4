"""Predict files one after the other: read ahead, predict, write behind; a bad file is reported, the rest go on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from segkit.data.at_once import room_for
from segkit.data.case import Sample
from segkit.data.origin import Maker
from segkit.data.prefetch import prefetch
from segkit.data.resample import resize_mask
from segkit.engine.agreement import Agreement
from segkit.engine.ensemble import Ensemble
from segkit.engine.expected import Estimate, ExpectedDice
from segkit.engine.label_forms import Form
from segkit.engine.progress import Progress
from segkit.engine.shapes import EXPECTED
from segkit.errors import SegkitError
from segkit.files import alone_in, own_folder, remove_parts, write_json, write_whole
from segkit.jobs.predict.estimate import estimate_of, telling, why_none
from segkit.jobs.predict.faults import fault_of
from segkit.jobs.predict.inputs import Input
from segkit.jobs.predict.names import OVERLAYS, PROBABILITIES, RECORD, SIZES
from segkit.jobs.predict.outputs import (
    AGREEMENT,
    ClassSize,
    ProbabilityFile,
    check_free,
    class_sizes,
    mask_names,
    write_mask,
    write_probabilities,
    write_sizes,
)
from segkit.jobs.predict.record import GENERATED, LabelMap, read_before, record
from segkit.jobs.predict.together import check_no_bound, check_same_task
from segkit.model import Model

MOST_REMARKS = 5


@dataclass(frozen=True)
class Options:
    """What is written besides label maps and sizes, and how.

    Attributes:
        force: replace what was predicted before.
        workers: threads that read, and as many that write.
        form: how overlapping classes are written.
        file_format: what label maps are written as, where the input's format knows several; "" for the usual one.
        maker: what label maps that can say it say of what made them.
    """

    overlays: bool = False
    probabilities: bool = False
    force: bool = False
    workers: int = 1
    form: Form = "auto"
    file_format: str = ""
    maker: Maker | None = None


@dataclass(frozen=True)
class Read:
    """An input that was read, or why it could not be."""

    item: Input
    writer: Any = None
    sample: Sample | None = None
    error: SegkitError | None = None


@dataclass(frozen=True)
class Labelled:
    """An input with its label map, the Dice that it can expect, and how far several models agree."""

    read: Read
    labels: np.ndarray | None = None
    error: SegkitError | None = None
    expected: float | None = None
    agreement: float | None = None


@dataclass(frozen=True)
class PredictedFile:
    """One file's result.

    Attributes:
        mask: the label map's file.
        remarks: what people must know of how the input was read.
        more: of overlapping classes the other files, the last of which says what is in them.
        expected: the Dice that it can expect by its own probabilities; None of a model that is not calibrated.
        agreement: mean Dice of the label maps of every two models; None of one, or where none marks anything.
    """

    item: Input
    mask: Path
    sizes: Sequence[ClassSize]
    remarks: tuple[str, ...] = ()
    more: tuple[Path, ...] = ()
    expected: float | None = None
    agreement: float | None = None


@dataclass
class Outcome:
    """What came of it all.

    Attributes:
        failed: file and reason.
        record: what prediction.json holds.
    """

    folder: Path
    predicted: list[PredictedFile] = field(default_factory=list)
    failed: list[tuple[Input, SegkitError]] = field(default_factory=list)
    record: dict[str, Any] = field(default_factory=dict)


def predict_files(
    models: Sequence[Model], items: Sequence[Input], folder: Path, options: Options, progress: Progress
) -> Outcome:
    """Predict files with a model, or with several whose probabilities are averaged.

    Writes a label map each, sizes.csv and prediction.json into `folder`; memory does not grow with the number of files.

    Args:
        progress: told of every file that cannot be predicted as it is met.

    Raises:
        SegkitError: the models do not fit together, an output is there already, or the disk refuses.
    """
    check_same_task(models)
    check_no_bound(models)
    make_folder(folder)
    with alone_in(folder, "predicting into"):
        return predict_alone(models, items, folder, options, progress)


def predict_alone(
    models: Sequence[Model], items: Sequence[Input], folder: Path, options: Options, progress: Progress
) -> Outcome:
    """Predict files into a folder that no other process writes into."""
    first, before = models[0], read_before(folder)
    possible = [possible_names(first, item, options) for item in items]
    check_free(folder, items, possible, force=options.force, ours=before.unfinished_files)
    for place in (folder, folder / OVERLAYS, folder / PROBABILITIES):
        remove_parts(place)
    planned = [
        LabelMap(name, item.name)
        for item, names in zip(items, possible, strict=True)
        for name in names
        if "/" not in name
    ]
    earlier = before.left_in(folder, planned)
    outcome, told = Outcome(folder), set[str]()
    # Killed at any moment, the folder says which of its files are predictions, and the same command goes on.
    write_json(folder / RECORD, record(models, outcome, options, planned, earlier))
    ended = False
    if reason := why_none(models, Ensemble(tuple(model.predictor for model in models))):
        progress.message(f"note: {reason}")
    progress.start("predict", len(items), "files" if len(items) != 1 else "file")
    try:
        for result in run(models, items, folder, options):
            if isinstance(result, PredictedFile):
                outcome.predicted.append(result)
                tell_remarks(result, told, progress)
            else:
                outcome.failed.append(result)
                progress.message(f"error: {result[1]}")
            progress.advance()
        ended = True
    finally:
        # Also where it is stopped: what is predicted is told.
        rows = [
            (part.item.label, part.mask.name, part.sizes, {EXPECTED: part.expected, AGREEMENT: part.agreement})
            for part in outcome.predicted
        ]
        write_sizes(folder / SIZES, rows)
        outcome.record = record(models, outcome, options, None if ended else planned, earlier)
        write_json(folder / RECORD, outcome.record)
    progress.finish()
    return outcome


def tell_remarks(part: PredictedFile, told: set[str], progress: Progress) -> None:
    """Say what is to be known of how a file was read, equal words once, and a few only: prediction.json has all."""
    for text in part.remarks:
        if text not in told and len(told) < MOST_REMARKS:
            told.add(text)
            more = f" ({RECORD} has what is to be said of the others)" if len(told) == MOST_REMARKS else ""
            progress.message(f"note: {part.item.label} {text}{more}")


def run(
    models: Sequence[Model], items: Sequence[Input], folder: Path, options: Options
) -> Iterator[PredictedFile | tuple[Input, SegkitError]]:
    """Read, predict and write, at most a few files of each under way."""
    first, ensemble = models[0], Ensemble(tuple(model.predictor for model in models))
    headers = [model.header for model in models]
    # Each volume may be large: no more than two are in memory.
    workers = options.workers if first.image_dims == 2 else min(1, options.workers)

    def read(item: Input) -> Read:
        try:
            writer = first.opener.format_of(item.path)
            with room_for(item.files):
                return Read(item, writer, first.opener.open(item.files, first.image_task, ensemble.size))
        except Exception as error:  # of a reader, and of a file from anywhere
            return Read(item, error=fault_of(item, error))

    def label() -> Iterator[Labelled]:
        for part in prefetch(read, items, workers):
            yield label_one(first, ensemble, estimate_of(headers, ensemble), part, folder, options)

    def write(part: Labelled) -> PredictedFile | tuple[Input, SegkitError]:
        if part.labels is None or part.read.sample is None:
            assert part.error is not None
            return part.read.item, part.error
        item, sample = part.read.item, part.read.sample
        try:
            task = first.image_task
            how = options.form, options.file_format, options.maker
            masks = write_mask(folder, item, part.read.writer, part.labels, sample, task, *how)
            if options.probabilities and options.file_format:
                write_probabilities(folder, item, part.read.writer, sample, task, *how[1:])
            if options.overlays:
                write_overlay(folder / OVERLAYS / f"{item.name}.jpg", first, item, part.labels, sample)
            sizes = class_sizes(part.labels, task, sample.spacing)
        except Exception as error:
            if refused_by_disk(error):
                raise
            return item, fault_of(item, error, tuple(sample.shape))
        more = tuple(masks[1:])
        return PredictedFile(item, masks[0], sizes, sample.remarks, more, part.expected, part.agreement)

    yield from prefetch(write, label(), workers)


def label_one(
    model: Model, ensemble: Ensemble, estimate: Estimate | None, part: Read, folder: Path, options: Options
) -> Labelled:
    """Predict one image that was read."""
    if part.sample is None:
        return Labelled(part, error=part.error)
    sample, agreement = part.sample, ensemble.agreement()
    if estimate is not None and agreement is not None and estimate.agreement is not None:
        agreement = estimate.agreement  # counted once for both
    applied, dice = telling(ensemble, estimate), estimate.dice if estimate else None
    try:
        if options.probabilities:
            path = folder / PROBABILITIES / f"{part.item.name}.npy"
            labels = keep_probabilities(path, applied, sample, dice, agreement)
        else:
            watch, shares = (dice.take, dice.take_probabilities) if dice else (None, None)
            labels = applied.labels(sample.image, sample.shape, sample.spacing, watch, agreement, shares)
        labels = labels if model.postprocess is None else model.postprocess(labels)
    except Exception as error:  # of a network that a stranger wrote, and of the machine
        if refused_by_disk(error):
            raise
        return Labelled(part, error=fault_of(part.item, error, tuple(sample.shape)))
    expected = estimate.value() if estimate else None
    return Labelled(part, labels, expected=expected, agreement=agreement.value() if agreement else None)


def refused_by_disk(error: Exception) -> bool:
    """Whether something could not be written: no fault of its image, and the same command goes on later."""
    return isinstance(error, OSError) or isinstance(error.__cause__, OSError)


def keep_probabilities(
    path: Path,
    ensemble: Ensemble,
    sample: Sample,
    estimate: ExpectedDice | None = None,
    agreement: Agreement | None = None,
) -> np.ndarray:
    """Write the probabilities of an image and return its label map, which is taken from them before rounding."""
    labels = np.empty(ensemble.task.mask_shape(sample.shape), np.uint8)
    file = ProbabilityFile(path, ensemble.task.out_channels, sample.shape)
    try:
        for planes, values in ensemble.probabilities(sample.image, sample.shape, sample.spacing, agreement):
            file.put(planes, values.cpu().numpy())
            ensemble.decode_into(labels, planes, values)
            if estimate is not None:
                estimate.take_probabilities(values)
    except BaseException:
        file.drop()
        raise
    file.keep()
    return labels


def write_overlay(path: Path, model: Model, item: Input, labels: np.ndarray, sample: Sample) -> None:
    """Write the image with its classes coloured; of a volume some slices."""
    from segkit.jobs.predict.overlays import coloured_labels, montage, overlay_jpeg, overlay_size

    caption = GENERATED if model.header.get("generated_sample") else ""
    planes = labels if model.task.overlapping else labels[None]
    if model.image_dims == 2:
        # It was read at the network's size, which is too coarse to be looked at.
        size = overlay_size(planes.shape[1:])
        shown = model.opener.open(item.files, model.image_task, size)
        # Every pixel's own label, as it will be shown: a slide's label map is larger than memory.
        picture = coloured_labels(shown.image, np.stack([resize_mask(plane, size) for plane in planes]))
    else:
        picture = montage(sample.image, planes, sample.spacing)
        caption = "; ".join(part for part in ("right is left", caption) if part)
    data = overlay_jpeg(picture, model.task.classes, caption)
    own_folder(path.parent.parent, path.parent.name)
    write_whole(path, lambda stream: stream.write(data))


def possible_names(model: Model, item: Input, options: Options) -> list[str]:
    """Return the names of all files that may be written for an input."""
    try:
        names = mask_names(item, model.opener.format_of(item.path), model.image_task, options.file_format)
    except SegkitError:
        return []
    names += [f"{OVERLAYS}/{item.name}.jpg"] if options.overlays else []
    return names + ([f"{PROBABILITIES}/{item.name}.npy"] if options.probabilities else [])


def make_folder(folder: Path) -> None:
    """Make the folder of the results; raises SegkitError where that cannot be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SegkitError(f"cannot make the folder {folder}: {error.strerror}", "name another --output") from None
