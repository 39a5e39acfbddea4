"""The weights that the library, or timm, publishes for an encoder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from huggingface_hub import hf_hub_url, try_to_load_from_cache

from segkit.data.pretrained import FILE, PretrainedWeights

CONFIG = "config.json"
"""Beside the library's own weights: the normalisation that they were trained with."""


def published(params: Any) -> PretrainedWeights | None:
    """Return the weights of an encoder; None where nobody publishes any as safetensors on the hub."""
    if params.encoder.startswith("tu-"):
        return of_timm(params.encoder.removeprefix("tu-"))
    from segmentation_models_pytorch.encoders import encoders

    found = encoders.get(params.encoder, {}).get("pretrained_settings", {}).get("imagenet")
    if not found:
        return None
    name, revision = found["repo_id"], found["revision"]
    return on_hub(name, revision, licence="", beside=(hf_hub_url(name, CONFIG, revision=revision),))


def of_timm(name: str) -> PretrainedWeights | None:
    """Return what timm names for one of its models."""
    from timm.models import get_pretrained_cfg, is_model

    try:
        config = get_pretrained_cfg(name) if is_model(name) else None
    except RuntimeError:
        # There is no such tag: building the encoder says so, with the tags that there are.
        config = None
    if config is None or not config.hf_hub_id or config.hf_hub_filename:
        return None
    repository, _, revision = config.hf_hub_id.partition("@")
    return on_hub(repository, revision or None, licence=config.license or "")


def on_hub(name: str, revision: str | None, *, licence: str, beside: tuple[str, ...] = ()) -> PretrainedWeights:
    """Describe the file of a repository."""
    cached = try_to_load_from_cache(name, FILE, revision=revision)
    return PretrainedWeights(
        name=name,
        url=hf_hub_url(name, FILE, revision=revision),
        licence=licence,
        homepage=f"https://huggingface.co/{name}",
        beside=beside,
        elsewhere=Path(cached) if isinstance(cached, str) else None,
    )
