"""The published weights that an architecture would start with, as its plugin declares them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from segkit import params
from segkit.data.pretrained import PretrainedWeights
from segkit.declarations import resolve
from segkit.discovery import Found
from segkit.errors import UsageError

PREFIX = "arch."


def published_weights(found: Found, said: Mapping[str, Any]) -> PretrainedWeights | None:
    """Return what `arch.pretrained=true` would start with, under the architecture's defaults and what people said.

    Args:
        found: an architecture.
        said: its params by dotted name.

    Returns:
        None where its plugin declares none, or nobody publishes any for these params.

    Raises:
        UsageError: a setting is none of the architecture's params.
    """
    component: Any = found.component
    strays = [name for name in said if not name.startswith(PREFIX)]
    if strays:
        raise UsageError(f"--set {strays[0]} does not change which weights are meant", f"set {PREFIX}PARAM=VALUE")
    if not getattr(component, "pretrained", ""):
        return None
    wanted = {**component.defaults.get(component.spatial_dims[0], {}), **said}
    own = {name.removeprefix(PREFIX): value for name, value in wanted.items() if name.startswith(PREFIX)}
    chosen = params.build(component.params, own, f"arch {component.name}")
    weights: PretrainedWeights | None = resolve(component.pretrained, f"{found.full_name}: pretrained")(chosen)
    return weights
