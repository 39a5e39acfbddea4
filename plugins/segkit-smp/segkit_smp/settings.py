"""What follows from the params for the rest of a run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from segkit import Task


def normalization(task: Task, params: Any) -> Mapping[str, Any]:
    """Return the normalisation that the library states for its pretrained weights; nothing for random ones.

    Of a file's weights it is known for timm's encoders only. It is of red, green and blue: nothing is said of others.
    """
    timms = params.encoder.startswith("tu-")
    of_file = params.weights is not None or isinstance(params.pretrained, Path)
    if task.in_channels != 3 or not (params.pretrained is True or (timms and of_file)):
        return {}
    from segmentation_models_pytorch.encoders import get_preprocessing_params

    from segkit_smp.weights import offline

    if timms:
        from timm.models import is_model_pretrained

        if not is_model_pretrained(params.encoder.removeprefix("tu-")):
            return {}
    beside = None if timms else described(params)
    found = beside or offline(lambda: get_preprocessing_params(params.encoder), params)
    if found["input_range"] != [0, 1] or found["input_space"] != "RGB":
        return {}
    return {"data.normalization": "fixed", "data.mean": found["mean"], "data.std": found["std"]}


def described(params: Any) -> Mapping[str, Any] | None:
    """Return what the file beside the library's weights says of their normalisation; None where it is not at hand."""
    from segkit.data.pretrained import at_hand
    from segkit.files import read_json
    from segkit_smp.published import CONFIG, published

    weights = published(params)
    path = at_hand(weights) if weights else None
    if path is None or not path.with_name(CONFIG).is_file():
        return None
    said = read_json(path.with_name(CONFIG), dict)
    # Where it says nothing, the library takes these.
    usual = {"input_space": "RGB", "input_range": [0, 1]}
    return {**usual, **said} if {"mean", "std"} <= set(said) else None
