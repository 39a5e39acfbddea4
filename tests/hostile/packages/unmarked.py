"""Forgets to mark its hook."""

import segkit


def segkit_losses():
    """Return a loss that nobody asks for."""
    return [segkit.Loss(name="unmarked", factory="hostile_unmarked:build", summary="Never seen.")]
