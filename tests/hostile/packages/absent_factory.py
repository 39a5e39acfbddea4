"""Components whose strings lead nowhere."""

import segkit


@segkit.hookimpl
def segkit_losses():
    """Return losses without a module, and without a function in it."""
    return [
        segkit.Loss(name="no-module", factory="hostile_nowhere:build", summary="Its module does not exist."),
        segkit.Loss(name="no-function", factory="hostile_absent_factory:build", summary="Its function does not exist."),
        segkit.Loss(name="no-callable", factory="hostile_absent_factory:VALUE", summary="Its factory is a number."),
    ]


VALUE = 3
