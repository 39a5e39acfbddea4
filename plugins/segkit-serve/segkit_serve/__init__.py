"""A page and an interface over HTTP for trained models: drop an image, see its mask, correct it, hand it over."""

from __future__ import annotations

__version__ = "0.1.0"

import segkit


@segkit.hookimpl
def segkit_commands() -> dict[str, str]:
    """Return the commands: serve models, and say which images to look at next."""
    return {"serve": "segkit_serve.cli:serve", "next": "segkit_serve.next_cli:next_images"}


@segkit.hookimpl
def segkit_datasets() -> list[segkit.Dataset]:
    """Return the dataset of what was corrected."""
    return [
        segkit.Dataset(
            name="corrections",
            factory="segkit_serve.dataset:CorrectionsReader",
            summary="What people corrected on the page of segkit serve --keep.",
            params="segkit_serve.params:CorrectionsParams",
            modes={"images": 2, "slices": 2, "slab": 2, "patches": 3},
        )
    ]
