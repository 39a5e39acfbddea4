"""What photographs with outlines want of a run, nothing else being known of them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from segkit_folder.recipe import RECIPE as FOLDER

RECIPE: Mapping[str, Any] = MappingProxyType(
    {**{name: value for name, value in FOLDER.items() if not isinstance(value, Mapping)}, **FOLDER["images"]}
)
"""Config fields (segkit/settings.py) by dotted name: those of a folder of one's own, in its mode images."""
