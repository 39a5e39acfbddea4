"""The weights that timm publishes for a backbone."""

from __future__ import annotations

from pathlib import Path

from huggingface_hub import hf_hub_url, try_to_load_from_cache
from timm.models import get_pretrained_cfg, is_model

from segkit.data.pretrained import FILE, PretrainedWeights
from segkit_pspnet.params import PSPNetParams


def published(params: PSPNetParams) -> PretrainedWeights | None:
    """Return the weights that timm names for the backbone; None where it names none on the hub."""
    try:
        config = get_pretrained_cfg(params.backbone) if is_model(params.backbone) else None
    except RuntimeError:
        # There is no such tag: building the backbone says so, with the tags that there are.
        config = None
    if config is None or not config.hf_hub_id or config.hf_hub_filename:
        return None
    name, _, revision = config.hf_hub_id.partition("@")
    cached = try_to_load_from_cache(name, FILE, revision=revision or None)
    return PretrainedWeights(
        name=name,
        url=hf_hub_url(name, FILE, revision=revision or None),
        licence=config.license or "",
        homepage=f"https://huggingface.co/{name}",
        elsewhere=Path(cached) if isinstance(cached, str) else None,
    )
