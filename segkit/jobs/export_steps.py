"""What stands around a graph for programs: every step with its numbers, as docs/apply_graph.py follows them."""

from __future__ import annotations

import math
from typing import Any

from segkit.data.intensities import STD_FLOOR
from segkit.data.normalize import PLUGIN
from segkit.data.photographs import DETAIL
from segkit.engine.infer import mirrored_axes
from segkit.model import Model

COLOURS = {1: "L", 3: "RGB"}
"""Pillow's modes: the order of the channels."""


def steps(model: Model, multiple: int) -> dict[str, Any] | None:
    """Return the steps from a photograph's file to its mask and back; None where only the sentences say them.

    They are for networks that are shown whole photographs of classes that exclude each other.

    Args:
        model: as it predicts; `header` says whether it mirrors.
        multiple: of both sides, that the graph takes.
    """
    predictor = model.predictor
    if predictor.volumes or model.image_dims != 2 or model.task.overlapping or predictor.calibration is not None:
        return None
    numbers = predictor.normalization
    if model.image_channels not in COLOURS or numbers.kind == PLUGIN or numbers.low:
        return None
    mirrors = bool(model.header["preprocessing"].get("mirror"))
    if model.header["preprocessing"].get("turn"):
        return None  # copies that are turned have no place among the steps, which programs follow to the letter
    height, width = predictor.size
    return {
        "colour": COLOURS[model.image_channels],
        "turned": "upright, as EXIF says",
        "reduced_jpeg": {"at_least": math.ceil(max(height, width) * DETAIL), "by": "Pillow's Image.draft"},
        "resize": {"size": [height, width], "filter": "Pillow's BILINEAR"},
        "divide_by": 255,
        "normalisation": {
            "kind": numbers.kind,
            "mean": list(numbers.mean),
            "std": list(numbers.std),
            "least_deviation": STD_FLOOR,
        },
        "mirrored_copies": [list(axes) for axes in mirrored_axes(2, predictor.mirrored)] if mirrors else [[]],
        "pad": {"multiple": multiple, "where": "end", "by": "edge"},
        "interpolate": "logits of each copy linearly, corners not aligned, to the photo's size, then mirrored back",
        "rounding": rounding(mirrors=mirrors),
        "decode": "sigmoid" if model.task.out_channels == 1 else "softmax",
        "average": "probabilities of the copies",
        "label": "1 above 0.5" if model.task.out_channels == 1 else "the largest",
        "postprocess": {name: value for name, value in model.header.get("postprocess", {}).items() if value},
    }


def rounding(*, mirrors: bool) -> dict[str, str]:
    """Return what decides labels whose probabilities are all but equal: one pixel of six millions (issue 27).

    A float32 position at a working size of 64 moves a logit by up to a ten-thousandth; runtimes differ by less.
    """
    by_torch = "positions in float32, low * (1 - share) + high * share rounded once"
    return {
        "values": "float32; an average adds its copies one after another, each divided by their number",
        "first": "along rows of pixels, to the photo's width: " + by_torch,
        "then": "along columns: " + (by_torch if mirrors else "shares in float32, low + share * (high - low)"),
        "undecided": "where the likeliest label leads by no more than checked.largest_difference",
    }
