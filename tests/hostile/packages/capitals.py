"""A component name in capitals."""

import segkit


@segkit.hookimpl
def segkit_losses():
    """Return a loss that shouts."""
    return [segkit.Loss(name="DICE", factory="hostile_capitals:build", summary="Shouting.")]
