"""Thin vessels: parts of photographs at every pixel of theirs, against the whole resized, in equal seconds of training.

    python benchmarks/drive.py DRIVE FOLDER [--epochs 100,30] [--seed 0]

DRIVE (Staal et al. 2004) is laid out as its authors do: training/ and test/, each with images, 1st_manual and mask,
the field of view; test/ has 2nd_manual too, another reader's drawing. Its 20 training photographs train, its own 20
test photographs are scored by the last epoch's weights, inside of the field of view, on their own grid. `--epochs` are
those of tiles and of the whole: choose them so that the seconds of training, which are printed, are alike. What is
there already is not trained again.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image
from trained import epochs_of, scores_of, told, train

METRICS = {"dice": "Dice", "cl-dice": "centre-line Dice"}
COMMON = (
    "--arch unet --data folder --metric dice --metric cl-dice --explain none --set run.threads=1 --set arch.width=16 "
    "--set arch.depth=4 --set train.learning_rate=0.002 --set data.field_of_view=view --set augment.flip=0.5 "
    "--set evaluate.save_predictions=false"
)
WAYS = {
    "tiles": "--set data.mode=tiles --size 128 --set data.patches=16 --set train.batch_size=16",
    "the whole at 512": "--size 512 --set train.batch_size=2",
}


def only(folder: Path, number: str) -> Path:
    """The one file of a case."""
    (file,) = folder.glob(f"{number}_*")
    return file


def drawn(file: Path) -> np.ndarray:
    """What a GIF marks."""
    with Image.open(file, formats=["GIF"]) as image:
        return np.asarray(image.convert("L")) > 0


def lay_out(source: Path, place: Path) -> Path:
    """Write the photographs of both halves as a folder of one's own: images by links, GIFs as PNGs."""
    root = place / "data"
    rows = ["case,split"]
    for part in ("training", "test"):
        for image in sorted((source / part / "images").glob("*.tif")):
            number = image.name[:2]
            rows.append(f"{number},{'train' if part == 'training' else 'test'}")
            for folder, file in (
                ("images", image),
                ("masks", only(source / part / "1st_manual", number)),
                ("view", only(source / part / "mask", number)),
            ):
                target = root / folder / (number + (".tif" if folder == "images" else ".png"))
                target.parent.mkdir(parents=True, exist_ok=True)
                if target.exists():
                    continue
                if folder == "images":
                    target.symlink_to(file.resolve())
                else:
                    Image.fromarray(drawn(file) * np.uint8(255)).save(target)
    (root / "splits.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return root


def second_reader(source: Path) -> list[float]:
    """Dice of the other reader's drawing inside of the field of view, photograph by photograph."""
    found = []
    for file in sorted((source / "test" / "2nd_manual").glob("*.gif")):
        number = file.name[:2]
        folders = (source / "test" / name for name in ("1st_manual", "mask"))
        first, view = (drawn(only(folder, number)) for folder in folders)
        other = drawn(file) & view
        found.append(2 * (first & view & other).sum() / ((first & view).sum() + other.sum()))
    return found


def seconds(run: Path) -> float:
    """What training took by the clock."""
    return sum(float(epoch["seconds"]) for epoch in epochs_of(run))


def main() -> None:
    """Train what is missing and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path)
    parser.add_argument("place", type=Path)
    parser.add_argument("--epochs", default="100,30")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    root = lay_out(options.source, options.place)
    scores = {}
    for (name, said), epochs in zip(WAYS.items(), options.epochs.split(","), strict=True):
        run = options.place / f"{name.replace(' ', '-')}-{options.seed}"
        length = ["--epochs", epochs, "--seed", str(options.seed)]
        train(run, *COMMON.split(), *said.split(), "--data-root", str(root), *length)
        scores[name] = {metric: scores_of(run, metric)["foreground"] for metric in METRICS}
        means = " | ".join(told(list(values.values())) for values in scores[name].values())
        print(f"| {name} | {epochs} | {seconds(run):.0f} s | {means} |")
    print(f"| another reader | | | {told(second_reader(options.source))} | |")
    one, other = scores.values()
    gained = [told([value - other[metric][case] for case, value in one[metric].items()]) for metric in METRICS]
    print(f"| tiles less the whole | | | {' | '.join(gained)} |")


if __name__ == "__main__":
    main()
