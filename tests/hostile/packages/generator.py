"""A hook that yields."""

import segkit


@segkit.hookimpl
def segkit_losses():
    """Yield."""
    yield segkit.Loss(name="yielded", factory="hostile_generator:build", summary="Yielded.")
