"""A hook for architectures that returns a loss."""

import segkit


@segkit.hookimpl
def segkit_architectures():
    """Return a loss."""
    return [segkit.Loss(name="misplaced", factory="hostile_wrong_kind:build", summary="A loss among networks.")]
