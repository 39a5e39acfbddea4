"""Apply an exported graph to photographs with nothing of segkit: python apply_graph.py model.onnx PHOTO...

It writes PHOTO.mask.png, reads model.onnx.json beside the graph, and needs numpy, Pillow and onnxruntime.
"""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from PIL import Image, ImageOps


def linear(side: int, length: int) -> np.ndarray:
    """Weights (length, side) that interpolate linearly, pixel centres aligned, corners not."""
    at = np.clip((np.arange(length) + 0.5) * side / length - 0.5, 0, side - 1)
    low = np.floor(at).astype(int)
    weights = np.zeros((length, side))
    weights[np.arange(length), low] += 1 - (at - low)
    weights[np.arange(length), np.minimum(low + 1, side - 1)] += at - low
    return weights


def mask_of(path: str, session: onnxruntime.InferenceSession, how: dict[str, Any]) -> np.ndarray:
    """Labels (H, W) of one photograph."""
    (height, width), own = how["resize"]["size"], Image.open(path)
    turned = own.getexif().get(0x0112, 1) >= 5
    upright = own.size[::-1] if turned else own.size
    box = own.draft(None, (how["reduced_jpeg"]["at_least"],) * 2)  # a JPEG is decoded at a part of its scale
    box = (0, 0, *own.size) if box is None else box[1]
    picture = own.convert("RGB").resize((height, width) if turned else (width, height), Image.Resampling.BILINEAR, box)
    picture.getexif().update(own.getexif())
    picture = ImageOps.exif_transpose(picture).convert(how["colour"])
    x = np.atleast_3d(np.asarray(picture, np.float32)).transpose(2, 0, 1)[None] / 255
    numbers = how["normalisation"]
    if numbers["kind"] == "image":
        x = x - x.mean((2, 3), keepdims=True)
        x = x / np.maximum(np.sqrt((x**2).mean((2, 3), keepdims=True)), numbers["least_deviation"])
    elif numbers["mean"]:
        x = (x - np.reshape(numbers["mean"], (1, -1, 1, 1))) / np.reshape(numbers["std"], (1, -1, 1, 1))
    missing = [(0, -side % how["pad"]["multiple"]) for side in (height, width)]
    rows, columns = linear(height, upright[1]), linear(width, upright[0])
    total = 0
    for axes in how["mirrored_copies"]:  # axes of N, C, H, W; the copy that is not mirrored first
        copy = np.pad(np.flip(x, axes).astype(np.float32), ((0, 0), (0, 0), *missing), mode="edge")
        logits = session.run(None, {"images": copy})[0][0, :, :height, :width].astype(float)
        logits = np.flip(rows @ logits @ columns.T, [axis - 1 for axis in axes])
        shifted = np.exp(logits - logits.max(0))
        total = total + (1 / (1 + np.exp(-logits)) if how["decode"] == "sigmoid" else shifted / shifted.sum(0))
    total = total / len(how["mirrored_copies"])
    return (total[0] > 0.5).astype(np.uint8) if how["decode"] == "sigmoid" else total.argmax(0).astype(np.uint8)


if __name__ == "__main__":
    graph, *photographs = sys.argv[1:]
    steps = json.loads(Path(f"{graph}.json").read_text(encoding="utf-8"))["steps"]
    for photograph in photographs:
        mask = mask_of(photograph, onnxruntime.InferenceSession(graph), steps)
        Image.fromarray(mask).save(photograph + ".mask.png")
