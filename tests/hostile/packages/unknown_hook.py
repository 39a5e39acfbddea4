"""A hook that segkit does not have."""

import segkit


@segkit.hookimpl
def segkit_architecture():
    """Forget the plural."""
    return []
