"""Datasets of strangers: their descriptions (TOML, CSV, JSON, YAML, text), their masks and how their files lie."""

from __future__ import annotations

import json
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
from PIL import Image
from siege import Attack
from spoiling import TEXTS, VALUES, another_kind, spoil_bytes, spoil_json, spoil_text
from works import photograph

COMMANDS = (("data", "verify"), ("data", "info", "--json"), ("data", "info"), ("data", "verify", "--deep", "--json"))
WEIGHTS = (5, 1, 2, 2)
OUTSIDE = ("../outside/canary", "/etc/passwd", "..\\outside\\canary", "imagesTr/../../outside/canary", "\x1b[2J.png")
NAMES = ("a\nb.png", "\x1b]0;title\x07.png", "\u202egnp.png", "x" * 250 + ".png", ".png", " .png", "=1+1.png", "-o.png")


def write_folder(root: Path) -> None:
    """Photographs with masks, classes.toml and splits.csv."""
    for name in ("images", "masks"):
        (root / name).mkdir(parents=True)
    for number in range(5):
        photograph(number, (16, 12)).save(root / "images" / f"case-{number}.png")
        mask = np.zeros((12, 16), np.uint8)
        mask[3:8, 2:9], mask[9:11, 9:12] = 1, 2
        Image.fromarray(mask).save(root / "masks" / f"case-{number}.png")
    (root / "classes.toml").write_text("[classes]\nlesion = 1\nhair = 2\n")
    rows = [
        f"case-{number},{split},p{number}" for number, split in enumerate(("train", "train", "train", "val", "test"))
    ]
    (root / "splits.csv").write_text("\n".join(["id,split,patient", *rows, ""]))


def write_decathlon(root: Path) -> None:
    """Volumes in the Decathlon's layout, with dataset.json."""
    values = np.arange(4 * 5 * 6, dtype=np.int16).reshape(4, 5, 6)
    for place, data in (("imagesTr", values), ("labelsTr", (values % 3).astype(np.uint8))):
        (root / place).mkdir(parents=True)
        for number, name in enumerate("uvwxyz"):  # equal images in two splits would be told, and rightly
            own = data + np.int16(number) if place == "imagesTr" else data
            nibabel.save(nibabel.Nifti1Image(own, np.diag([1.0, 1.0, 2.0, 1.0])), root / place / f"{name}.nii.gz")
    whole = {
        "name": "spheres",
        "channel_names": {"0": "CT"},
        "labels": {"background": 0, "a": 1, "b": 2},
        "numTraining": 6,
        "file_ending": ".nii.gz",
        "training": [{"image": f"./imagesTr/{name}.nii.gz", "label": f"./labelsTr/{name}.nii.gz"} for name in "uvwxyz"],
    }
    (root / "dataset.json").write_text(json.dumps(whole))


def write_coco(root: Path) -> None:
    """Photographs with outlines in a COCO file."""
    (root / "images").mkdir(parents=True)
    images, outlines = [], []
    for number in range(1, 6):
        photograph(number, (16, 12)).save(root / "images" / f"{number}.png")
        images.append({"id": number, "file_name": f"{number}.png", "width": 16, "height": 12})
        square = [2, 2, 9, 2, 9, 8, 2, 8]
        common = {"image_id": number, "area": 42, "bbox": [2, 2, 7, 6], "iscrowd": 0}
        outlines.append({"id": number, "category_id": 1, "segmentation": [square], **common})
        runs = {"counts": [170, 20, 2], "size": [12, 16]}
        if number == 5:  # beside the other one, which is of another class
            outlines.append({"id": 99, "category_id": 2, "segmentation": runs, **common, "iscrowd": 1})
    content = {
        "images": images,
        "annotations": outlines,
        "categories": [{"id": 1, "name": "a"}, {"id": 2, "name": "b"}],
    }
    (root / "annotations.json").write_text(json.dumps(content))


def write_yolo(root: Path) -> None:
    """Photographs with outlines in text files, and data.yaml."""
    for folder in ("images", "labels"):
        (root / folder).mkdir(parents=True)
    for number in range(4):
        photograph(number, (16, 12)).save(root / "images" / f"{number}.png")
        (root / "labels" / f"{number}.txt").write_text("0 0.1 0.1 0.6 0.1 0.6 0.6\n1 0.7 0.7 0.9 0.7 0.9 0.9 0.7 0.9\n")
    (root / "data.yaml").write_text("path: .\ntrain: images\nnames:\n  0: a\n  1: b\n")


KINDS: dict[str, tuple[str, Callable[[Path], None], tuple[str, ...]]] = {
    "folder": (
        "folder",
        write_folder,
        ("classes.toml", "splits.csv", "classes.toml", "splits.csv", "masks/case-0.png"),
    ),
    "msd": ("msd", write_decathlon, ("dataset.json", "dataset.json", "dataset.json", "labelsTr/x.nii.gz")),
    "coco": ("coco", write_coco, ("annotations.json", "annotations.json", "annotations.json", "images/1.png")),
    "yolo": ("yolo", write_yolo, ("data.yaml", "labels/1.txt", "data.yaml", "labels/2.txt", "images/1.png")),
}


class Datasets:
    """Attacks by the data of one plugin."""

    name = "datasets"
    kind = "folder"

    def __init__(self, works: Path) -> None:
        self.works = works

    def prepare(self, place: Path) -> None:
        """Write what is right."""
        for name, (_, write, _) in KINDS.items():
            write(place / name)
        self.base = place

    def draw(self, home: Path, seed: int) -> Attack:
        """Spoil one to three of its files or how they lie."""
        dice = random.Random(seed)
        kind = dice.choice(sorted(KINDS))
        name, _, files = KINDS[kind]
        root = home / "data"
        shutil.copytree(self.base / kind, root)
        command = dice.choices(COMMANDS, WEIGHTS)[0]
        args = (*command[:2], name, "--data-root", "data", *command[2:])
        if dice.random() < 0.04:
            return Attack(args, lambda code: f"code {code}" if code else "")
        for _ in range(dice.choice((1, 1, 1, 2, 3))):
            try:
                self.spoil(root / dice.choice(files), root, dice)
            except (OSError, ValueError, LookupError, TypeError, RecursionError):
                continue  # spoiled before
        return Attack(args)

    @staticmethod
    def spoil(path: Path, root: Path, dice: random.Random) -> None:
        """Spoil a file as what it is, as bytes, as such; name others in it; or lay strange files beside it."""
        draw = dice.random()
        if path.is_fifo():
            return  # laid here before: whoever opens it waits, the generator too
        if draw < 0.5 and path.suffix in (".json", ".toml", ".csv", ".yaml", ".txt"):
            (spoil_json if path.suffix == ".json" else spoil_text)(path, dice)
        elif draw < 0.6 and path.suffix in (".json", ".csv", ".yaml"):
            text = path.read_text(encoding="utf-8")
            words = ("case-1", "./imagesTr/y.nii.gz", "2.png", "images", "y", "a", "train")
            word = dice.choice([word for word in words if word in text])
            path.write_text(text.replace(word, json.dumps(dice.choice(OUTSIDE))[1:-1], 1), encoding="utf-8")
        elif draw < 0.7:
            path.write_bytes(dice.choice(TEXTS))
        elif draw < 0.8:
            dice.choice((spoil_bytes, another_kind))(path, dice)
        elif draw < 0.9:
            folders = [folder for folder in root.iterdir() if folder.is_dir()]
            strange = dice.choice(folders) / dice.choice(NAMES)
            shutil.copy(next(dice.choice(folders).iterdir()), strange)
        elif draw < 0.95:
            folder = dice.choice([found for found in root.iterdir() if found.is_dir()])
            os.mkfifo(folder / "pipe.png")
            (folder / "circle.png").symlink_to("circle.png")
        else:
            with path.open("ab") as stream:
                stream.write(str(dice.choice(VALUES)).encode("utf-8", "surrogatepass")[:5000])
