"""A page and an interface over HTTP for trained models: drop an image, see its mask, correct it, hand it over."""

from __future__ import annotations

__version__ = "0.1.0"

import segkit


@segkit.hookimpl
def segkit_commands() -> dict[str, str]:
    """Return the command that serves models."""
    return {"serve": "segkit_serve.cli:serve"}
