"""What follows from the params for the rest of a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from segkit import Task


def normalization(task: Task, params: Any) -> Mapping[str, Any]:
    """Return the normalisation that the library states for its pretrained weights; nothing for random ones.

    Of a file's weights it is known for timm's encoders only. It is of red, green and blue: nothing is said of others.
    """
    timms = params.encoder.startswith("tu-")
    if task.in_channels != 3 or not (params.pretrained or (timms and params.weights is not None)):
        return {}
    from segmentation_models_pytorch.encoders import get_preprocessing_params

    from segkit_smp.weights import offline

    if timms:
        from timm.models import is_model_pretrained

        if not is_model_pretrained(params.encoder.removeprefix("tu-")):
            return {}
    found = offline(lambda: get_preprocessing_params(params.encoder), params.encoder)
    if found["input_range"] != [0, 1] or found["input_space"] != "RGB":
        return {}
    return {"data.normalization": "fixed", "data.mean": found["mean"], "data.std": found["std"]}
