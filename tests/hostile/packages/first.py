"""Provides a loss that another plugin provides too."""

import segkit


@segkit.hookimpl
def segkit_losses():
    """Return the loss that both have."""
    return [segkit.Loss(name="contested", factory="hostile_first:build", summary="The first one.")]


def build(task, params):
    """Tell which one this is."""
    return "first"
