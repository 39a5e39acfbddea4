"""Make the gallery's example pictures, docs/images/gallery/KIND-NAME.jpg, from generated samples.

    python docs/gallery_pictures.py                        datasets, explainers, and the networks of NETWORKS
    python docs/gallery_pictures.py --arch unet --arch ... these networks alone
    python docs/gallery_pictures.py --data amos            this dataset alone

A dataset's picture is a case of its generated sample with its mask. Networks are trained on the generated photographs,
in minutes, and show one case of the test split, the same for all; explainers explain that case for the first network.
Every picture says on itself that it is of a generated sample.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

import segkit
from segkit.data.case import Case, Sample
from segkit.data.dataset import DatasetReader
from segkit.discovery import Registry
from segkit.engine.predictions import read_prediction
from segkit.explain.explanation import COLOUR_MAP, Explanation
from segkit.files import write_whole
from segkit.jobs.predict.overlays import coloured_labels, montage, overlay_jpeg
from segkit.model import Model
from segkit.params import build
from segkit.report.pictures import displayable

PICTURES = Path(__file__).parent / "images" / "gallery"
NETWORKS = ("unet", "unetpp", "pspnet", "smp-unet", "monai-dynunet")
PHOTOGRAPHS = "isic"
CASE = 3
"""Which of the test cases, in order of their ids."""
EPOCHS, SIZE = 8, 64
WIDTH = 720
GAP = 8
HEAT = 0.6


def open_sample(name: str, folder: Path) -> DatasetReader | None:
    """Write a dataset's generated sample and open it; None where it draws none."""
    found = Registry.discover().find("data", name)
    factory, params = found.load(), build(found.component.params, {}, name)
    if not callable(getattr(factory, "make_sample", None)):
        return None
    root = folder / name
    root.mkdir()
    factory.make_sample(root, params)
    reader: DatasetReader = factory(root, params)
    return reader


def beside(*tiles: np.ndarray) -> np.ndarray:
    """Put pictures (H, W, 3) of one height side by side, at the width of the gallery."""
    gap = np.full((len(tiles[0]), GAP, 3), 24, np.uint8)
    joined = np.concatenate([part for tile in tiles for part in (gap, tile)][1:], axis=1)
    height = round(joined.shape[0] * WIDTH / joined.shape[1])
    return np.asarray(Image.fromarray(joined).resize((WIDTH, height), Image.Resampling.LANCZOS))


def save(name: str, picture: np.ndarray, classes: Sequence[str], caption: str) -> None:
    """Write a picture with its legend and what it is of."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    content = overlay_jpeg(picture, classes, f"GENERATED SAMPLE: {caption}", quality=80)
    write_whole(PICTURES / f"{name}.jpg", lambda stream: stream.write(content))


def dataset_picture(name: str, reader: DatasetReader) -> None:
    """Show a case of a sample with its mask."""
    classes = list(reader.task.classes)
    case = reader.cases("train")[CASE]
    sample = reader.read(case)
    assert sample.mask is not None
    if sample.mask.ndim == 3:
        picture = beside(montage(sample.image, sample.mask[None], sample.spacing))
        save(f"data-{name}", picture, classes, "slices of one case")
    else:
        picture = beside(displayable(sample.image), coloured_labels(sample.image, sample.mask[None]))
        save(f"data-{name}", picture, classes, "image; mask")


def network_picture(name: str, reader: DatasetReader, root: Path, folder: Path) -> None:
    """Train a network for a minute and show the test case with its prediction."""
    settings = {"components.explainers": (), "evaluate.mirror": False}
    run = segkit.run(
        arch=name, data=PHOTOGRAPHS, data_root=root, size=SIZE, epochs=EPOCHS, output=folder / name, settings=settings
    )
    case, sample = test_case(reader)
    prediction = read_prediction(reader, run.folder / "predictions", case)
    with (run.folder / "cases.csv").open(encoding="utf-8") as stream:
        (score,) = (row["dice"] for row in csv.DictReader(stream) if row["case"] == case.id)
    assert sample.mask is not None
    picture = beside(coloured_labels(sample.image, sample.mask[None]), coloured_labels(sample.image, prediction[None]))
    caption = f"reference; {name}, {EPOCHS} epochs at {SIZE} pixels, Dice {float(score):.2f}"
    save(f"arch-{name}", picture, reader.task.classes, caption)


def test_case(reader: DatasetReader) -> tuple[Case, Sample]:
    """The case that networks and explainers are shown on."""
    case = sorted(reader.cases("test"), key=lambda one: one.id)[CASE]
    return case, reader.read(case)


def explainer_picture(name: str, model: Model, sample: Sample) -> None:
    """Show the prediction and the heat map of what was predicted."""
    found = model.explain(sample.image, name)
    picture = beside(coloured_labels(sample.image, model.predict(sample.image)[None]), with_heat(sample.image, found))
    caption = f"prediction of {NETWORKS[0]}; {name}, {found.meta['layer']}"
    save(f"explainer-{name}", picture, model.task.classes, caption)


def with_heat(image: np.ndarray, found: Explanation) -> np.ndarray:
    """Lay a heat map over the grey image, (H, W, 3) uint8."""
    from matplotlib import colormaps

    grey = np.asarray(Image.fromarray(displayable(image)).convert("L").convert("RGB"), np.float32)
    heat = 255 * colormaps[COLOUR_MAP](found.heat)[..., :3]
    mixed: np.ndarray = np.rint((1 - HEAT) * grey + HEAT * heat).astype(np.uint8)
    return mixed


def main() -> None:
    """Make the pictures asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--arch", action="append", default=[])
    parser.add_argument("--data", action="append", default=[])
    given = parser.parse_args()
    everything = not given.arch and not given.data
    datasets = [found.component.name for found in segkit.components("data")] if everything else given.data
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        for name in datasets:
            reader = open_sample(name, folder)
            if reader is not None:
                dataset_picture(name, reader)
        (folder / "photographs").mkdir()
        networks = NETWORKS if everything else given.arch
        photographs = open_sample(PHOTOGRAPHS, folder / "photographs") if networks else None
        for name in networks:
            assert photographs is not None
            network_picture(name, photographs, folder / "photographs" / PHOTOGRAPHS, folder)
            if name == NETWORKS[0]:
                model = segkit.load(folder / name)
                for found in segkit.components("explainer"):
                    if found.component.needs:
                        continue  # the first network offers nothing beyond what every network has
                    explainer_picture(found.component.name, model, test_case(photographs)[1])


if __name__ == "__main__":
    main()
