"""A hook that asks for an argument."""

import segkit


@segkit.hookimpl
def segkit_losses(registry):
    """Ask for the registry."""
    return registry
