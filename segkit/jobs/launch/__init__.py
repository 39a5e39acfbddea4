"""Runs as jobs of an engine: prepared, submitted, watched, taken up again."""

from __future__ import annotations
