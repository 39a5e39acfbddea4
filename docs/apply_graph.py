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


def stretched(scores: np.ndarray, axis: int, length: int, *, as_torch: bool) -> np.ndarray:
    """Interpolate float32 linearly to a length along an axis, pixel centres aligned, corners not.

    Where a pixel lies is rounded as it is there: at a working size of 64 that moves a logit by up to a ten-thousandth.
    """
    side, exact = scores.shape[axis], np.arange(length) + 0.5
    scale = float(np.float32(side / length)) if as_torch else side / length
    at = np.clip((scale * exact - 0.5).astype(np.float32 if as_torch else float), 0, side - 1)
    low = at.astype(int)
    share = np.expand_dims((at - low).astype(np.float32), [*range(1, scores.ndim - axis)])
    below, above = scores.take(low, axis), scores.take(np.minimum(low + 1, side - 1), axis)
    if not as_torch:
        return below + share * (above - below)
    return ((1 - share).astype(float) * below + above * share).astype(np.float32)  # a fused multiply-add rounds once


def mask_of(path: str, session: onnxruntime.InferenceSession, how: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Labels (H, W) of one photograph, and by how much the likeliest label leads the next."""
    (height, width), photo = how["resize"]["size"], Image.open(path)
    turned = photo.getexif().get(0x0112, 1) >= 5
    upright = photo.size[::-1] if turned else photo.size
    box = photo.draft(None, (how["reduced_jpeg"]["at_least"],) * 2)  # a JPEG is decoded at a part of its scale
    box = (0, 0, *photo.size) if box is None else box[1]
    picture = photo.convert("RGB").resize(
        (height, width) if turned else (width, height), Image.Resampling.BILINEAR, box
    )
    picture.getexif().update(photo.getexif())
    picture = ImageOps.exif_transpose(picture).convert(how["colour"])
    x = np.atleast_3d(np.asarray(picture, np.float32)).transpose(2, 0, 1)[None] / 255
    numbers = how["normalisation"]
    if numbers["kind"] == "image":
        x = x - x.mean((2, 3), keepdims=True)
        x = x / np.maximum(np.sqrt((x**2).mean((2, 3), keepdims=True)), numbers["least_deviation"])
    elif numbers["mean"]:
        x = (x - np.float32(numbers["mean"])[:, None, None]) / np.float32(numbers["std"])[:, None, None]
    missing = [(0, -side % how["pad"]["multiple"]) for side in (height, width)]
    total = 0
    for axes in how["mirrored_copies"]:  # axes of N, C, H, W; the copy that is not mirrored first
        copy = np.pad(np.flip(x, axes).astype(np.float32), ((0, 0), (0, 0), *missing), mode="edge")
        logits = session.run(None, {"images": copy})[0][0, :, :height, :width]
        across = stretched(logits, 2, upright[0], as_torch=True)
        own = stretched(across, 1, upright[1], as_torch=len(how["mirrored_copies"]) > 1)
        own = np.flip(own, [axis - 1 for axis in axes]).astype(float)
        shifted = np.exp(own - own.max(0))
        found = 1 / (1 + np.exp(-own)) if how["decode"] == "sigmoid" else shifted / shifted.sum(0)
        total = total + found.astype(np.float32) / np.float32(len(how["mirrored_copies"]))
    if how["decode"] == "sigmoid":
        return (total[0] > 0.5).astype(np.uint8), np.abs(2 * total[0] - 1)
    first = np.partition(total, -2, axis=0)
    return total.argmax(0).astype(np.uint8), first[-1] - first[-2]


if __name__ == "__main__":
    graph, *photographs = sys.argv[1:]
    beside = json.loads(Path(f"{graph}.json").read_text(encoding="utf-8"))
    for photograph in photographs:
        mask, lead = mask_of(photograph, onnxruntime.InferenceSession(graph), beside["steps"])
        Image.fromarray(mask).save(photograph + ".mask.png")
        undecided = np.count_nonzero(lead <= beside["checked"]["largest_difference"])
        print(f"{photograph}.mask.png: {undecided} of {mask.size} pixels are decided by how the runtime rounds")
