"""A hook that returns a dict."""

import segkit


@segkit.hookimpl
def segkit_losses():
    """Return a dict."""
    return {"hostile": "hostile_wrong_type:build"}
