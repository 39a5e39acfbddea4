"""A hook that fails when it is called."""

import segkit


@segkit.hookimpl
def segkit_losses():
    """Fail."""
    raise RuntimeError("the database\nis locked")
