"""Is written for another core; it would be fine otherwise."""

import segkit


@segkit.hookimpl
def segkit_losses():
    """Return a good loss."""
    return [segkit.Loss(name="excluded", factory="hostile_excluding:build", summary="For another core.")]
