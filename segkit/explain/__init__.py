"""Explanations with evidence: targets, the gradient tap, heat maps, and numbers that say whether to believe them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from segkit.explain.called import resolve_layer
    from segkit.explain.explanation import Explanation, read_explanation
    from segkit.explain.gradient_tap import Tapped, tap
    from segkit.explain.heat import Padding, crop, watch_padding
    from segkit.explain.one_pass import forward
    from segkit.explain.targets import BoundTarget, Target, parse_target

__all__ = [
    "BoundTarget",
    "Explanation",
    "Padding",
    "Tapped",
    "Target",
    "crop",
    "forward",
    "parse_target",
    "read_explanation",
    "resolve_layer",
    "tap",
    "watch_padding",
]

# A target's text is checked before torch is imported, which the rest needs.
_HOMES = {
    "BoundTarget": "targets",
    "Explanation": "explanation",
    "Padding": "heat",
    "Tapped": "gradient_tap",
    "Target": "targets",
    "crop": "heat",
    "forward": "one_pass",
    "parse_target": "targets",
    "read_explanation": "explanation",
    "resolve_layer": "called",
    "tap": "gradient_tap",
    "watch_padding": "heat",
}


def __getattr__(name: str) -> Any:
    """Import a name at its first use."""
    if name not in _HOMES:
        raise AttributeError(f"module 'segkit.explain' has no attribute {name!r}")
    import importlib

    value = getattr(importlib.import_module(f"segkit.explain.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
