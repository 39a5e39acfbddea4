"""Gradient times activation of a layer."""

from dataclasses import dataclass

import segkit


@dataclass(frozen=True)
class Params:
    """What can be set with `--set explainer.old-explainer.PARAM=VALUE`."""

    # Replace by the params of your explainer.
    positive: bool = segkit.param(False, "Leave out gradients that are below 0.")


@segkit.hookimpl
def segkit_explainers():
    """Declare the explainer; torch is imported when it is built."""
    # Replace the summary by what it is, and add the paper it comes from as reference="...".
    summary = "Gradient times activation of a layer."
    return [
        segkit.Explainer(name="old-explainer", factory="segkit_old_explainer:build", params=Params, summary=summary)
    ]


def build(params):
    """Return the function that explains: raw signed maps (N, *grid) on the layer's grid, and a status per image."""
    from segkit.explain import tap

    def explain(model, x, layer, target):
        tapped = tap(model, x, layer)
        gradient = tapped.gradient(target)
        # Replace from here: gradient and activation are (N, C, *grid).
        weights = gradient.clamp(min=0) if params.positive else gradient
        return (weights * tapped.activation.detach()).sum(dim=1), target.status

    return explain
