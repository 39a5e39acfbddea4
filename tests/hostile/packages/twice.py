"""Declares one name twice, once as an alias."""

import segkit


@segkit.hookimpl
def segkit_losses():
    """Return two components of one name."""
    first = segkit.Loss(name="again", factory="hostile_twice:build", summary="First.")
    return [first, segkit.Loss(name="other", aliases=("again",), factory="hostile_twice:build", summary="Second.")]
