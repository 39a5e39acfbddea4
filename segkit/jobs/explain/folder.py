"""The folder of explanations: maps, pictures, and one index that says what there is."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from segkit.explain.explanation import Explanation
from segkit.files import alone_in, own_folder, write_json, write_whole
from segkit.jobs.explain.subject import Subject
from segkit.report.explanation_panels import draw_pictures
from segkit.report.explanation_tiles import Tile
from segkit.report.overlays import jpeg_bytes
from segkit.rundir.read import read_explained

INDEX = "index.json"
FORMAT = 1


@dataclass(frozen=True)
class Explained:
    """What was written of one image.

    Attributes:
        record: as in the index.
        panel: the picture with all maps.
    """

    record: dict[str, Any]
    panel: Path


def write_explained(
    folder: Path,
    subject: Subject,
    prediction: np.ndarray,
    found: Sequence[Explanation],
    *,
    classes: Sequence[str],
    notice: str = "",
) -> Explained:
    """Write one image's maps and picture to folder/NAME/ and note them in folder/index.json.

    Several processes may explain into one folder: each writes an image alone, and no entry of the index is lost.

    Args:
        classes: foreground class names.
        notice: said in the picture: that the data are generated.
    """
    own_folder(folder.parent, folder.name)
    with alone_in(folder, "explaining into", wait=True):
        return write_alone(folder, subject, prediction, found, classes, notice)


def write_alone(
    folder: Path,
    subject: Subject,
    prediction: np.ndarray,
    found: Sequence[Explanation],
    classes: Sequence[str],
    notice: str,
) -> Explained:
    """Write one image's maps, picture and entry while no other process writes here."""
    place = own_folder(folder, subject.name)
    maps = []
    for explanation in found:
        stem = stem_of(explanation)
        explanation.save(place / stem)
        maps.append(map_record(explanation, f"{subject.name}/{stem}"))
        write_map = getattr(subject.format, "write_map", None)
        if explanation.heat.ndim == 3 and write_map is not None and subject.file is not None:
            maps[-1]["volume"] = f"{subject.name}/{write_map(place / stem, explanation.heat, subject.file).name}"
    targets = list(dict.fromkeys(slug(explanation.meta["target"].partition(":")[0]) for explanation in found))
    panel = place / f"panel-{'-'.join(targets) or 'none'}.png"
    drawn = draw_pictures(subject.image, subject.reference, prediction, found, classes=classes)
    content = drawn.panel(notice)
    write_whole(panel, lambda stream: stream.write(content))
    score = math.nan if subject.score is None else subject.score
    record = {
        "case": subject.name,
        "label": subject.label,
        "score": subject.score,
        # JSON has no infinity, and the worst case of a run is often one that was missed.
        **({"infinite": 1 if score > 0 else -1} if math.isinf(score) else {}),
        "score_name": subject.score_name,
        "panel": f"{subject.name}/{panel.name}",
        "pictures": list(write_tiles(place, panel.stem, drawn.tiles)),
        "maps": maps,
    }
    note(folder / INDEX, record)
    return Explained(record, panel)


def write_tiles(place: Path, stem: str, tiles: Sequence[Tile]) -> Iterator[dict[str, Any]]:
    """Write the pictures of a panel one by one, and yield their entries in the index."""
    for number, tile in enumerate(tiles, 1):
        path = place / f"{stem}-{number:02d}.jpg"
        write_whole(path, partial(write_jpeg, tile.picture))
        yield {"file": f"{place.name}/{path.name}", "title": tile.title, "map": tile.map}


def write_jpeg(picture: np.ndarray, stream: BinaryIO) -> None:
    """Write a picture (H, W, 3) into an open file."""
    stream.write(jpeg_bytes(picture))


def stem_of(explanation: Explanation) -> str:
    """Return a file name that says explainer, target and layer."""
    meta = explanation.meta
    name = str(meta["explainer"]).rpartition(":")[2]
    return "-".join(slug(part) for part in (name, str(meta["target"]), str(meta["layer"])) if part)


def slug(text: str) -> str:
    """Make text into a part of a file name."""
    return re.sub(r"[^A-Za-z0-9._]+", "-", text).strip("-.")[:60]


def map_record(explanation: Explanation, stem: str) -> dict[str, Any]:
    """Return one map's entry in the index."""
    meta = explanation.meta
    return {
        "explainer": str(meta["explainer"]).rpartition(":")[2],
        "map": meta.get("map", "attribution"),
        "class": meta["class"],
        "target": meta["target"],
        "target_pixels": meta["target_pixels"],
        "target_score": explanation.target_score,
        "layer": meta["layer"],
        "notes": meta["notes"],
        "status": explanation.status,
        "raw_max": explanation.raw_max,
        "file": f"{stem}.npz",
        "evidence": explanation.evidence,
    }


def note(path: Path, record: dict[str, Any]) -> None:
    """Add an entry to the index, in the place of one about the same picture."""
    kept = [entry for entry in read_explained(path) if entry["panel"] != record["panel"]]
    write_json(path, {"format": FORMAT, "explained": [*kept, record]})
