"""A component name with a slash."""

import segkit


@segkit.hookimpl
def segkit_losses():
    """Return a loss named like a path."""
    return [segkit.Loss(name="soft/dice", factory="hostile_slash:build", summary="Named like a path.")]
