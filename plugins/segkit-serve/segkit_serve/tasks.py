"""What a worker does with an image: predict it, show it, explain it, write a label map that somebody corrected."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from segkit import SegkitError
from segkit.jobs.predict import predict_image, write_labels_of
from segkit.report.pictures import displayable

if TYPE_CHECKING:
    from segkit.model import Model

LONGEST = 1600
"""Pixels of the longer side of a photograph that a page is shown; the label map is on the photograph's own grid."""
Tell = Callable[[float], None]


def labels_file(folder: Path, model: int) -> Path:
    """Where the label map of a model lies: its bytes, C order, gzipped."""
    return folder / f"labels-{model}.gz"


def predict(models: Sequence[Model], task: Mapping[str, Any], tell: Tell) -> dict[str, Any]:
    """Predict an image, keep its label map for the page and write it in the image's own format.

    Args:
        task: "model", "files", "folder" and "name", what the label map's file is called.

    Returns:
        What a client is told of the result.
    """
    model, files, folder = models[task["model"]], [Path(file) for file in task["files"]], Path(task["folder"])
    found = predict_image(model, files, tell)
    packed = gzip.compress(np.ascontiguousarray(found.labels).tobytes(), 1, mtime=0)
    labels_file(folder, task["model"]).write_bytes(packed)
    place = folder / f"mask-{task['model']}"
    place.mkdir(exist_ok=True)
    written = write_labels_of(model, files, found.labels, found.sample, place, task["name"])
    if found.sample.image.ndim == 4 and not (folder / "shown.npy").exists():
        keep_volume(found.sample.image, folder / "shown.npy")
    return {
        "grid": list(found.sample.shape),
        "spacing": None if found.sample.spacing is None else [float(value) for value in found.sample.spacing],
        "overlapping": model.task.overlapping,
        "sizes": [vars(size) for size in found.sizes],
        "expected_dice": None if found.expected is None else round(found.expected, 4),
        "remarks": list(found.sample.remarks),
        "files": [path.name for path in written],
    }


def keep_volume(image: np.ndarray, path: Path) -> None:
    """Write the first channel of a volume (C, D, H, W) as uint8, stretched from its 1st to its 99th percentile."""
    first = image[0]
    few = first[:: max(1, first.shape[0] // 64)]
    low, high = np.percentile(few, (1, 99))
    shown = np.lib.format.open_memmap(path, "w+", np.uint8, first.shape)
    for index, plane in enumerate(first):
        shown[index] = np.clip((plane.astype(np.float32) - low) / max(high - low, 1e-6) * 255, 0, 255)
    shown.flush()


def picture(models: Sequence[Model], task: Mapping[str, Any], tell: Tell) -> bytes:
    """Return a photograph as a JPEG of at most LONGEST pixels, upright as its label map is."""
    from PIL import Image

    model = models[task["model"]]
    height, width = task["grid"]
    scale = min(1.0, LONGEST / max(height, width))
    size = max(1, round(height * scale)), max(1, round(width * scale))
    shown = model.opener.open([Path(file) for file in task["files"]], model.image_task, size)
    stream = io.BytesIO()
    Image.fromarray(displayable(shown.image)).save(stream, "JPEG", quality=92)
    return stream.getvalue()


def explain(models: Sequence[Model], task: Mapping[str, Any], tell: Tell) -> dict[str, Any]:
    """Explain a prediction; the heat map is kept as bytes of 0 to 255 on the image's own grid, gzipped.

    Args:
        task: "model", "files", "folder", and "explainer", "target", "evidence" as `segkit.load(...).explain` has them.
    """
    model = models[task["model"]]
    files = [Path(file) for file in task["files"]]
    found = model.explain(files, task["explainer"], task["target"], evidence=task["evidence"])
    values = np.rint(found.heat.clip(0, 1) * 255).astype(np.uint8)
    name = f"heat-{task['model']}.gz"
    (Path(task["folder"]) / name).write_bytes(gzip.compress(values.tobytes(), 1, mtime=0))
    return {
        "verdict": found.evidence.get("verdict", found.status),
        "words": list(found.evidence.get("words", ())),
        "status": found.status,
        "explainer": found.meta.get("explainer"),
        "layer": found.meta.get("layer"),
        "target": found.meta.get("target"),
        "class": found.meta.get("class"),
        "evidence": {key: value for key, value in found.evidence.items() if key not in ("verdict", "words")},
    }


def unpacked(data: bytes, grid: Sequence[int]) -> np.ndarray:
    """Return a label map from its bytes, gzipped or not; never more than the grid has is unpacked."""
    count = int(np.prod(grid, dtype=np.int64))
    if data[:2] == b"\x1f\x8b":
        try:
            stream = zlib.decompressobj(31)
            data = stream.decompress(data, count + 1)
        except zlib.error as error:
            raise SegkitError(f"the label map's gzip is damaged ({error})", "send it again") from None
    if len(data) != count:
        raise SegkitError(f"the label map has {len(data)} bytes, its grid {count}", "send one byte per pixel")
    return np.frombuffer(data, np.uint8).reshape(grid)


def write(models: Sequence[Model], task: Mapping[str, Any], tell: Tell) -> list[str]:
    """Write a label map that somebody corrected in the image's own format; returns the files' names.

    Args:
        task: "model", "files", "labels" (bytes on the grid), "folder" and "name".
    """
    model, files = models[task["model"]], [Path(file) for file in task["files"]]
    size = model.predictor.size if model.image_dims == 2 else None
    sample = model.opener.open(files, model.image_task, size)
    labels = unpacked(task["labels"], model.image_task.mask_shape(sample.shape))
    highest = 1 if model.task.overlapping else len(model.task.classes)
    if labels.size and int(labels.max()) > highest:
        raise SegkitError(f"the label map has the label {int(labels.max())}, the model {highest}", "draw its classes")
    written = write_labels_of(model, files, labels, sample, Path(task["folder"]), task["name"])
    return [path.name for path in written]


def keep(models: Sequence[Model], task: Mapping[str, Any], tell: Tell) -> dict[str, Any]:
    """Write what a version of a correction consists of: the mask, the model's proposal, and the mask for a dataset.

    Args:
        task: as of `write`.

    Returns:
        The files' names, and how many pixels differ from the proposal, by class and together.
    """
    from PIL import Image

    model, folder = models[task["model"]], Path(task["folder"])
    if model.task.overlapping:
        raise SegkitError("corrections of overlapping classes are not kept yet", "download the mask")
    mask = write(models, {**task, "name": "mask"}, tell)[0]
    grid = task["grid"]
    labels = unpacked(task["labels"], grid)
    proposed = unpacked(Path(task["proposed"]).read_bytes(), grid)
    packed = gzip.compress(proposed.tobytes(), 1, mtime=0)
    proposal = write(models, {**task, "labels": packed, "name": "proposal"}, tell)[0]
    (folder / "labels.gz").write_bytes(gzip.compress(labels.tobytes(), 1, mtime=0))
    dataset = mask
    if labels.ndim == 2:
        dataset = "dataset.png"
        Image.fromarray(labels).save(folder / dataset)  # grey, its values the labels, as classes.toml says
    names = enumerate(model.task.classes, start=1)
    changed = {name: int(np.count_nonzero((labels == label) != (proposed == label))) for label, name in names}
    return {
        "mask": mask,
        "proposal": proposal,
        "dataset": dataset,
        "pixels": int(np.count_nonzero(labels != proposed)),
        "pixels_changed": changed,
    }


TASKS = {"keep": keep, "predict": predict, "picture": picture, "explain": explain, "write": write}
