"""The version: the ground that every floor may stand on."""

from __future__ import annotations

__version__ = "0.1.0"
