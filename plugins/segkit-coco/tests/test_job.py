"""The whole job on outlines of the generated photographs of another plugin."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from contourpy import contour_generator
from PIL import Image

from segkit.cli import main
from segkit_coco.coco import CocoReader
from segkit_coco.params import CocoParams, YoloParams
from segkit_coco.yolo import YoloReader

HEIGHT, WIDTH = 96, 128
SMALL = ["--size", "32", "--epochs", "1", "--set", "arch.depth=2", "--set", "train.batch_size=2"]


def outlines(mask: np.ndarray) -> list[list[float]]:
    """Outline a mask midway between the centres of pixels inside and outside of it; holes are left out."""
    lines = contour_generator(z=np.pad(mask, 1).astype(float)).lines(0.5)
    return [(line - 0.5).ravel().tolist() for line in lines if len(line) > 3]


@pytest.fixture(scope="module")
def converted(tmp_path_factory) -> tuple[Path, Path, dict[str, np.ndarray]]:
    """Generated dermoscopic photographs with their outlines as COCO and as YOLO files, and their masks."""
    dermoscopy = pytest.importorskip("segkit_isic.dermoscopy", reason="segkit-isic draws the photographs")
    coco, yolo, masks = tmp_path_factory.mktemp("coco"), tmp_path_factory.mktemp("yolo"), {}
    (coco / "images").mkdir()
    for at, (split, count) in enumerate((("train", 6), ("val", 2), ("test", 2))):
        content: dict = {"images": [], "annotations": [], "categories": [{"id": 7, "name": "lesion"}]}
        for kind in ("images", "labels"):
            (yolo / kind / split).mkdir(parents=True)
        for number in range(count):
            picture, mask = dermoscopy.draw_pair(np.random.default_rng((0, at, number)), HEIGHT, WIDTH)
            id = f"{split}-{number}"
            masks[id] = mask
            for folder in (coco / "images", yolo / "images" / split):
                Image.fromarray(picture).save(folder / f"{id}.png")
            content["images"].append({"id": number, "file_name": f"{id}.png", "width": WIDTH, "height": HEIGHT})
            parts = outlines(mask)
            content["annotations"].append({"id": number, "image_id": number, "category_id": 7, "segmentation": parts})
            shares = [(np.array(part).reshape(-1, 2) / (WIDTH, HEIGHT)).ravel() for part in parts]
            lines = [" ".join(["0", *(f"{share:.8f}" for share in part)]) for part in shares]
            (yolo / "labels" / split / f"{id}.txt").write_text("\n".join(lines))
        (coco / f"{split}.json").write_text(json.dumps(content))
    (yolo / "data.yaml").write_text("train: images/train\nval: images/val\ntest: images/test\nnames: [lesion]\n")
    return coco, yolo, masks


def test_outlines_give_the_masks_back(converted):
    """A mask that was outlined and filled again is the same, pixel for pixel, in both formats."""
    coco, yolo, masks = converted
    for reader in (CocoReader(coco, CocoParams()), YoloReader(yolo, YoloParams())):
        cases = [case for split in ("train", "val", "test") for case in reader.cases(split)]
        assert {case.id for case in cases} == set(masks)
        for case in cases:
            assert np.array_equal(reader.read(case).mask, masks[case.id]), case.id


@pytest.mark.parametrize("name", ["coco", "yolo"])
def test_run(converted, tmp_path, monkeypatch, name):
    """`segkit run --data coco` trains, scores and reports; its scored cases are those of the test split."""
    monkeypatch.setenv("SEGKIT_CACHE", str(tmp_path / "cache"))
    root = converted[0] if name == "coco" else converted[1]
    folder = tmp_path / "run"
    arguments = ["run", "--arch", "unet", "--data", name, "--data-root", str(root), "--output", str(folder), *SMALL]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    assert (folder / "report.html").stat().st_size > 10_000
    assert len((folder / "cases.csv").read_text().splitlines()) == 3
    assert len(list((folder / "predictions").iterdir())) == 2
