"""Tiny folders of annotated photographs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segkit import SegkitError
from segkit.data.inventory import inventory_of
from segkit_coco.coco import CocoReader
from segkit_coco.params import CocoParams, YoloParams
from segkit_coco.reader import OutlineReader
from segkit_coco.yolo import YoloReader

HEIGHT, WIDTH = 8, 12
SQUARE = [2, 1, 6, 1, 6, 5, 2, 5]
"""Columns 2 to 5, rows 1 to 4."""
EXIF_ORIENTATION = 0x0112


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """An empty folder."""
    folder = tmp_path / "data"
    folder.mkdir()
    return folder


@pytest.fixture
def photograph(root: Path) -> Callable[..., Path]:
    """Write a photograph of noise that no other name has: `photograph("images/a.png", exif=6)`."""

    def write(path: str, size: tuple[int, int] = (WIDTH, HEIGHT), exif: int | None = None) -> Path:
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        noise = np.random.default_rng(sum(path.encode())).integers(0, 256, (*size[::-1], 3), dtype=np.uint8)
        options = {}
        if exif is not None:
            tags = Image.Exif()
            tags[EXIF_ORIENTATION] = exif
            options["exif"] = tags
        Image.fromarray(noise).save(target, **options)
        return target

    return write


@pytest.fixture
def write(root: Path, photograph: Callable[..., Path]) -> Callable[..., None]:
    """Write a COCO file and the photographs that it lists: `write("train.json", coco(["a.png"]))`."""

    def write_file(path: str, content: object, images: str | None = "images") -> None:
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content if isinstance(content, str) else json.dumps(content))
        if images is not None and isinstance(content, dict):
            for image in content["images"]:
                photograph(f"{images}/{image['file_name']}")

    return write_file


@pytest.fixture
def reader(root: Path) -> Callable[..., CocoReader]:
    """Open the folder: `reader(overlap="last")`."""
    return lambda **params: CocoReader(root, CocoParams(**params))


@pytest.fixture
def whole(reader: Callable[..., CocoReader]) -> Callable[..., CocoReader]:
    """Open the folder with all cases for training."""
    return lambda **params: reader(val=0.0, test=0.0, **params)


@pytest.fixture
def yolo(root: Path) -> Callable[..., YoloReader]:
    """Open the folder as YOLO labels, all cases for training where nothing says the splits."""
    return lambda **params: YoloReader(root, YoloParams(val=0.0, test=0.0, **params))


@pytest.fixture
def label(root: Path, photograph: Callable[..., Path]) -> Callable[..., None]:
    """Write a photograph and its label: `label("train/a", "0 0 0 1 0 1 1")`."""

    def write_label(name: str, text: str | None) -> None:
        photograph(f"images/{name}.png")
        target = root / "labels" / f"{name}.txt"
        target.parent.mkdir(parents=True, exist_ok=True)
        if text is not None:
            target.write_text(text)

    return write_label


@pytest.fixture
def annotation() -> Callable[..., dict]:
    """Make an annotation of a square, its id that of its image."""

    def make(image: object, category: object = 1, segmentation: object = None, **more: object) -> dict:
        outline = [SQUARE] if segmentation is None else segmentation
        return {"id": image, "image_id": image, "category_id": category, "segmentation": outline, "iscrowd": 0, **more}

    return make


@pytest.fixture
def coco(annotation: Callable[..., dict]) -> Callable[..., dict]:
    """Make a COCO object: images numbered from 1, each with a square where annotations are not given."""

    def make(names: list[str], annotations: list | None = None, categories: object = ("lesion",)) -> dict:
        images = [{"id": at, "file_name": name, "width": WIDTH, "height": HEIGHT} for at, name in enumerate(names, 1)]
        if not isinstance(categories, list):
            categories = [{"id": at, "name": name} for at, name in enumerate(categories, 1)]
        listed = [annotation(image["id"]) for image in images] if annotations is None else annotations
        return {"images": images, "annotations": listed, "categories": categories}

    return make


@pytest.fixture
def ids() -> Callable[..., list[str]]:
    """The ids of a split: `ids(opened, "val")`."""
    return lambda opened, split="train": [case.id for case in opened.cases(split)]


@pytest.fixture
def mask_of() -> Callable[..., np.ndarray]:
    """The label map of one case: `mask_of(opened, "a")`."""

    def read(opened: OutlineReader, id: str) -> np.ndarray:
        every = [case for split in ("train", "val", "test") for case in opened.cases(split)]
        [case] = [case for case in every if case.id == id]
        return opened.read(case).mask

    return read


@pytest.fixture
def told() -> Callable[[OutlineReader], str]:
    """Everything that is said of how the files were understood."""

    def say(opened: OutlineReader) -> str:
        every = [case for split in ("train", "val", "test") for case in opened.cases(split)]
        left_out = [f"{problem.file} {problem.reason}" for problem in inventory_of(opened, every, opened.root).left_out]
        return "\n".join([*(f"{name}: {text}" for name, text in opened.describe()), *opened.remarks(), *left_out])

    return say


@pytest.fixture
def refused() -> Callable[[Callable[[], object]], str]:
    """The one line that something is refused with."""

    def catch(use: Callable[[], object]) -> str:
        with pytest.raises(SegkitError) as caught:
            use()
        assert caught.value.hint
        assert "\n" not in str(caught.value)
        return str(caught.value)

    return catch


@pytest.fixture
def square() -> np.ndarray:
    """The label map of SQUARE."""
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[1:5, 2:6] = 1
    return mask
