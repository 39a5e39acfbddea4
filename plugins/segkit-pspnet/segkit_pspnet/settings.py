"""What follows from a PSPNet's params for the rest of a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from segkit import Task
from segkit_pspnet.params import PSPNetParams


def normalization(task: Task, params: PSPNetParams) -> Mapping[str, Any]:
    """Return the normalisation that the backbone's weights were trained with; nothing for random weights.

    timm's numbers are of red, green and blue. Grey images, whose first layer timm makes by adding the three up, get the
    mean of the three; other channels are no colours, and nothing is said of them.
    """
    if (not params.pretrained and params.weights is None) or task.in_channels not in (1, 3):
        return {}
    from timm.models import get_pretrained_cfg, is_model

    try:
        config = get_pretrained_cfg(params.backbone) if is_model(params.backbone) else None
    except RuntimeError:
        # There is no such tag: building the backbone says so, with the tags that there are.
        config = None
    if config is None:
        return {}
    mean, std = list(config.mean), list(config.std)
    if task.in_channels == 1:
        mean, std = [round(sum(mean) / 3, 6)], [round(sum(std) / 3, 6)]
    return {"data.normalization": "fixed", "data.mean": mean, "data.std": std}
